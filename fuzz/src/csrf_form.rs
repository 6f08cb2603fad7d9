//! Forms with CSRF tokens. The extractor accepts a form if it has exactly one token, and the token
//! is of the session. A simple parser finds the same fields. The first byte selects the content
//! type, the second byte the header. `$T` in the body stands for a token of the session, `$U` for
//! the same secret with another mask, and `$W` for another secret.

use std::sync::LazyLock;

use actix_web::body::to_bytes;
use actix_web::dev::Service;
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, HttpResponse, web};
use paseto_actix::PasetoSession;
use paseto_actix::csrf::{CsrfForm, CsrfToken};

use crate::fixtures::{NOW, base64url, from_base64url, local_key};
use crate::form::{CONTENT_TYPES, fields, is_form, replace};
use crate::runtime::block_on;

type Fields = Vec<(String, String)>;

/// The cookie of a session, and a token of it.
static LOGIN: LazyLock<(String, String)> = LazyLock::new(|| {
    let (status, cookie, body) = block_on(call(TestRequest::get()));
    assert_eq!(status, 200);
    (cookie.expect("a cookie"), body)
});

/// Sends one form.
pub fn target(data: &[u8]) {
    let [content_type, header, body @ ..] = data else { return };
    if body.len() > 3000 {
        return;
    }
    let (cookie, token) = &*LOGIN;
    let (other_mask, other_secret) = (changed(token, 0xff, 0xff), changed(token, 0, 1));
    let body = replace(body, &[("$T", token), ("$U", &other_mask), ("$W", &other_secret)]);
    let content_type = CONTENT_TYPES[usize::from(*content_type) % CONTENT_TYPES.len()];
    let header = [None, Some(token.as_str()), Some("wrong"), Some("")][usize::from(header % 4)];

    let mut request = TestRequest::post()
        .insert_header(("Cookie", format!("__Host-session={cookie}")))
        .insert_header(("Sec-Fetch-Site", "same-origin"))
        .set_payload(body.clone());
    if !content_type.is_empty() {
        request = request.insert_header(("Content-Type", content_type));
    }
    if let Some(header) = header {
        request = request.insert_header((CsrfToken::HEADER, header));
    }
    let (status, _, answer) = block_on(call(request));

    let (tokens, rest): (Fields, Fields) =
        fields(&body).into_iter().partition(|(name, _)| name == CsrfToken::FIELD);
    let mut tokens = tokens.iter().map(|(_, token)| token.as_str()).chain(header);
    let (first, second) = (tokens.next(), tokens.next());
    let expected = match first {
        _ if !is_form(content_type) => 400,
        Some(first) if second.is_none() && secret(first) == secret(token) => 200,
        _ => 403,
    };
    assert_eq!(status, expected, "{}", String::from_utf8_lossy(&body));
    if status == 200 {
        assert_eq!(answer, serde_json::to_string(&rest).expect("JSON"));
    } else {
        assert!(!answer.contains(token.as_str()));
    }
}

/// Returns the secret of a token: 16 bytes of a mask, and the secret XOR the mask.
fn secret(token: &str) -> Option<Vec<u8>> {
    let bytes = from_base64url(token).filter(|bytes| bytes.len() == 32)?;
    let (mask, masked) = bytes.split_at(16);
    Some(mask.iter().zip(masked).map(|(mask, masked)| mask ^ masked).collect())
}

/// Returns a token with another mask and another masked secret.
fn changed(token: &str, mask: u8, masked: u8) -> String {
    let mut bytes = from_base64url(token).expect("base64url");
    bytes[..16].iter_mut().for_each(|byte| *byte ^= mask);
    bytes[16..].iter_mut().for_each(|byte| *byte ^= masked);
    base64url(&bytes)
}

/// Calls an application. Returns the status, the value of the cookie, and the body.
async fn call(request: TestRequest) -> (u16, Option<String>, String) {
    let session = PasetoSession::builder(local_key()).clock(|| NOW).build().expect("sessions");
    let page = async |token: CsrfToken| token.to_string();
    let save = async |form: CsrfForm<Fields>| HttpResponse::Ok().json(form.0);
    let resource = web::resource("/").get(page).post(save);
    let service = init_service(App::new().wrap(session).service(resource)).await;
    let response = match service.call(request.to_request()).await {
        Ok(response) => response.into_parts().1.map_into_boxed_body(),
        Err(error) => error.error_response(),
    };
    let status = response.status().as_u16();
    let cookie = response.cookies().next().map(|cookie| cookie.value().to_owned());
    let body = to_bytes(response.into_body()).await.expect("a body");
    (status, cookie, String::from_utf8(body.to_vec()).expect("a text"))
}
