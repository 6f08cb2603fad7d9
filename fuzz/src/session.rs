//! The payload of a session cookie, encrypted with the right key. The middleware loads exactly the
//! payloads that the model accepts. The cookie of the response loads the same session, and pasetors
//! decrypts it.

use std::collections::BTreeMap;

use actix_session::SessionExt;
use actix_web::dev::Service;
use actix_web::http::StatusCode;
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, HttpRequest, HttpResponse, web};
use paseto_actix::PasetoSession;

use crate::fixtures::{NOW, local_key};
use crate::local::{assertion, decrypt, encrypt};
use crate::runtime::block_on;

/// The default name of the cookie.
const COOKIE: &str = "__Host-session";

/// Sends a payload as a session, and then the session of the response.
pub fn target(data: &[u8]) {
    if data.is_empty() || data.len() > 3000 {
        return;
    }
    let Ok(payload) = str::from_utf8(data) else { return };
    if payload.contains("paseto_actix.") {
        // The library writes and removes these entries itself, which the model does not know.
        return;
    }
    let assertion = assertion("session", "", COOKIE);
    let token = encrypt(data, None, &assertion);
    let loaded = expected(payload);

    let Some((state, cookie)) = visit(&token) else {
        // The cookie has room for the change of a payload of 2,880 bytes.
        return assert!(loaded.is_some() && payload.len() > 2880, "{payload}");
    };
    let expected = loaded.unwrap_or_default();
    assert_eq!(state, expected, "{payload}");
    let has_value = expected.get("visits").is_some_and(|value| value == "1");
    assert!(cookie.is_some() || has_value, "the change is lost: {payload}");
    if let Some(cookie) = cookie {
        let written = decrypt(&cookie, &assertion).expect("a token");
        assert!(serde_json::from_str::<serde::de::IgnoredAny>(&written).is_ok());
        let (mut state, _) = visit(&cookie).expect("a response");
        assert_eq!(state.remove("visits").as_deref(), Some("1"), "{payload}");
        let mut expected = expected;
        expected.remove("visits");
        assert_eq!(state, expected, "{payload}");
    }
}

type State = BTreeMap<String, String>;

/// Sends a request with the cookie to a handler that changes the session. Returns the session
/// before the change, and the cookie of the response. Returns `None` if the session becomes too
/// large.
fn visit(token: &str) -> Option<(State, Option<String>)> {
    block_on(async {
        let session = PasetoSession::builder(local_key()).clock(|| NOW).build().expect("sessions");
        let handler = async |req: HttpRequest| {
            let session = req.get_session();
            let state: State =
                session.entries().iter().map(|(n, v)| (n.clone(), v.clone())).collect();
            session.insert("visits", 1).expect("JSON");
            HttpResponse::Ok().json(state)
        };
        let app = App::new().wrap(session).default_service(web::to(handler));
        let service = init_service(app).await;
        let cookie = format!("{COOKIE}={token}");
        let request = TestRequest::get().insert_header(("Cookie", cookie)).to_request();
        let response = service.call(request).await.expect("a response");
        if response.status() == StatusCode::INSUFFICIENT_STORAGE {
            return None;
        }
        assert_eq!(response.status(), StatusCode::OK);
        for header in response.headers().get_all("Set-Cookie") {
            assert!(header.len() <= 4096, "browsers discard the cookie");
        }
        let cookie = response.response().cookies().next().map(|cookie| cookie.value().to_owned());
        let body = actix_web::body::to_bytes(response.into_body()).await;
        let state = serde_json::from_slice(&body.expect("a body")).expect("JSON");
        Some((state, cookie))
    })
}

/// The payload, in the simplest form of serde.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Payload {
    v: u8,
    #[serde(rename = "id")]
    _id: String,
    created: i64,
    expires: i64,
    #[serde(rename = "persistent")]
    _persistent: Option<bool>,
    state: BTreeMap<String, Box<serde_json::value::RawValue>>,
}

/// Returns the session that the model reads. An absolute timeout is 12 hours.
fn expected(payload: &str) -> Option<State> {
    let payload: Payload = serde_json::from_str(payload).ok()?;
    let now = NOW.unix_timestamp();
    let absolute = payload.created.checked_add(12 * 60 * 60).unwrap_or(i64::MAX);
    let is_valid = payload.v == 2
        && now < payload.expires.min(absolute)
        && payload.created <= now + 5 * 60 + 5;
    is_valid.then(|| payload.state.into_iter().map(|(n, v)| (n, v.get().to_owned())).collect())
}
