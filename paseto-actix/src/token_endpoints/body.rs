//! The bodies of requests for tokens.

use actix_web::{HttpMessage, HttpRequest, web};
use serde::Deserialize;

use crate::refresh::RefreshError;

/// The maximum length of a body in bytes. A token has at most 8,192 bytes.
const MAX_LEN: usize = 10 * 1024;

/// The parameters of [RFC 6749, section 6] and [RFC 7009, section 2.1]. Other parameters are
/// ignored, as RFC 6749, section 3.2 requires.
///
/// [RFC 6749, section 6]: https://www.rfc-editor.org/rfc/rfc6749#section-6
/// [RFC 7009, section 2.1]: https://www.rfc-editor.org/rfc/rfc7009#section-2.1
#[derive(Default, Deserialize)]
pub(super) struct Body {
    #[serde(default)]
    grant_type: Option<String>,
    #[serde(default)]
    pub(super) refresh_token: Option<String>,
    #[serde(default)]
    pub(super) token: Option<String>,
    #[serde(skip)]
    is_form: bool,
}

impl Body {
    /// Reads a form or a JSON object. An empty body has no parameters.
    pub(super) async fn read(
        req: &HttpRequest,
        payload: web::Payload,
    ) -> Result<Self, RefreshError> {
        let invalid = RefreshError::InvalidRequest;
        let bytes = payload
            .to_bytes_limited(MAX_LEN)
            .await
            .map_err(|_| invalid("the body has more than 10,240 bytes"))?
            .map_err(|_| invalid("the body could not be read"))?;
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        match req.content_type().to_ascii_lowercase().as_str() {
            "application/x-www-form-urlencoded" => {
                let text = str::from_utf8(&bytes).map_err(|_| invalid("the form is not UTF-8"))?;
                Self::from_form(text)
            }
            // serde also reads a list as a struct.
            "application/json" if bytes.trim_ascii_start().starts_with(b"{") => {
                serde_json::from_slice(&bytes).map_err(|_| invalid("the JSON is malformed"))
            }
            "application/json" => Err(invalid("the JSON is not an object")),
            _ => Err(invalid("the content type is neither a form nor JSON")),
        }
    }

    fn from_form(text: &str) -> Result<Self, RefreshError> {
        let invalid = RefreshError::InvalidRequest;
        let pairs = web::Query::<Vec<(String, String)>>::from_query(text)
            .map_err(|_| invalid("the form is malformed"))?;
        let mut body = Self { is_form: true, ..Self::default() };
        let (mut grant_types, mut refresh_tokens, mut tokens) = (0, 0, 0);
        for (name, value) in pairs.into_inner() {
            let (field, count) = match name.as_str() {
                "grant_type" => (&mut body.grant_type, &mut grant_types),
                "refresh_token" => (&mut body.refresh_token, &mut refresh_tokens),
                "token" => (&mut body.token, &mut tokens),
                _ => continue,
            };
            *count += 1;
            if *count > 1 {
                return Err(invalid("the form repeats a parameter"));
            }
            // RFC 6749, section 3.2: a parameter without a value counts as omitted.
            *field = Some(value).filter(|value| !value.is_empty());
        }
        Ok(body)
    }

    /// Checks the grant type. A form needs it. JSON and an empty body may omit it.
    pub(super) fn check_grant_type(&self) -> Result<(), RefreshError> {
        match self.grant_type.as_deref() {
            Some("refresh_token") => Ok(()),
            Some(_) => Err(RefreshError::UnsupportedGrantType),
            None if self.is_form => {
                Err(RefreshError::InvalidRequest("the form has no `grant_type`"))
            }
            None => Ok(()),
        }
    }
}
