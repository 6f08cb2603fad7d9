use actix_web::cookie::Cookie;
use actix_web::http::header::{HeaderValue, InvalidHeaderValue};

use super::MAX_COOKIE_LEN;

/// A cookie whose attributes are formatted once, for all responses that set or remove the cookie.
#[derive(Clone, Debug)]
pub(crate) struct PreparedCookie {
    name: String,
    /// The formatted attributes, such as `; HttpOnly; …`, without `Max-Age`.
    attributes: String,
    removal: HeaderValue,
}

impl PreparedCookie {
    /// Formats the attributes of a cookie without a value. `partitioned` is an argument, because
    /// the `cookie` crate does not support the `Partitioned` attribute ([CHIPS]).
    ///
    /// [CHIPS]: https://www.ietf.org/archive/id/draft-cutler-httpbis-partitioned-cookies-01.html
    pub(crate) fn new(
        mut cookie: Cookie<'static>,
        partitioned: bool,
    ) -> Result<Self, InvalidHeaderValue> {
        let partitioned = if partitioned { "; Partitioned" } else { "" };
        let name = cookie.name().to_owned();
        let text = cookie.encoded().to_string();
        let attributes = format!("{}{partitioned}", &text[name.len() + "=".len()..]);
        cookie.make_removal();
        let removal = HeaderValue::try_from(format!("{}{partitioned}", cookie.encoded()))?;
        Ok(Self { name, attributes, removal })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Returns the maximum length of the value. The length of the cookie includes its name, its
    /// attributes and this `Max-Age`, and browsers can discard a longer cookie.
    pub(crate) fn max_value_len(&self, max_age: Option<i64>) -> usize {
        let max_age = max_age.map_or(0, |seconds| MAX_AGE.len() + seconds.to_string().len());
        MAX_COOKIE_LEN.saturating_sub(self.name.len() + "=".len() + self.attributes.len() + max_age)
    }

    /// Starts a `Set-Cookie` value with the name. The caller appends the value of the cookie and
    /// then calls [`finish_header`](Self::finish_header).
    pub(crate) fn start_header(&self, value_len: usize) -> String {
        // `Max-Age` has at most 20 digits.
        let overhead = self.name.len() + "=".len() + self.attributes.len() + MAX_AGE.len() + 20;
        let mut header = String::with_capacity(overhead + value_len);
        header.push_str(&self.name);
        header.push('=');
        header
    }

    /// Appends the attributes to a value from [`start_header`](Self::start_header).
    pub(crate) fn finish_header(
        &self,
        mut header: String,
        max_age: Option<i64>,
    ) -> Result<HeaderValue, InvalidHeaderValue> {
        header.push_str(&self.attributes);
        if let Some(seconds) = max_age {
            header.push_str(MAX_AGE);
            header.push_str(&seconds.to_string());
        }
        let mut header = HeaderValue::try_from(header)?;
        // `Debug` hides a sensitive value, and HTTP/2 does not add it to the compression table.
        header.set_sensitive(true);
        Ok(header)
    }

    /// Returns the `Set-Cookie` value that removes the cookie.
    pub(crate) fn removal(&self) -> HeaderValue {
        self.removal.clone()
    }
}

const MAX_AGE: &str = "; Max-Age=";
