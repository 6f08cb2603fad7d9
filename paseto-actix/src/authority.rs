//! Parses the authority of a URL, such as `api.example:8443`
//! ([RFC 3986, section 3.2](https://www.rfc-editor.org/rfc/rfc3986#section-3.2)).

use std::net::Ipv6Addr;

/// Splits an authority into the host and the optional port.
pub(crate) fn split(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        // An IPv6 address in brackets contains colons.
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    }
}

pub(crate) fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok_and(|port| port > 0)
}

/// Returns whether the string is a host name or an IPv6 address in brackets.
pub(crate) fn is_host(text: &str) -> bool {
    match text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => is_host_name(text),
    }
}

/// Returns whether all labels of the string contain only ASCII letters, digits, `-` and `_`. Names
/// in other scripts must be written in Punycode.
pub(crate) fn is_host_name(text: &str) -> bool {
    let is_label = |label: &str| {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        !label.is_empty() && label.bytes().all(is_allowed)
    };
    text.split('.').all(is_label)
}
