//! Times in claims: RFC 3339, in the strict form.

use time::{OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339};

/// `2026-01-01T00:00:00Z` has 20 characters, nanoseconds and a numeric offset make 35.
const LENGTHS: std::ops::RangeInclusive<usize> = 20..=35;

/// Reads a time in the grammar of [RFC 3339, section 5.6], with an upper-case `T` and `Z`.
///
/// `time` takes any separator in place of the `T`, which would give one time many spellings.
///
/// [RFC 3339, section 5.6]: https://www.rfc-editor.org/rfc/rfc3339#section-5.6
pub(crate) fn parse_time(text: &str) -> Option<OffsetDateTime> {
    let strict = LENGTHS.contains(&text.len()) && text.as_bytes()[10] == b'T' && !text.ends_with('z');
    if strict { OffsetDateTime::parse(text, &Rfc3339).ok() } else { None }
}

/// Writes a time in whole seconds, as `2026-01-01T00:00:00Z`; `None` outside of the years 0 to 9999.
pub(crate) fn format_time(time: OffsetDateTime) -> Option<String> {
    time.checked_to_offset(UtcOffset::UTC)?.replace_nanosecond(0).ok()?.format(&Rfc3339).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_we_write_is_what_we_read() {
        let time = time::macros::datetime!(2039-01-01 00:00:00.75 +01:00);
        let text = format_time(time).expect("a time of this era");
        assert_eq!(text, "2038-12-31T23:00:00Z");
        assert_eq!(parse_time(&text), time.replace_nanosecond(0).ok());
    }

    #[test]
    fn only_one_spelling_is_read() {
        assert!(parse_time("2039-01-01T00:00:00+00:00").is_some());
        assert!(parse_time("2039-01-01T00:00:00.123456789-08:00").is_some());
        for text in [
            "",
            "2039-01-01",
            "2039-01-01 00:00:00Z",
            "2039-01-01t00:00:00Z",
            "2039-01-01T00:00:00z",
            "2039-01-01T00:00:00",
            "2039-01-01T00:00:00+0000",
            "2039-1-1T00:00:00.00Z",
            "2039-02-30T00:00:00Z",
            "2039-01-01T24:00:00Z",
            "+02039-01-01T00:00:00Z",
            " 2039-01-01T00:00:00Z",
            "2039-01-01T00:00:00Z ",
            "2039-01-01T00:00:00.Z",
            "2039-01-01T00:00:00.1234567890123+00:00",
        ] {
            assert_eq!(parse_time(text), None, "{text:?}");
        }
    }
}
