use actix_web::cookie::Cookie;
use actix_web::http::header::{HeaderValue, InvalidHeaderValue};

use super::MAX_COOKIE_LEN;

/// A cookie whose attributes were formatted once, for all responses that set or remove it.
#[derive(Clone, Debug)]
pub(crate) struct PreparedCookie {
    name: String,
    /// `; HttpOnly; …`, without `Max-Age`.
    attributes: String,
    removal: HeaderValue,
}

impl PreparedCookie {
    /// Prepares a cookie without a value. The `cookie` crate does not know `Partitioned` ([CHIPS]).
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

    /// The longest value that browsers store, beside the name, the attributes and this `Max-Age`.
    pub(crate) fn max_value_len(&self, max_age: Option<i64>) -> usize {
        let max_age = max_age.map_or(0, |seconds| MAX_AGE.len() + seconds.to_string().len());
        MAX_COOKIE_LEN.saturating_sub(self.name.len() + "=".len() + self.attributes.len() + max_age)
    }

    /// Begins a `Set-Cookie` header with the name. The caller appends the value, and calls
    /// [`finish`](Self::finish).
    pub(crate) fn start_value(&self, value_len: usize) -> String {
        // `Max-Age` has at most 20 digits.
        let around = self.name.len() + "=".len() + self.attributes.len() + MAX_AGE.len() + 20;
        let mut text = String::with_capacity(around + value_len);
        text.push_str(&self.name);
        text.push('=');
        text
    }

    /// Appends the attributes to a header that was begun.
    pub(crate) fn into_header(
        &self,
        mut text: String,
        max_age: Option<i64>,
    ) -> Result<HeaderValue, InvalidHeaderValue> {
        text.push_str(&self.attributes);
        if let Some(seconds) = max_age {
            text.push_str(MAX_AGE);
            text.push_str(&seconds.to_string());
        }
        let mut header = HeaderValue::try_from(text)?;
        // `Debug` shows no sensitive value, and HTTP/2 keeps it out of its compression table.
        header.set_sensitive(true);
        Ok(header)
    }

    /// The header that removes the cookie.
    pub(crate) fn removal(&self) -> HeaderValue {
        self.removal.clone()
    }
}

const MAX_AGE: &str = "; Max-Age=";
