//! A shared cache never stores a response that sets a cookie of ours.

use actix_cors::Cors;
use actix_identity::{IdentityMiddleware, config::LogoutBehavior};
use actix_session::Session;
use actix_web::{
    App, HttpRequest, HttpResponse, Responder,
    http::header::{ACCEPT_ENCODING, CACHE_CONTROL, HeaderMap, ORIGIN, SET_COOKIE, VARY},
    middleware::{Compress, DefaultHeaders, Logger},
    test::{TestRequest, init_service},
    web,
};
use paseto_actix::{LocalKey, Remember, RememberMe};
use paseto_actix_tests::{
    clock::TestClock,
    remember::House,
    session::{Client, Kind, Site},
};
use time::Duration;

/// A page that its handler allows every cache to store.
fn public_page(body: &'static str) -> impl Responder {
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "public, max-age=86400"))
        .append_header((VARY, "Accept-Encoding"))
        .append_header((VARY, "Accept-Language"))
        .body(body)
}

async fn read(session: Session) -> actix_web::Result<impl Responder> {
    session.get::<String>("user")?;
    Ok(public_page("page"))
}

async fn write(session: Session) -> actix_web::Result<impl Responder> {
    session.insert("user", "ada")?;
    Ok(public_page("page"))
}

async fn purge(session: Session) -> impl Responder {
    session.purge();
    public_page("page")
}

async fn login(req: HttpRequest) -> actix_web::Result<impl Responder> {
    RememberMe::login(&req, "ada", Remember::Yes).await?;
    Ok(public_page("page"))
}

fn pages(config: &mut web::ServiceConfig) {
    config
        .route("/read", web::get().to(read))
        .route("/write", web::get().to(write))
        .route("/purge", web::get().to(purge))
        .route("/login", web::get().to(login));
}

/// The values of a header, one element per line.
fn list(headers: &HeaderMap, name: &str) -> Vec<String> {
    let lines = headers.get_all(name).map(|line| line.to_str().unwrap());
    lines.flat_map(|line| line.split(',')).map(|element| element.trim().to_lowercase()).collect()
}

#[track_caller]
fn assert_private(headers: &HeaderMap, case: &str) {
    let cache_control = list(headers, "cache-control");
    assert!(
        cache_control.iter().any(|directive| directive == "no-store" || directive == "private"),
        "{case}: {headers:?}"
    );
    assert!(!cache_control.contains(&"public".to_owned()), "{case}: {headers:?}");
    assert_varies(headers, case);
}

#[track_caller]
fn assert_varies(headers: &HeaderMap, case: &str) {
    let vary = list(headers, "vary");
    assert_eq!(vary.iter().filter(|field| *field == "cookie").count(), 1, "{case}: {headers:?}");
}

/// The request of a browser that wants compression and comes from another origin.
fn request(path: &str) -> TestRequest {
    TestRequest::with_uri(path).insert_header((ORIGIN, "https://app.example")).insert_header((ACCEPT_ENCODING, "gzip"))
}

/// Other layers around, between and inside ours. actix-cors keeps only the first `Vary` line.
#[actix_web::test]
async fn no_order_of_layers_makes_a_response_with_a_cookie_public() {
    let defaults = || DefaultHeaders::new().add((CACHE_CONTROL, "public")).add((VARY, "Accept"));
    let clock = TestClock::new();
    for kind in Kind::READY_MADE {
        let house = House::new();
        let session = || kind.session(LocalKey::generate(), &clock).build().unwrap();
        let remember = || house.remember().clock(clock.clone()).build().unwrap();
        let identity = || IdentityMiddleware::builder().logout_behavior(LogoutBehavior::PurgeSession).build();
        let ours = || App::new().configure(pages).wrap(remember()).wrap(identity());
        let sites = [
            ("Cors outside", {
                let app = ours().wrap(session()).wrap(Compress::default()).wrap(Cors::permissive()).wrap(defaults());
                Site::new(init_service(app.wrap(Logger::default())).await, |request| request.to_request())
            }),
            ("Cors between", {
                let app = ours().wrap(defaults()).wrap(Cors::permissive()).wrap(Compress::default()).wrap(session());
                Site::new(init_service(app.wrap(Logger::default())).await, |request| request.to_request())
            }),
            ("Cors inside", {
                let app = App::new().configure(pages).wrap(Compress::default()).wrap(Cors::permissive());
                let app = app.wrap(defaults()).wrap(remember()).wrap(identity()).wrap(session());
                Site::new(init_service(app.wrap(Logger::default())).await, |request| request.to_request())
            }),
            ("Compress outside", {
                let app = ours().wrap(session()).wrap(Cors::permissive()).wrap(defaults()).wrap(Compress::default());
                Site::new(init_service(app.wrap(Logger::default())).await, |request| request.to_request())
            }),
        ];
        for (order, site) in sites {
            let mut client = Client::new();
            let mut cookies = 0;
            // The last page slides the session, because half of its idle limit has passed.
            for (minutes, path) in [(0, "/write"), (0, "/read"), (0, "/login"), (20, "/read"), (0, "/purge")] {
                clock.advance(Duration::minutes(minutes));
                let answer = client.send(&site, request(path)).await;
                let case = format!("{kind:?}, {order}, {path}");
                assert_eq!(answer.status.as_u16(), 200, "{case}");
                assert_varies(&answer.headers, &case);
                if answer.headers.contains_key(SET_COOKIE) {
                    cookies += 1;
                    assert_private(&answer.headers, &case);
                }
            }
            assert_eq!(cookies, 4, "{order}: all pages but the first `/read` set a cookie");
        }
    }
}
