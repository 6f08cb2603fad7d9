//! A simple parser of forms (`application/x-www-form-urlencoded`), for the models.

/// The content types that the targets send.
pub const CONTENT_TYPES: [&str; 5] = [
    "application/x-www-form-urlencoded",
    "application/json",
    "Application/X-WWW-Form-Urlencoded; charset=utf-8",
    "text/plain",
    "",
];

/// Returns whether the content type is a form.
pub fn is_form(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case(CONTENT_TYPES[0])
}

/// Returns the fields of a form in their order.
pub fn fields(body: &[u8]) -> Vec<(String, String)> {
    let pairs = body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty());
    let fields = pairs.map(|pair| {
        let end = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
        (decode(&pair[..end]), decode(pair.get(end + 1..).unwrap_or_default()))
    });
    fields.collect()
}

fn decode(text: &[u8]) -> String {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let digit = |index: usize| after.get(index).and_then(|byte| char::from(*byte).to_digit(16));
        rest = after;
        match (first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high * 16 + low) as u8);
                rest = &after[2..];
            }
            (b'+', ..) => bytes.push(b' '),
            _ => bytes.push(*first),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Replaces markers such as `$T` by values.
pub fn replace(text: &[u8], values: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        match values.iter().find(|(marker, _)| rest.starts_with(marker.as_bytes())) {
            Some((marker, value)) => {
                bytes.extend(value.as_bytes());
                rest = &rest[marker.len()..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    bytes
}
