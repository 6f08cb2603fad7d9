//! Quotes strings from clients and settings in error messages.

use std::borrow::Cow;

/// The maximum length of one quoted string, in characters.
const MAX_CHARS: usize = 200;
/// The maximum number of quoted strings in a list.
const MAX_ITEMS: usize = 5;

/// Returns whether a string contains a secret key, which a user may put in a wrong place.
pub(crate) fn has_secret_key(text: &str) -> bool {
    ["k4.secret", "k4.local", "-----BEGIN"].into_iter().any(|start| text.contains(start))
}

/// Returns the string in backticks, with control characters and backticks escaped. Hides a secret
/// key.
pub(crate) fn quote(text: &str) -> String {
    if has_secret_key(text) {
        return "`…`".to_owned();
    }
    let (excerpt, rest) =
        text.char_indices().nth(MAX_CHARS).map_or((text, ""), |(end, _)| (&text[..end], "…"));
    format!("`{}{rest}`", excerpt.escape_debug().to_string().replace('`', "\\u{60}"))
}

/// Escapes line breaks and other characters that change the layout of a log.
pub(crate) fn on_one_line(text: Cow<'static, str>) -> Cow<'static, str> {
    let changes_layout = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    if !text.contains(changes_layout) {
        return text;
    }
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if changes_layout(c) { line.extend(c.escape_default()) } else { line.push(c) }
    }
    line.into()
}

/// Returns a list such as "`a`, `b` or `c`", with the conjunction before the last string.
pub(crate) fn quote_list(texts: &[impl AsRef<str>], conjunction: &str) -> String {
    let mut quoted: Vec<_> =
        texts.iter().take(MAX_ITEMS).map(|text| quote(text.as_ref())).collect();
    if texts.len() > MAX_ITEMS {
        quoted.push(format!("{} others", texts.len() - MAX_ITEMS));
    }
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} {conjunction} {last}", rest.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_strings_are_escaped_and_bounded() {
        assert_eq!(quote("https://a/"), "`https://a/`");
        assert_eq!(quote("a\n\u{202e}b"), "`a\\n\\u{202e}b`");
        assert_eq!(quote(&"é".repeat(201)), format!("`{}…`", "é".repeat(200)));
        assert_eq!(quote("https://k4.secret.AAAA"), "`…`");
        assert_eq!(quote("a`, for which `b"), "`a\\u{60}, for which \\u{60}b`");
        assert_eq!(on_one_line("a \"b\" `c` é".into()), "a \"b\" `c` é");
        assert_eq!(
            on_one_line("a\nERROR b\u{1b}[31m\u{202e}".into()),
            "a\\nERROR b\\u{1b}[31m\\u{202e}"
        );
        assert_eq!(quote_list(&[""; 0], "or"), "");
        assert_eq!(quote_list(&["a"], "or"), "`a`");
        assert_eq!(quote_list(&["a", "b"], "and"), "`a` and `b`");
        assert_eq!(quote_list(&["a", "b", "c"], "or"), "`a`, `b` or `c`");
        assert_eq!(quote_list(&["a"; 9], "or"), "`a`, `a`, `a`, `a`, `a` or 4 others");
    }
}
