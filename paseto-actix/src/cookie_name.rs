//! Which names a cookie may have.

/// Whether a text is a token of RFC 9110, as RFC 6265 wants a cookie's name: visible ASCII without separators.
pub(crate) fn is_cookie_name(name: &str) -> bool {
    let is_token_byte = |byte: u8| byte.is_ascii_graphic() && !br#"()<>@,;:\"/[]?={}"#.contains(&byte);
    !name.is_empty() && name.bytes().all(is_token_byte)
}
