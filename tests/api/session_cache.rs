//! Sessions that a worker has decrypted before: they are checked like all others.

use std::collections::HashMap;

use actix_session::Session;
use actix_web::cookie::Cookie;
use actix_web::http::header::COOKIE;
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, HttpRequest, HttpResponse, web};
use paseto_actix::LocalKey;
use paseto_actix::keys::KeyRing;
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::session::{Client, Kind, Site, routes, session, set_cookie, set_cookies};
use time::Duration;

const ADA: &str = r#"user="ada""#;

async fn session_of(site: &Site, kind: Kind, user: &str) -> String {
    let mut client = Client::new();
    client.get(site, &format!("/set?user={user}")).await;
    client.session(kind)
}

#[actix_web::test]
async fn a_cached_session_expires() {
    let kind = Kind::Middleware;
    let clock = TestClock::new();
    let site = kind.site(LocalKey::generate(), &clock).await;
    let value = session_of(&site, kind, "ada").await;
    for _ in 0..3 {
        assert_eq!(site.read(kind, &value).await.0, ADA, "{kind:?}");
    }
    clock.advance(Duration::minutes(30) - Duration::SECOND);
    assert_eq!(site.read(kind, &value).await.0, ADA, "{kind:?}");
    clock.advance(Duration::SECOND);
    let (body, headers) = site.read(kind, &value).await;
    assert_eq!(body, "", "{kind:?}");
    assert_eq!(set_cookie(&headers).value(), "", "removed");
}

#[actix_web::test]
async fn a_changed_copy_of_a_cached_token_is_rejected() {
    let clock = TestClock::new();
    let kind = Kind::Middleware;
    let site = kind.site(LocalKey::generate(), &clock).await;
    let value = session_of(&site, kind, "ada").await;
    assert_eq!(site.read(kind, &value).await.0, ADA);
    for index in
        (0..value.len()).filter(|index| !value[index.saturating_sub(2)..=*index].contains('%'))
    {
        let mut bytes = value.as_bytes().to_vec();
        bytes[index] = if bytes[index] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).unwrap();
        assert_eq!(site.read(kind, &changed).await.0, "", "character {index}");
    }
    assert_eq!(site.read(kind, &value).await.0, ADA, "the good one is still one");
}

/// The value that a handler sets is not the token of a session.
#[actix_web::test]
async fn a_cookie_of_the_name_that_a_handler_sets_is_not_cached() {
    async fn set(
        session: Session,
        value: web::Query<HashMap<String, String>>,
    ) -> actix_web::Result<HttpResponse> {
        session.insert("user", "ada")?;
        Ok(HttpResponse::Ok()
            .cookie(Cookie::new("__Host-session", value["value"].clone()))
            .finish())
    }
    let clock = TestClock::new();
    let kind = Kind::Middleware;
    let session = session(LocalKey::generate(), &clock).build().unwrap();
    let app = App::new().wrap(session).configure(routes).route("/own", web::get().to(set));
    let site = Site::new(init_service(app).await, |request| request.to_request());
    for text in ["", "deleted"] {
        let answer = site.send(TestRequest::with_uri(&format!("/own?value={text}"))).await;
        assert_eq!(set_cookies(&answer.headers).len(), 2, "{kind:?}");
        assert_eq!(site.read(kind, text).await.0, "", "{text:?}");
    }
}

#[actix_web::test]
async fn a_cached_session_of_a_retired_key_is_encrypted_anew() {
    let (clock, old, new) = (TestClock::new(), LocalKey::generate(), LocalKey::generate());
    let kind = Kind::Middleware;
    let value = session_of(&kind.site(old.clone(), &clock).await, kind, "ada").await;
    let ring = KeyRing::new(new.clone(), [old.clone()]).unwrap();
    let site = kind.site(ring, &clock).await;
    for _ in 0..3 {
        let (body, headers) = site.read(kind, &value).await;
        assert_eq!(body, ADA);
        assert_eq!(set_cookies(&headers).len(), 1, "each time, until the browser has another");
    }
}

#[actix_web::test]
async fn cookies_that_an_outer_middleware_has_read() {
    let kind = Kind::Middleware;
    let clock = TestClock::new();
    let site = Site::behind_a_reader(&clock).await;
    let (ada, bob) = (session_of(&site, kind, "ada").await, session_of(&site, kind, "bob").await);
    let assert_rejected = async |value: &str, case: &str| {
        let (body, headers) = site.read(kind, value).await;
        assert_eq!(body, "", "{case}");
        assert_eq!(set_cookie(&headers).value(), "", "{case}: the cookie is removed");
    };
    for _ in 0..3 {
        assert_eq!(site.read(kind, &ada).await.0, ADA, "{kind:?}");
        for index in [0, ada.len() / 2, ada.len() - 1] {
            let other = if &ada[index..=index] == "A" { "B" } else { "A" };
            let tampered = format!("{}{other}{}", &ada[..index], &ada[index + 1..]);
            assert_rejected(&tampered, "a cookie with another character").await;
        }
        assert_rejected(
            &format!("{}{}", &ada[..ada.len() / 2], &bob[bob.len() / 2..]),
            "two halves",
        )
        .await;
        assert_rejected(&kind.wrap("forged"), "no token").await;
    }
    clock.advance(Duration::minutes(30) - Duration::SECOND);
    assert_eq!(site.read(kind, &ada).await.0, ADA, "{kind:?}");
    clock.advance(Duration::SECOND);
    assert_rejected(&ada, "an expired cookie").await;
}

/// The middleware does not change the request.
#[actix_web::test]
async fn handlers_see_the_header_that_was_sent() {
    async fn headers(req: HttpRequest, session: Session) -> String {
        assert!(session.get::<String>("user").unwrap().is_some());
        let headers: Vec<_> =
            req.headers().get_all(COOKIE).map(|header| header.to_str().unwrap()).collect();
        format!("{}\n{}", headers.join(" | "), req.cookie("__Host-session").unwrap().value())
    }
    let clock = TestClock::new();
    for capacity in [256, 0] {
        let session = session(LocalKey::generate(), &clock)
            .decrypted_cache_capacity(capacity)
            .build()
            .expect("a session");
        let app =
            App::new().wrap(session).configure(routes).route("/headers", web::get().to(headers));
        let site = Site::new(init_service(app).await, |request| request.to_request());
        let value = session_of(&site, Kind::Middleware, "ada").await;
        for _ in 0..2 {
            let request = TestRequest::with_uri("/headers");
            let request = request.append_header((COOKIE, "theme=dark"));
            let request = request.append_header((COOKIE, format!("a=b; __Host-session={value}")));
            let answer = site.send(request).await.body;
            assert_eq!(answer, format!("theme=dark | a=b; __Host-session={value}\n{value}"));
        }
    }
}
