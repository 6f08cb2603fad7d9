//! What the handler demands, checked: every scope is one, every duration is positive and sane.

use std::collections::HashSet;

use syn::{Error, ExprPath, PatType};

use crate::args::{Args, Name, Value};
use crate::handler::Handler;
use crate::mistakes::Mistakes;

/// The longest time that `fresh` may allow, as for every duration of the library.
const HUNDRED_YEARS: u64 = 36_525 * 24 * 60 * 60;

/// A handler that can be rewritten, and the policy it is to be guarded by.
pub(crate) struct Model {
    pub(crate) handler: Handler,
    pub(crate) arguments: Vec<PatType>,
    pub(crate) policy: Options,
}

/// What a token must satisfy beyond being valid.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) scopes: Vec<Name>,
    pub(crate) any_scope: Vec<Name>,
    pub(crate) acr: Vec<Name>,
    pub(crate) fresh: Option<Seconds>,
    pub(crate) check: Option<ExprPath>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Seconds(pub(crate) u64);

impl Options {
    /// Options with a mistake are left out.
    pub(crate) fn new(args: Args, mistakes: &mut Mistakes) -> Self {
        let mut policy = Self::default();
        let mut seen = HashSet::new();
        for option in args.options {
            if !seen.insert(option.name.to_string()) {
                let message = format!("`{}` is given twice: keep one of them", option.name);
                mistakes.add(Error::new(option.name.span(), message));
                continue;
            }
            match option.value {
                Value::Scopes(scopes) => policy.scopes = checked_names(scopes, SCOPE, mistakes),
                Value::AnyScope(scopes) => {
                    policy.any_scope = checked_names(scopes, SCOPE, mistakes)
                }
                Value::Acr(values) => policy.acr = checked_names(values, ACR_VALUE, mistakes),
                Value::Fresh(text) => match text.value().parse() {
                    Ok(seconds) => policy.fresh = Some(seconds),
                    Err(message) => mistakes.add(Error::new(text.span(), message)),
                },
                Value::Check(path) => policy.check = Some(path),
            }
        }
        policy
    }

    /// Whether any valid token will do.
    pub(crate) fn is_empty(&self) -> bool {
        let Self { scopes, any_scope, acr, fresh, check } = self;
        scopes.is_empty()
            && any_scope.is_empty()
            && acr.is_empty()
            && fresh.is_none()
            && check.is_none()
    }
}

/// What a name is, for texts: with its article and without.
type What = (&'static str, &'static str);

const SCOPE: What = ("a scope", "scope");
const ACR_VALUE: What = ("an `acr` value", "`acr` value");

/// The names without a fault. The expansion checks those that are constants.
fn checked_names(names: Vec<Name>, what: What, mistakes: &mut Mistakes) -> Vec<Name> {
    let mut seen = HashSet::new();
    let mut checked = Vec::new();
    for name in names {
        let fault = match &name {
            Name::Literal(literal) => {
                let text = literal.value();
                fault_of_name(&text, what).or_else(|| {
                    let repeated = !seen.insert(text);
                    repeated.then(|| format!("this {} is in the list already: remove it", what.1))
                })
            }
            Name::Constant(_) => None,
        };
        match fault {
            Some(message) => mistakes.add(Error::new(name.span(), message)),
            None => checked.push(name),
        }
    }
    checked
}

/// Why this is no scope-token of RFC 6749, section 3.3. `acr` values have the same characters.
fn fault_of_name(name: &str, (a_name, bare): What) -> Option<String> {
    if name.is_empty() {
        return Some(format!("{a_name} cannot be empty: name it, or remove it"));
    }
    let wrong = name.chars().find(|c| !matches!(c, '\x21' | '\x23'..='\x5B' | '\x5D'..='\x7E'))?;
    Some(match wrong {
        ' ' => format!("{a_name} cannot hold a space: write each {bare} as a string of its own"),
        _ => format!(
            "{a_name} cannot hold {wrong:?}: it is made of visible ASCII characters other than \
             the double quote and the backslash"
        ),
    })
}

impl std::str::FromStr for Seconds {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const SHAPE: &str =
            r#"a duration is a whole number and one unit, s, m, h or d, as in "90s" or "10m""#;
        let unit = match text.chars().last() {
            Some('s') => 1,
            Some('m') => 60,
            Some('h') => 60 * 60,
            Some('d') => 24 * 60 * 60,
            _ => return Err(SHAPE),
        };
        // `u64::from_str` would take a leading `+` too.
        let digits = &text[..text.len() - 1];
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(SHAPE);
        }
        let seconds = digits
            .parse()
            .ok()
            .and_then(|number: u64| number.checked_mul(unit))
            .filter(|seconds| *seconds <= HUNDRED_YEARS)
            .ok_or("this duration is longer than a hundred years: shorten it")?;
        if seconds == 0 {
            return Err("no token is fresh for no time at all: write a duration above zero");
        }
        Ok(Self(seconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_a_number_and_a_unit() {
        for (text, seconds) in [
            ("1s", 1),
            ("10m", 600),
            ("2h", 7_200),
            ("30d", 2_592_000),
            ("007s", 7),
            ("36525d", HUNDRED_YEARS),
        ] {
            assert_eq!(text.parse(), Ok(Seconds(seconds)), "{text}");
        }
    }

    #[test]
    fn other_durations_are_refused() {
        for text in [
            "",
            "s",
            "10",
            "+1s",
            "-1s",
            "1.5h",
            "1 s",
            " 1s",
            "1s ",
            "1S",
            "1ms",
            "1w",
            "10é",
            "é",
            "0s",
            "000d",
            "36526d",
            "3155760001s",
            "18446744073709551615d",
            "18446744073709551616s",
        ] {
            assert!(text.parse::<Seconds>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn scopes_are_visible_ascii_but_for_quote_and_backslash() {
        for code in 0..=u8::MAX {
            let allowed = matches!(code, 0x21 | 0x23..=0x5B | 0x5D..=0x7E);
            let scope = format!("a{}", char::from(code));
            assert_eq!(fault_of_name(&scope, SCOPE).is_none(), allowed, "{scope:?}");
        }
        assert!(fault_of_name("", SCOPE).is_some());
        assert!(fault_of_name("pósts", SCOPE).is_some());
    }
}
