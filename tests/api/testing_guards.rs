//! The search for forgotten guards.

use std::future::ready;
use std::panic::AssertUnwindSafe;

use actix_web::dev::ServiceResponse;
use actix_web::error::ErrorUnauthorized;
use actix_web::http::Method;
use actix_web::http::header::LOCATION;
use actix_web::test::init_service;
use actix_web::{App, HttpResponse, Route, guard, web};
use futures_util::FutureExt;
use paseto_actix::PasetoRequired;
use paseto_actix::testing::{TestIssuer, assert_guarded, assert_guarded_or_login};
use paseto_actix_tests::ISSUER;

/// The routes that need a token. A test forgets the guard of one of them.
const GUARDED: &[&str] = &[
    "GET /",
    "GET /me",
    "POST /me",
    "DELETE /me",
    "GET /orders",
    "POST /orders",
    "GET /any",
    "POST /any",
    "GET /api/users/{id}",
    "PUT /api/users/{name}",
    "GET /api/v1/years/{year:[0-9]{4}}",
    "PATCH /api/v1/langs/{lang:en|de}/{code:[A-Z]{3}}",
    "GET /files/{tail:.*}",
    "GET /de",
    "GET /en",
    "GET /api",
    "GET /configured",
    "GET /slash/",
    "GET /api/*",
    "POST /api/*",
    "GET /*",
];

/// Returns a handler that is guarded unless its route is the forgotten one.
fn handler(method: Option<Method>, route: &str, forgotten: &str) -> Route {
    let handler = method.map_or_else(web::route, web::method).to(async || "secret");
    if route == forgotten { handler } else { handler.wrap(PasetoRequired::new()) }
}

/// Adds the routes of `GUARDED` and `GET /health`.
fn routes(config: &mut web::ServiceConfig, forgotten: &str) {
    let get = |route| handler(Some(Method::GET), route, forgotten);
    let with = |method, route| handler(Some(method), route, forgotten);
    let any = if forgotten == "POST /any" { "POST /any" } else { "GET /any" };
    config
        .route("/health", web::get().to(async || "up"))
        .route("/", get("GET /"))
        .route("/me", get("GET /me"))
        .route("/me", with(Method::POST, "POST /me"))
        .route("/me", with(Method::DELETE, "DELETE /me"))
        .service(
            web::resource("/orders")
                .route(get("GET /orders"))
                .route(with(Method::POST, "POST /orders")),
        )
        .service(web::resource("/any").route(handler(None, any, forgotten)))
        .service(
            web::scope("/api")
                .route("", get("GET /api"))
                .route("/users/{id}", get("GET /api/users/{id}"))
                .route("/users/{name}", with(Method::PUT, "PUT /api/users/{name}"))
                .service(
                    web::scope("/v1")
                        .route("/years/{year:[0-9]{4}}", get("GET /api/v1/years/{year:[0-9]{4}}"))
                        .route(
                            "/langs/{lang:en|de}/{code:[A-Z]{3}}",
                            with(Method::PATCH, "PATCH /api/v1/langs/{lang:en|de}/{code:[A-Z]{3}}"),
                        ),
                )
                .default_service(if forgotten.starts_with("POST") {
                    handler(None, "POST /api/*", forgotten)
                } else {
                    handler(None, "GET /api/*", forgotten)
                }),
        )
        .service(web::resource("/files/{tail:.*}").route(get("GET /files/{tail:.*}")))
        .service(web::resource(["/de", "/en"]).route(get(match forgotten {
            "GET /de" => "GET /de",
            _ => "GET /en",
        })))
        .route("/slash/", get("GET /slash/"))
        .configure(|config| {
            config.route("/configured", get("GET /configured"));
        })
        .default_service(handler(None, "GET /*", forgotten));
}

/// Returns the message of the failed assertion, or an empty string.
async fn failure(assertion: impl Future<Output = ()>) -> String {
    match AssertUnwindSafe(assertion).catch_unwind().await {
        Ok(()) => String::new(),
        Err(panic) => panic.downcast_ref::<String>().cloned().expect("a message"),
    }
}

macro_rules! app {
    ($forgotten:expr) => {{
        let verifier = TestIssuer::new(ISSUER).verifier().build().unwrap();
        let app = App::new().app_data(verifier).configure(|config| routes(config, $forgotten));
        init_service(app).await
    }};
}

/// Returns the routes in the message.
fn named(message: &str) -> Vec<&str> {
    let lines = message.lines().filter_map(|line| line.strip_prefix("  "));
    lines.filter_map(|line| line.split_once(": ").map(|(route, _)| route)).collect()
}

#[actix_web::test]
async fn application_with_all_guards_passes() {
    assert_eq!(failure(assert_guarded(&app!(""), ["GET /health"])).await, "");
}

#[actix_web::test]
async fn each_forgotten_guard_is_named() {
    for forgotten in GUARDED {
        let message = failure(assert_guarded(&app!(forgotten), ["GET /health"])).await;
        let named = named(&message);
        assert!(named.contains(forgotten), "{forgotten}: {message}");
        // The same handler receives these requests.
        let same: &[&str] = match *forgotten {
            "GET /any" | "POST /any" => {
                &["GET /any", "POST /any", "PUT /any", "PATCH /any", "DELETE /any"]
            }
            "GET /de" | "GET /en" => &["GET /de", "GET /en"],
            // The default service of a scope also receives other methods of the path of the scope.
            "GET /api/*" | "POST /api/*" => {
                &["GET /api/*", "POST /api/*", "POST /api", "PUT /api", "PATCH /api", "DELETE /api"]
            }
            // A nested scope uses the default service of the application.
            "GET /*" => &["GET /*", "POST /*", "GET /api/v1/*", "POST /api/v1/*"],
            other => &[other],
        };
        for route in named {
            assert!(same.contains(&route), "{forgotten}: {route}\n{message}");
        }
    }
}

#[actix_web::test]
async fn public_route_passes_and_its_absence_fails() {
    let app = app!("GET /me");
    assert_eq!(failure(assert_guarded(&app, ["GET /health", "GET /me"])).await, "");
    let message = failure(assert_guarded(&app, ["GET /me"])).await;
    assert_eq!(named(&message), ["GET /health"]);
    assert!(message.contains("responds with `200` without a token"), "{message}");
    assert!(message.contains(file!()), "the place of the call, {message}");
}

#[actix_web::test]
async fn entry_without_a_route_fails() {
    for entry in ["GET /healthz", "POST /health", "/health", "get /health", "GET /health/"] {
        let message = failure(assert_guarded(&app!(""), ["GET /health", entry])).await;
        let expected = format!("{entry}: is in the list of public routes, but");
        assert!(message.contains(&expected), "{message}");
    }
}

#[actix_web::test]
async fn entry_with_a_guard_fails() {
    let message = failure(assert_guarded(&app!(""), ["GET /health", "GET /me"])).await;
    assert_eq!(named(&message), ["GET /me"]);
    assert!(message.contains("is guarded, but the list"), "{message}");
}

#[actix_web::test]
async fn second_handler_without_method_is_found() {
    for guarded in [true, false] {
        let verifier = TestIssuer::new(ISSUER).verifier().build().unwrap();
        let rest = handler(None, "rest", if guarded { "" } else { "rest" });
        let resource =
            web::resource("/me").route(handler(Some(Method::GET), "GET /me", "")).route(rest);
        let app = init_service(App::new().app_data(verifier).service(resource)).await;
        let message = failure(assert_guarded(&app, [])).await;
        let expected: &[&str] =
            if guarded { &[] } else { &["POST /me", "PUT /me", "PATCH /me", "DELETE /me"] };
        assert_eq!(named(&message), expected, "{message}");
    }
}

#[actix_web::test]
async fn unreachable_routes_fail_unless_they_are_public() {
    let secret = || web::get().to(async || "secret").wrap(PasetoRequired::new());
    let verifier = TestIssuer::new(ISSUER).verifier().build().unwrap();
    let app = App::new()
        .app_data(verifier)
        .route("/odd/{value:x7[q]+y}", secret())
        .route("/host", secret().guard(guard::Header("X-Tenant", "blue")))
        .route("/{page}/about", secret())
        .route("/{page}/{part:about}", secret());
    let app = init_service(app).await;
    let message = failure(assert_guarded(&app, [])).await;
    let mut unreachable = named(&message);
    unreachable.sort_unstable();
    let expected = ["GET /host", "GET /odd/{value:x7[q]+y}", "GET /{page}/{part:about}"];
    assert_eq!(unreachable, expected, "{message}");
    assert!(message.contains("no value matches its parameters"), "{message}");
    assert!(message.contains("a condition such as `Host`"), "{message}");
    assert!(message.contains("`/{page}/about` receives its requests"), "{message}");
    assert_eq!(failure(assert_guarded(&app, expected)).await, "");
}

#[actix_web::test]
async fn redirect_to_the_login_page_is_a_guard_only_if_the_caller_allows_it() {
    let to = |place: &'static str| {
        web::get()
            .to(move || ready(HttpResponse::SeeOther().insert_header((LOCATION, place)).finish()))
    };
    let app = App::new()
        .route("/login", web::get().to(async || "a form"))
        .route("/account", to("/login?next=%2Faccount"))
        .route("/moved", to("/login-help"));
    let app = init_service(app).await;
    let message = failure(assert_guarded_or_login(&app, "/login", ["GET /login"])).await;
    assert_eq!(named(&message), ["GET /moved"]);
    let mut both = named(&failure(assert_guarded(&app, ["GET /login"])).await)
        .into_iter()
        .map(str::to_owned)
        .collect::<Vec<_>>();
    both.sort_unstable();
    assert_eq!(both, ["GET /account", "GET /moved"]);
}

#[actix_web::test]
async fn guard_around_the_whole_application_passes() {
    let verifier = TestIssuer::new(ISSUER).verifier().build().unwrap();
    let app = App::new()
        .app_data(verifier)
        .wrap(PasetoRequired::new())
        .route("/users/{id}", web::get().to(async || "secret"))
        .service(web::scope("/api").route("/{name}", web::post().to(async || "secret")));
    assert_eq!(failure(assert_guarded(&init_service(app).await, [])).await, "");
}

#[actix_web::test]
async fn error_of_a_middleware_counts_as_its_response() {
    use actix_web::dev::{Service, ServiceRequest};
    let check = |req: ServiceRequest, service: &_| {
        let inner = Service::call(service, req);
        async {
            let response: ServiceResponse = inner.await?;
            match response.status().as_u16() {
                404 => Ok(response),
                _ => Err(ErrorUnauthorized("no user")),
            }
        }
    };
    let app = App::new().wrap_fn(check).route("/me", web::get().to(async || "secret"));
    assert_eq!(failure(assert_guarded(&init_service(app).await, [])).await, "");
}

#[actix_web::test]
async fn guarded_default_service_does_not_hide_a_route_with_a_condition() {
    let verifier = TestIssuer::new(ISSUER).verifier().build().unwrap();
    let tenant = || guard::Header("X-Tenant", "blue");
    let app = App::new()
        .app_data(verifier)
        .route("/tenant", web::get().guard(tenant()).to(async || "secret"))
        .service(web::scope("/blue").guard(tenant()).route("/me", web::get().to(async || "secret")))
        .default_service(web::route().to(async || "secret").wrap(PasetoRequired::new()));
    let message = failure(assert_guarded(&init_service(app).await, [])).await;
    let mut named = named(&message);
    named.sort_unstable();
    assert_eq!(named, ["GET /blue/me", "GET /tenant"], "{message}");
}

#[actix_web::test]
async fn open_default_service_is_reported_once() {
    let verifier = TestIssuer::new(ISSUER).verifier().build().unwrap();
    let app = App::new()
        .app_data(verifier)
        .route("/me", web::get().to(async || "secret").wrap(PasetoRequired::new()))
        .default_service(web::route().to(async || "the page of the application"));
    let app = init_service(app).await;
    assert_eq!(named(&failure(assert_guarded(&app, [])).await), ["GET /*", "POST /*"]);
    assert_eq!(failure(assert_guarded(&app, ["GET /*", "POST /*"])).await, "");
}
