//! The names in requirements: scopes and values of `acr`.

use crate::token::is_scope_token;

/// The kind of a name, for panic messages.
#[derive(Clone, Copy, Debug)]
pub(super) enum NameKind {
    Scope,
    Acr,
}

impl NameKind {
    const fn text(self) -> &'static str {
        match self {
            Self::Scope => "scope",
            Self::Acr => "`acr` value",
        }
    }
}

enum Fault {
    Empty,
    Space,
    Character,
}

/// Returns why a name is not a scope-token of [RFC 6749, section 3.3].
///
/// [RFC 6749, section 3.3]: https://www.rfc-editor.org/rfc/rfc6749#section-3.3
const fn fault(name: &str) -> Option<Fault> {
    let bytes = name.as_bytes();
    let mut index = 0;
    while index < bytes.len() {
        if bytes[index] == b' ' {
            return Some(Fault::Space);
        }
        index += 1;
    }
    match (bytes.is_empty(), is_scope_token(name)) {
        (true, _) => Some(Fault::Empty),
        (_, true) => None,
        (_, false) => Some(Fault::Character),
    }
}

/// Checks the names of one requirement of a middleware.
#[track_caller]
pub(super) fn assert_names<S: Into<String>>(
    kind: NameKind,
    names: impl IntoIterator<Item = S>,
) -> Vec<String> {
    let (mut asserted, what) = (Vec::new(), kind.text());
    // A closure would hide the location of the caller in the panic.
    for name in names {
        let name = name.into();
        match fault(&name) {
            None => asserted.push(name),
            Some(Fault::Empty) => panic!("the {what} \"\" is empty: set a value, or remove it"),
            Some(Fault::Space) => {
                panic!(
                    "the {what} {name:?} contains a space: write each {what} as a separate string"
                )
            }
            Some(Fault::Character) => panic!(
                "the {what} {name:?} contains a character that is not allowed: use visible ASCII characters other than the \
                 double quote and the backslash"
            ),
        }
    }
    asserted
}

/// Checks one scope of the attribute at compile time.
///
/// # Panics
///
/// If the scope is not a scope-token, or occurs earlier in the list.
#[track_caller]
pub const fn assert_scope(scopes: &[&str], index: usize) {
    assert_constant(
        scopes,
        index,
        [
            "a scope cannot be empty: name it, or remove it",
            "a scope cannot contain a space: write each scope as a separate constant",
            "a scope can contain only visible ASCII characters other than the double quote and the backslash: rename it",
            "this scope is in the list already: remove it",
        ],
    );
}

/// Checks one `acr` value of the attribute at compile time.
///
/// # Panics
///
/// If a challenge cannot contain the value, or if it occurs earlier in the list.
#[track_caller]
pub const fn assert_acr_value(values: &[&str], index: usize) {
    assert_constant(
        values,
        index,
        [
            "an `acr` value cannot be empty: name it, or remove it",
            "an `acr` value cannot contain a space: write each value as a separate constant",
            "an `acr` value can contain only visible ASCII characters other than the double quote and the backslash: rename it",
            "this `acr` value is in the list already: remove it",
        ],
    );
}

#[track_caller]
const fn assert_constant(
    names: &[&str],
    index: usize,
    [empty, space, character, repeated]: [&'static str; 4],
) {
    let problem = match fault(names[index]) {
        Some(Fault::Empty) => empty,
        Some(Fault::Space) => space,
        Some(Fault::Character) => character,
        None if is_repeated(names, index) => repeated,
        None => return,
    };
    panic!("{}", problem);
}

const fn is_repeated(names: &[&str], index: usize) -> bool {
    let mut earlier = 0;
    while earlier < index {
        if is_equal(names[earlier].as_bytes(), names[index].as_bytes()) {
            return true;
        }
        earlier += 1;
    }
    false
}

/// Compares strings. `==` of strings is not `const`.
const fn is_equal(a: &[u8], b: &[u8]) -> bool {
    let mut index = 0;
    while index < a.len() && index < b.len() && a[index] == b[index] {
        index += 1;
    }
    index == a.len() && index == b.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_equal_names_are_repeated() {
        let names = ["ab", "abc", "a", "", "abd", "abc"];
        for index in 0..5 {
            assert!(!is_repeated(&names, index), "{index}");
        }
        assert!(is_repeated(&names, 5));
    }
}
