//! Checks the values of the options: scopes, `acr` values and durations.

use std::collections::HashSet;

use syn::{Error, ExprPath, PatType};

use crate::args::{Args, Name, Value};
use crate::handler::Handler;
use crate::mistakes::Mistakes;

/// The maximum of `fresh` in seconds: 100 years of 365 days, as for the lifetime of a token.
const HUNDRED_YEARS: u64 = 36_500 * 24 * 60 * 60;

/// A handler with a valid signature, and its requirements.
pub(crate) struct Model {
    pub(crate) handler: Handler,
    pub(crate) arguments: Vec<PatType>,
    pub(crate) policy: Options,
}

/// The requirements for a token in addition to the verification by the `Verifier`.
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
    /// Checks the options. Reports options with a mistake and omits them.
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

    /// Returns whether the handler accepts each valid token.
    pub(crate) fn is_empty(&self) -> bool {
        let Self { scopes, any_scope, acr, fresh, check } = self;
        scopes.is_empty()
            && any_scope.is_empty()
            && acr.is_empty()
            && fresh.is_none()
            && check.is_none()
    }
}

/// The term for a name in messages, with its article and without.
type Term = (&'static str, &'static str);

const SCOPE: Term = ("a scope", "scope");
const ACR_VALUE: Term = ("an `acr` value", "`acr` value");

/// Returns the valid names, and reports the others. The expansion checks names that are constants.
fn checked_names(names: Vec<Name>, term: Term, mistakes: &mut Mistakes) -> Vec<Name> {
    let mut seen = HashSet::new();
    let mut checked = Vec::new();
    for name in names {
        let fault = match &name {
            Name::Literal(literal) => {
                let text = literal.value();
                fault_of_name(&text, term).or_else(|| {
                    let repeated = !seen.insert(text);
                    repeated.then(|| format!("this {} is in the list already: remove it", term.1))
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

/// Returns an error message if the name is not a scope-token of RFC 6749, section 3.3. `acr` values
/// can contain the same characters.
fn fault_of_name(name: &str, (a_name, bare): Term) -> Option<String> {
    if name.is_empty() {
        return Some(format!("{a_name} cannot be empty: name it, or remove it"));
    }
    let wrong = name.chars().find(|c| !matches!(c, '\x21' | '\x23'..='\x5B' | '\x5D'..='\x7E'))?;
    Some(match wrong {
        ' ' => format!("{a_name} cannot contain a space: write each {bare} as a separate string"),
        _ => format!(
            "{a_name} cannot contain {wrong:?}: use visible ASCII characters other than the double \
             quote and the backslash"
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
        // `u64::from_str` also accepts a leading `+`.
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
            return Err("a duration of zero rejects every token: write a duration above zero");
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
            ("36500d", HUNDRED_YEARS),
        ] {
            assert_eq!(text.parse(), Ok(Seconds(seconds)), "{text}");
        }
    }

    #[test]
    fn other_durations_are_rejected() {
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
            "36501d",
            "3153600001s",
            "18446744073709551615d",
            "18446744073709551616s",
        ] {
            assert!(text.parse::<Seconds>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn scopes_are_visible_ascii_without_quote_and_backslash() {
        for code in 0..=u8::MAX {
            let allowed = matches!(code, 0x21 | 0x23..=0x5B | 0x5D..=0x7E);
            let scope = format!("a{}", char::from(code));
            assert_eq!(fault_of_name(&scope, SCOPE).is_none(), allowed, "{scope:?}");
        }
        assert!(fault_of_name("", SCOPE).is_some());
        assert!(fault_of_name("pósts", SCOPE).is_some());
    }
}
