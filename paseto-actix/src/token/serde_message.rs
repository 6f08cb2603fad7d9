//! Removes the values of the input from messages of serde, because values can be secrets or
//! personal data.

/// Returns a message of serde without values and without the position in the input.
///
/// Returns `None` for a message of another form, for example from a type of the application,
/// because it can contain values. The words after "expected" are from the type and not from the
/// input.
pub(super) fn without_values(message: &str) -> Option<String> {
    let message = message.rsplit_once(" at line ").map_or(message, |(message, _)| message);
    for known in ["missing field `", "duplicate field `"] {
        if let Some(rest) = message.strip_prefix(known) {
            return Some(format!("{known}{}`", rest.split_once('`')?.0));
        }
    }
    for known in ["invalid type: ", "invalid value: "] {
        if let Some(rest) = message.strip_prefix(known) {
            let (found, expected) = rest.rsplit_once(", expected ")?;
            // A type of the application can write a value here, so only words of serde are copied.
            let word = found.split(['"', '`']).next().unwrap_or_default().trim_end();
            let found = KINDS
                .into_iter()
                .find(|(kind, _)| *kind == word)
                .map_or("another value", |(_, found)| found);
            return Some(format!("expected {expected}, found {found}"));
        }
    }
    for known in ["unknown field `", "unknown variant `"] {
        if let Some(rest) = message.strip_prefix(known) {
            let expected =
                rest.rsplit_once("`, expected ").map_or("no field", |(_, expected)| expected);
            return Some(format!("{}, expected {expected}", known.trim_end_matches(" `")));
        }
    }
    let (length, expected) = message.strip_prefix("invalid length ")?.split_once(", expected ")?;
    let is_number = !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| format!("expected {expected}, found {length} elements"))
}

/// The words of serde and serde_json for kinds of values, and the words of this crate for them.
const KINDS: [(&str, &str); 12] = [
    ("boolean", "a boolean"),
    ("integer", "a number"),
    ("floating point", "a number with a fraction"),
    ("character", "a character"),
    ("string", "a string"),
    ("byte array", "bytes"),
    ("unit value", "null"),
    ("null", "null"),
    ("Option value", "an optional value"),
    ("sequence", "a list"),
    ("map", "a map"),
    ("enum", "an enum"),
];

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)]
    struct Claims {
        tenant: String,
        seats: Option<u8>,
        plan: Option<Plan>,
        pair: Option<(u8, u8)>,
        address: Option<std::net::IpAddr>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Plan {
        Free,
        Pro,
    }

    #[test]
    fn messages_of_an_application_contain_no_values() {
        for message in [
            "invalid value: s3cret, expected a card number",
            "invalid type: string s3cret, expected a card number",
        ] {
            assert_eq!(
                without_values(message).as_deref(),
                Some("expected a card number, found another value")
            );
        }
        for message in
            ["invalid length of `s3cret`", "invalid length s3cret, expected 3", "no s3cret"]
        {
            assert_eq!(without_values(message), None);
        }
    }

    #[test]
    fn messages_contain_field_names_and_no_values() {
        for (json, description) in [
            (r#"{}"#, Some("missing field `tenant`")),
            (r#"{"tenant":"s3cret","tenant":"s3cret"}"#, Some("duplicate field `tenant`")),
            (r#"{"tenant":4711}"#, Some("expected a string, found a number")),
            (r#"{"tenant":["s3cret"]}"#, Some("expected a string, found a list")),
            (r#"{"tenant":null}"#, Some("expected a string, found null")),
            (
                r#"{"tenant":"","seats":"s3cret, expected `x` at line 4711"}"#,
                Some("expected u8, found a string"),
            ),
            (r#"{"tenant":"","seats":4711}"#, Some("expected u8, found a number")),
            (
                r#"{"tenant":"","seats":4711.5}"#,
                Some("expected u8, found a number with a fraction"),
            ),
            (
                r#"{"tenant":"","plan":"s3cret`, expected x"}"#,
                Some("unknown variant, expected `free` or `pro`"),
            ),
            (r#"{"tenant":"","pair":[1]}"#, Some("expected a tuple of size 2, found 1 elements")),
            (r#"{"tenant":"","address":"s3cret"}"#, None),
            (
                r#"{"s3cret`, expected x":1}"#,
                Some("unknown field, expected one of `tenant`, `seats`, `plan`, `pair`, `address`"),
            ),
            (r#"{"tenant":"#, None),
        ] {
            let message = serde_json::from_str::<Claims>(json).expect_err(json).to_string();
            let found = without_values(&message);
            assert_eq!(found.as_deref(), description, "{message}");
        }
    }
}
