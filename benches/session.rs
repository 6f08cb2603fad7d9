//! Requests that read and change a session of 500 bytes: ours, beside actix-session's `CookieSessionStore` with `Private`, and
//! no session at all; and what we seal with, beside pasetors.
//!
//! `cargo bench -p paseto-actix-benches --bench session`. Divide medians of one run; absolute times say more of the machine.

use std::collections::HashMap;

use actix_session::{
    Session, SessionMiddleware,
    config::CookieContentSecurity,
    storage::{CookieSessionStore, SessionStore},
};
use actix_web::{
    App, Error, HttpResponse,
    body::MessageBody,
    cookie::Key,
    dev::{Service, ServiceFactory, ServiceRequest, ServiceResponse},
    http::header::{COOKIE, SET_COOKIE},
    rt::System,
    test, web,
};
use divan::{Bencher, black_box};
use futures_util::FutureExt;
use paseto_actix::{LocalKey, PasetoSession, PasetoSessionStore};
use pasetors::{
    Local,
    keys::{Generate, SymmetricKey},
    token::UntrustedToken,
    version4::{LocalToken, V4},
};
use serde_json::json;
use time::Duration;

fn main() {
    divan::main();
}

#[divan::bench_group(sample_count = 2000, sample_size = 8)]
mod read {
    use super::{App, Bencher, app, forgetful_session, no_session, peer, request, session};

    #[divan::bench]
    fn paseto_session(bencher: Bencher<'_, '_>) {
        request(bencher, App::new().wrap(session()).configure(app), "/read");
    }

    #[divan::bench]
    fn paseto_session_of_unknown_cookies(bencher: Bencher<'_, '_>) {
        request(bencher, App::new().wrap(forgetful_session()).configure(app), "/read");
    }

    #[divan::bench]
    fn cookie_session_store_private(bencher: Bencher<'_, '_>) {
        request(bencher, App::new().wrap(peer()).configure(app), "/read");
    }

    #[divan::bench]
    fn without_sessions(bencher: Bencher<'_, '_>) {
        request(bencher, App::new().configure(no_session), "/read");
    }
}

#[divan::bench_group(sample_count = 2000, sample_size = 8)]
mod change {
    use super::{App, Bencher, app, forgetful_session, no_session, peer, request, session};

    #[divan::bench]
    fn paseto_session(bencher: Bencher<'_, '_>) {
        request(bencher, App::new().wrap(session()).configure(app), "/change");
    }

    #[divan::bench]
    fn paseto_session_of_unknown_cookies(bencher: Bencher<'_, '_>) {
        request(bencher, App::new().wrap(forgetful_session()).configure(app), "/change");
    }

    #[divan::bench]
    fn cookie_session_store_private(bencher: Bencher<'_, '_>) {
        request(bencher, App::new().wrap(peer()).configure(app), "/change");
    }

    #[divan::bench]
    fn without_sessions(bencher: Bencher<'_, '_>) {
        request(bencher, App::new().configure(no_session), "/change");
    }
}

/// Payloads of 512 bytes. Ours are private, so the store's work around them is measured with them: JSON, and a session's id.
#[divan::bench_group(sample_count = 2000, sample_size = 8)]
mod seal {
    use super::*;

    #[divan::bench]
    fn store_save(bencher: Bencher<'_, '_>) {
        let store = store();
        bencher.with_inputs(state_of_512_bytes).bench_local_values(|state| save(&store, state));
    }

    #[divan::bench]
    fn pasetors_encrypt(bencher: Bencher<'_, '_>) {
        let key = SymmetricKey::<V4>::generate().expect("a key");
        bencher.bench_local(|| LocalToken::encrypt(&key, black_box(&[b'x'; 512]), None, None).expect("a token"));
    }
}

/// See `seal`.
#[divan::bench_group(sample_count = 2000, sample_size = 8)]
mod open {
    use super::*;

    #[divan::bench]
    fn store_load(bencher: Bencher<'_, '_>) {
        let store = store();
        let token = save(&store, state_of_512_bytes());
        bencher.bench_local(|| {
            let state = store.load(black_box(&token)).now_or_never().expect("no waiting");
            state.expect("no error").expect("a session")
        });
    }

    #[divan::bench]
    fn pasetors_decrypt(bencher: Bencher<'_, '_>) {
        let key = SymmetricKey::<V4>::generate().expect("a key");
        let token = LocalToken::encrypt(&key, &[b'x'; 512], None, None).expect("a token");
        bencher.bench_local(|| {
            let token = UntrustedToken::<Local, V4>::try_from(black_box(token.as_str())).expect("a token");
            LocalToken::decrypt(&key, &token, None, None).expect("a payload")
        });
    }
}

fn session() -> PasetoSession {
    PasetoSession::builder(LocalKey::generate()).build().expect("a session")
}

/// One that opens each cookie as if it had never seen it.
fn forgetful_session() -> PasetoSession {
    PasetoSession::builder(LocalKey::generate()).opened_cookies(0).build().expect("a session")
}

fn peer() -> SessionMiddleware<CookieSessionStore> {
    SessionMiddleware::builder(CookieSessionStore::default(), Key::generate())
        .cookie_content_security(CookieContentSecurity::Private)
        .build()
}

fn app(config: &mut web::ServiceConfig) {
    config
        .route("/fill", web::get().to(fill))
        .route("/read", web::get().to(read_visits))
        .route("/change", web::get().to(change_visits));
}

fn no_session(config: &mut web::ServiceConfig) {
    config
        .route("/fill", web::get().to(HttpResponse::Ok))
        .route("/read", web::get().to(HttpResponse::Ok))
        .route("/change", web::get().to(HttpResponse::Ok));
}

/// Five values, 500 bytes of JSON.
async fn fill(session: Session) -> actix_web::Result<HttpResponse> {
    session.insert("user", json!({ "id": 4_711_004_711_u64, "email": "somebody@example.org", "roles": ["staff"] }))?;
    session.insert("csrf", "c2Vzc2lvbnMgaW4gZW5jcnlwdGVkIGNvb2tpZXM")?;
    session.insert("cart", vec![json!({ "item": "6d6f6465-726e", "count": 2, "price": "129.90" }); 3])?;
    session.insert("note", "x".repeat(185))?;
    session.insert("visits", 100_000)?;
    let entries = session.entries();
    let len: usize = entries.iter().map(|(name, value)| name.len() + value.len() + 4).sum::<usize>() + 1;
    assert_eq!(len, 500);
    Ok(HttpResponse::Ok().finish())
}

async fn read_visits(session: Session) -> actix_web::Result<HttpResponse> {
    assert_eq!(session.get::<u32>("visits")?, Some(100_000));
    Ok(HttpResponse::Ok().finish())
}

async fn change_visits(session: Session) -> actix_web::Result<HttpResponse> {
    let visits = session.get::<u32>("visits")?.expect("a number");
    session.insert("visits", visits + 1)?;
    Ok(HttpResponse::Ok().finish())
}

/// Fills a session, and then asks for the path again and again with the cookie that this made.
fn request<T, B>(bencher: Bencher<'_, '_>, app: App<T>, path: &str)
where
    T: ServiceFactory<ServiceRequest, Config = (), Response = ServiceResponse<B>, Error = Error, InitError = ()>
        + 'static,
    T::Future: 'static,
    B: MessageBody + 'static,
{
    let system = System::new();
    let service = system.block_on(test::init_service(app));
    let answer = |request| system.block_on(service.call(request)).expect("no error");
    let filled = answer(test::TestRequest::with_uri("/fill").to_request());
    let cookie = filled.headers().get(SET_COOKIE).map(|cookie| cookie.to_str().expect("a cookie"));
    let has_session = cookie.is_some();
    let cookie = cookie.and_then(|cookie| cookie.split(';').next()).unwrap_or("none=").to_owned();
    drop(filled);
    let request = || test::TestRequest::with_uri(path).insert_header((COOKIE, cookie.as_str())).to_request();
    // What reads makes no cookie, what changes does: else it would not be what is to be measured.
    assert_eq!(answer(request()).headers().contains_key(SET_COOKIE), has_session && path == "/change");
    bencher.with_inputs(request).bench_local_values(|request| {
        let response = answer(request);
        assert!(response.status().is_success());
        response
    });
}

fn store() -> PasetoSessionStore {
    PasetoSessionStore::new(LocalKey::generate())
}

/// What the store writes around it makes it 512 bytes.
fn state_of_512_bytes() -> HashMap<String, String> {
    let around = json!({ "v": 1, "id": "x".repeat(22), "created": 2_000_000_000, "expires": 2_000_000_000, "state": { "x": "" } });
    let value = "x".repeat(512 - around.to_string().len());
    HashMap::from([("x".to_owned(), format!("\"{value}\""))])
}

fn save(store: &PasetoSessionStore, state: HashMap<String, String>) -> actix_session::storage::SessionKey {
    store.save(state, &Duration::HOUR).now_or_never().expect("no waiting").expect("a token")
}
