//! Cookies whose contents a worker knows already: they are judged like any other.

use std::collections::HashMap;

use actix_session::{Session, storage::SessionStore};
use actix_web::{
    App, HttpRequest, HttpResponse,
    cookie::Cookie,
    dev::{Service, ServiceRequest},
    http::header::COOKIE,
    test::{TestRequest, init_service},
    web,
};
use paseto_actix::{KeyRing, LocalKey, PasetoSessionStore};
use paseto_actix_tests::{
    clock::TestClock,
    session::{Client, Kind, Site, routes, set_cookie, set_cookies},
};
use time::Duration;

const ADA: &str = r#"user="ada""#;

async fn session_of(site: &Site, kind: Kind, user: &str) -> String {
    let mut client = Client::new();
    client.get(site, &format!("/set?user={user}")).await;
    client.session(kind)
}

async fn body(site: &Site, cookies: &str) -> String {
    site.send(TestRequest::get().insert_header((COOKIE, cookies))).await.body
}

#[actix_web::test]
async fn b36_a_known_cookie_expires() {
    for kind in Kind::READY_MADE {
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
        assert_eq!(set_cookie(&headers).value(), "", "{kind:?}: removed");
    }
}

/// What is known is the whole text of a cookie.
#[actix_web::test]
async fn b35_a_changed_copy_of_a_known_cookie() {
    let clock = TestClock::new();
    for kind in Kind::READY_MADE {
        let site = kind.site(LocalKey::generate(), &clock).await;
        let value = session_of(&site, kind, "ada").await;
        assert_eq!(site.read(kind, &value).await.0, ADA);
        for index in (0..value.len()).filter(|index| !value[index.saturating_sub(2)..=*index].contains('%')) {
            let mut bytes = value.as_bytes().to_vec();
            bytes[index] = if bytes[index] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            assert_eq!(site.read(kind, &changed).await.0, "", "{kind:?}: character {index}");
        }
        assert_eq!(site.read(kind, &value).await.0, ADA, "{kind:?}: the good one is still one");
    }
}

/// The value of the session's cookie as a handler reads it, when the cookie is known.
async fn stand_in(site: &Site, kind: Kind, value: &str) -> String {
    let request = || TestRequest::with_uri("/read").insert_header((COOKIE, format!("{}={value}", kind.cookie())));
    let read = site.send(request()).await.body;
    assert_eq!(read, site.send(request()).await.body);
    read
}

async fn site_with_reader(kind: Kind, clock: &TestClock) -> Site {
    let session = kind.session(LocalKey::generate(), clock).build().unwrap();
    let read = async |req: HttpRequest| req.cookie("__Host-session").unwrap().encoded().to_string();
    let app = App::new().wrap(session).configure(routes).route("/read", web::get().to(read));
    Site::new(init_service(app).await, |request| request.to_request())
}

/// What stands in a known cookie's place is of no use to whoever sends it, and each session has its own: an application may
/// derive something of what it reads there.
#[actix_web::test]
async fn b35_a_stand_in_is_no_session() {
    let clock = TestClock::new();
    for kind in Kind::READY_MADE {
        let site = site_with_reader(kind, &clock).await;
        let (ada, bob) = (session_of(&site, kind, "ada").await, session_of(&site, kind, "bob").await);
        let (of_ada, of_bob) = (stand_in(&site, kind, &ada).await, stand_in(&site, kind, &bob).await);
        assert!(!of_ada.contains(&ada), "{kind:?}: it is known");
        assert_ne!(of_ada, of_bob, "{kind:?}");
        for _ in 0..2 {
            assert_eq!(site.read(kind, &ada).await.0, ADA);
            assert_eq!(body(&site, &of_ada).await, "", "{kind:?}");
        }
    }
}

/// Nobody knows which of the two a browser keeps, and anybody can send an empty one.
#[actix_web::test]
async fn b35_a_cookie_of_the_name_that_a_handler_sets_teaches_nothing() {
    async fn set(session: Session, value: web::Query<HashMap<String, String>>) -> actix_web::Result<HttpResponse> {
        session.insert("user", "ada")?;
        Ok(HttpResponse::Ok().cookie(Cookie::new("__Host-session", value["value"].clone())).finish())
    }
    let clock = TestClock::new();
    for kind in Kind::READY_MADE {
        let session = kind.session(LocalKey::generate(), &clock).build().unwrap();
        let app = App::new().wrap(session).configure(routes).route("/own", web::get().to(set));
        let site = Site::new(init_service(app).await, |request| request.to_request());
        for text in ["", "deleted"] {
            let answer = site.send(TestRequest::with_uri(&format!("/own?value={text}"))).await;
            assert_eq!(set_cookies(&answer.headers).len(), 2, "{kind:?}");
            assert_eq!(site.read(kind, text).await.0, "", "{kind:?}: {text:?}");
        }
    }
}

/// actix-session takes the first cookie of the name that it can read; what is known of another is not taken for it.
#[actix_web::test]
async fn b35_two_cookies_of_the_name() {
    let clock = TestClock::new();
    for kind in Kind::READY_MADE {
        let site = kind.site(LocalKey::generate(), &clock).await;
        let name = kind.cookie();
        let (ada, bob) = (session_of(&site, kind, "ada").await, session_of(&site, kind, "bob").await);
        let fresh = kind.site(LocalKey::generate(), &clock).await;
        let stranger = session_of(&fresh, kind, "eve").await;
        for first in [&ada, &bob] {
            let expected = if first == &ada { ADA } else { r#"user="bob""# };
            for second in [&ada, &bob, &stranger] {
                for cookies in [
                    format!("{name}={first}; {name}={second}"),
                    format!("{name} = {first}; {name}={second}"),
                    format!("theme=dark;{name}={first};{name}={second}"),
                    format!("{name}=%FF; {name}={first}; {name}={second}"),
                ] {
                    for _ in 0..2 {
                        assert_eq!(body(&site, &cookies).await, expected, "{kind:?}: {cookies}");
                    }
                }
            }
            assert_eq!(body(&site, &format!("{name}={stranger}; {name}={first}")).await, "", "{kind:?}");
        }
        for value in [&stranger, &"%FF".to_owned()] {
            assert_eq!(body(&site, &format!("{name}={value}")).await, "", "{kind:?}: {value} was learned by nobody");
        }
    }
}

#[actix_web::test]
async fn b38_a_known_cookie_of_a_retired_key_is_sealed_anew() {
    let (clock, old, new) = (TestClock::new(), LocalKey::generate(), LocalKey::generate());
    for kind in Kind::READY_MADE {
        let value = session_of(&kind.site(old.clone(), &clock).await, kind, "ada").await;
        let ring = KeyRing::new(new.clone(), [old.clone()]).unwrap();
        let site = kind.site(ring, &clock).await;
        for _ in 0..3 {
            let (body, headers) = site.read(kind, &value).await;
            assert_eq!(body, ADA);
            assert_eq!(set_cookies(&headers).len(), 1, "{kind:?}: each time, until the browser has another");
        }
    }
}

/// A site whose outer middleware has called `req.cookies()`. actix stores the cookies that it parsed then, and ignores later
/// changes of the `Cookie` header.
async fn site_behind_a_reader(kind: Kind, clock: &TestClock) -> Site {
    let session = kind.session(LocalKey::generate(), clock).build().unwrap();
    let look = |req: ServiceRequest, service: &_| {
        let _ = req.cookies().map(|cookies| cookies.len());
        Service::call(service, req)
    };
    let app = App::new().wrap(session).wrap_fn(look).configure(routes);
    Site::new(init_service(app).await, |request| request.to_request())
}

#[actix_web::test]
async fn cookies_that_were_looked_at_before() {
    for kind in Kind::READY_MADE {
        let clock = TestClock::new();
        let site = site_behind_a_reader(kind, &clock).await;
        let (ada, bob) = (session_of(&site, kind, "ada").await, session_of(&site, kind, "bob").await);
        let assert_rejected = async |value: &str, case: &str| {
            let (body, headers) = site.read(kind, value).await;
            assert_eq!(body, "", "{kind:?}: {case}");
            assert_eq!(set_cookie(&headers).value(), "", "{kind:?}: {case}: the cookie is removed");
        };
        for _ in 0..3 {
            assert_eq!(site.read(kind, &ada).await.0, ADA, "{kind:?}");
            for index in [0, ada.len() / 2, ada.len() - 1] {
                let other = if &ada[index..=index] == "A" { "B" } else { "A" };
                let tampered = format!("{}{other}{}", &ada[..index], &ada[index + 1..]);
                assert_rejected(&tampered, "a cookie with another character").await;
            }
            assert_rejected(&format!("{}{}", &ada[..ada.len() / 2], &bob[bob.len() / 2..]), "two halves").await;
            assert_rejected(&kind.wrap("forged"), "no token").await;
        }
        clock.advance(Duration::minutes(30) - Duration::SECOND);
        assert_eq!(site.read(kind, &ada).await.0, ADA, "{kind:?}");
        clock.advance(Duration::SECOND);
        assert_rejected(&ada, "an expired cookie").await;
    }
}

/// A browser enforces the `__Host-` prefix only for the name as it is written. Another site of the domain can set a cookie whose
/// name decodes to the session's.
#[actix_web::test]
async fn a_cookie_whose_name_decodes_to_the_session_is_ignored() {
    for kind in Kind::READY_MADE {
        let clock = TestClock::new();
        let site = kind.site(LocalKey::generate(), &clock).await;
        let (ada, bob) = (session_of(&site, kind, "ada").await, session_of(&site, kind, "bob").await);
        for alias in
            ["%5F%5FHost-session", "__Host%2Dsession", "__Host-%73ession", "__Host-session%20", "\u{a0}__Host-session"]
        {
            for _ in 0..2 {
                assert_eq!(body(&site, &format!("{alias}={bob}")).await, "", "{kind:?}: {alias} alone");
                for cookies in [
                    format!("{alias}={bob}; {}={ada}", kind.cookie()),
                    format!("{}={ada}; {alias}={bob}", kind.cookie()),
                ] {
                    assert_eq!(body(&site, &cookies).await, ADA, "{kind:?}: {alias} beside the session");
                }
            }
        }
    }
}

/// The header is what the client sent, and only where cookies are remembered is anything else read of it.
#[actix_web::test]
async fn handlers_see_the_header_that_was_sent() {
    async fn headers(req: HttpRequest, session: Session) -> String {
        assert!(session.get::<String>("user").unwrap().is_some());
        let headers: Vec<_> = req.headers().get_all(COOKIE).map(|header| header.to_str().unwrap()).collect();
        format!("{}\n{}", headers.join(" | "), req.cookie("__Host-session").unwrap().value())
    }
    let clock = TestClock::new();
    for (capacity, known) in [(256, true), (0, false)] {
        let session =
            Kind::Signed.session(LocalKey::generate(), &clock).opened_cookies(capacity).build().expect("a session");
        let app = App::new().wrap(session).configure(routes).route("/headers", web::get().to(headers));
        let site = Site::new(init_service(app).await, |request| request.to_request());
        let value = session_of(&site, Kind::Signed, "ada").await;
        let token = Kind::Signed.token(&value).unwrap();
        for _ in 0..2 {
            let request = TestRequest::with_uri("/headers");
            let request = request.append_header((COOKIE, "theme=dark"));
            let request = request.append_header((COOKIE, format!("a=b; __Host-session={value}")));
            let answer = site.send(request).await.body;
            let (headers, read) = answer.split_once('\n').unwrap();
            assert_eq!(headers, format!("theme=dark | a=b; __Host-session={value}"));
            // A cookie that is known was not decoded: that is what spares the time.
            assert_eq!(read.contains(&token), !known, "{read}");
        }
    }
}

/// What a handler does with a store of its own says nothing of the request's cookie.
#[actix_web::test]
async fn a_store_of_the_handlers_own_teaches_nothing() {
    let (key, clock) = (LocalKey::generate(), TestClock::new());
    let kind = Kind::Signed;
    let store = PasetoSessionStore::new(key.clone()).clock(clock.clone());
    let state = [("user".to_owned(), r#""root""#.to_owned())].into();
    let other = store.save(state, &Duration::HOUR).await.unwrap();
    let text = other.as_ref().to_owned();
    let load = move |req: HttpRequest| {
        let (store, text) = (store.clone(), text.clone());
        async move {
            let loaded = store.load(&text.try_into().unwrap()).await.unwrap();
            // What stands in a cookie's place is a key for actix-session alone.
            let read = kind
                .token(&req.cookie(kind.cookie()).unwrap().encoded().stripped().to_string()["__Host-session=".len()..]);
            assert!(store.load(&read.unwrap().try_into().unwrap()).await.unwrap().is_none());
            loaded.unwrap()["user"].clone()
        }
    };
    let session = kind.session(key, &clock).build().unwrap();
    let app = App::new().wrap(session).configure(routes).route("/load", web::get().to(load));
    let site = Site::new(init_service(app).await, |request| request.to_request());
    let good = session_of(&site, kind, "ada").await;
    for _ in 0..2 {
        let request = TestRequest::with_uri("/load").insert_header((COOKIE, format!("{}={good}", kind.cookie())));
        assert_eq!(site.send(request).await.body, r#""root""#);
    }
    let forged = kind.wrap("forged");
    for _ in 0..2 {
        let request = TestRequest::with_uri("/load").insert_header((COOKIE, format!("{}={forged}", kind.cookie())));
        let answer = site.send(request).await;
        assert_eq!(answer.body, r#""root""#);
        assert_eq!(set_cookie(&answer.headers).value(), "", "the bad cookie is removed");
        assert_eq!(site.read(kind, &forged).await.0, "");
    }
}
