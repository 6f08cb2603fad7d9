//! Requirements of a route on a valid token: a fresh login, a custom check, and several requirements.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::rt::task::yield_now;
use actix_web::test::{TestRequest, init_service};
use actix_web::web::ServiceConfig;
use actix_web::{App, HttpRequest, web};
use paseto_actix::error::Rejection;
use paseto_actix::verifier::VerifierBuilder;
use paseto_actix::{PasetoRequired, VerifiedToken, paseto_required};
use paseto_actix_tests::app::{
    BODY_401, BODY_403, Runs, TestResponse, call, issuer_builder, verifier_builder,
};
use paseto_actix_tests::clock::{START, TestClock};
use paseto_actix_tests::logs::Logs;
use serde_json::json;
use time::ext::NumericalDuration;

#[paseto_required(scopes("read", "write"))]
async fn scopes(runs: web::Data<Runs>) -> &'static str {
    runs.count_one();
    "served"
}

#[paseto_required(any_scope("editor", "admin"))]
async fn any_scope(runs: web::Data<Runs>) -> &'static str {
    runs.count_one();
    "served"
}

#[paseto_required(fresh = "10m")]
async fn fresh(runs: web::Data<Runs>) -> &'static str {
    runs.count_one();
    "served"
}

#[paseto_required(scopes("read", "write"), any_scope("editor", "admin"), fresh = "10m", check = knocked)]
async fn all(runs: web::Data<Runs>) -> &'static str {
    runs.count_one();
    "served"
}

async fn unguarded(runs: web::Data<Runs>) -> &'static str {
    runs.count_one();
    "served"
}

fn knocked(req: &HttpRequest, token: &VerifiedToken) -> Result<(), Rejection> {
    assert_eq!(token.subject(), Some("ada"));
    if req.headers().contains_key("knock") {
        Ok(())
    } else {
        Err(Rejection::forbidden("no knock header"))
    }
}

/// Registers each requirement twice: as an attribute, and as a middleware around a scope.
fn services(app: &mut ServiceConfig) {
    let ten_minutes = Duration::from_secs(600);
    for (path, required) in [
        ("scopes", PasetoRequired::new().scopes(["read", "write"])),
        ("any_scope", PasetoRequired::new().any_scope(["editor", "admin"])),
        ("fresh", PasetoRequired::new().fresh(ten_minutes)),
        (
            "all",
            PasetoRequired::new()
                .scopes(["read"])
                .any_scope(["editor", "admin"])
                .fresh(2 * ten_minutes)
                .scopes(["write"])
                .fresh(ten_minutes)
                .check(knocked),
        ),
        ("two_of_any", PasetoRequired::new().any_scope(["a", "b"]).any_scope(["c", "d"])),
        ("none_of_any", PasetoRequired::new().any_scope([""; 0])),
        ("two_checks", PasetoRequired::new().check(|_, _: &VerifiedToken| Ok(())).check(knocked)),
    ] {
        app.service(
            web::scope(&format!("/middleware/{path}"))
                .wrap(required)
                .default_service(web::to(unguarded)),
        );
    }
    app.route("/attribute/scopes", web::to(scopes))
        .route("/attribute/any_scope", web::to(any_scope))
        .route("/attribute/fresh", web::to(fresh))
        .route("/attribute/all", web::to(all));
}

pub(crate) struct Request<'a> {
    pub(crate) scope: Option<&'a str>,
    /// The time since the user's login.
    pub(crate) login: Option<time::Duration>,
    pub(crate) knock: bool,
}

impl Request<'_> {
    pub(crate) const NOTHING: Request<'static> = Request { scope: None, login: None, knock: false };

    async fn to(
        &self,
        path: &str,
        verifier: VerifierBuilder,
        clock: &TestClock,
    ) -> (TestResponse, usize) {
        let issuer = issuer_builder(clock).build().unwrap();
        let claims = json!({});
        let mut token = issuer.token(&claims).subject("ada");
        if let Some(scope) = self.scope {
            token = token.scopes(scope.split_whitespace());
        }
        if let Some(login) = self.login {
            token = token.auth_time(START);
            clock.advance(login);
        }
        let mut request = TestRequest::with_uri(path)
            .insert_header(("authorization", format!("Bearer {}", token.issue().unwrap())));
        if self.knock {
            request = request.insert_header(("knock", ""));
        }
        let runs = Runs::default();
        let app = App::new()
            .app_data(verifier.build().unwrap())
            .app_data(web::Data::new(runs.clone()))
            .configure(services);
        (call(&init_service(app).await, request.to_request()).await, runs.count())
    }

    /// Sends the request to a verifier without asynchronous checks. Asserts that a verifier with an
    /// asynchronous check returns the same response.
    pub(crate) async fn on(&self, path: &str) -> (TestResponse, usize) {
        let clock = TestClock::new();
        let response = self.to(path, verifier_builder(&clock), &clock).await;
        let clock = TestClock::new();
        let with_async_check = verifier_builder(&clock).check_async(async |_| {
            yield_now().await;
            Ok(())
        });
        let async_response = self.to(path, with_async_check, &clock).await;
        assert_eq!(format!("{response:?}"), format!("{async_response:?}"), "{path}");
        response
    }
}

pub(crate) fn assert_insufficient_scope(
    (response, runs): &(TestResponse, usize),
    needed: &str,
    case: &str,
) {
    let scope = if needed.is_empty() { String::new() } else { format!(r#", scope="{needed}""#) };
    let description = "the token lacks a scope";
    assert_eq!(
        response.challenge(),
        format!(
            r#"Bearer realm="api", error="insufficient_scope", error_description="{description}"{scope}"#
        ),
        "{case}"
    );
    assert_eq!(
        (response.status, response.body.as_str(), *runs),
        (StatusCode::FORBIDDEN, BODY_403, 0),
        "{case}"
    );
}

fn assert_stale((response, runs): &(TestResponse, usize), case: &str) {
    let expected = concat!(
        r#"Bearer realm="api", error="insufficient_user_authentication", "#,
        r#"error_description="a more recent or stronger login is needed", max_age="600""#
    );
    assert_eq!(response.challenge(), expected, "{case}");
    assert_eq!(
        (response.status, response.body.as_str(), *runs),
        (StatusCode::UNAUTHORIZED, BODY_401, 0),
        "{case}"
    );
}

pub(crate) fn assert_served((response, runs): &(TestResponse, usize), case: &str) {
    assert_eq!((response.status, *runs), (StatusCode::OK, 1), "{case}: {response:?}");
}

/// RFC 9470, section 3, defines the challenge.
#[actix_web::test]
async fn fresh_requires_a_recent_auth_time() {
    for form in ["attribute", "middleware"] {
        let path = format!("/{form}/fresh");
        for (login, is_fresh) in [
            (0.seconds(), true),
            (10.minutes(), true),
            (605.seconds(), true),
            (605.seconds() + 1.nanoseconds(), false),
            (50.minutes(), false),
            (-5.seconds(), true),
            (-5.seconds() - 1.nanoseconds(), false),
        ] {
            let outcome = Request { login: Some(login), ..Request::NOTHING }.on(&path).await;
            if is_fresh {
                assert_served(&outcome, &format!("{form}: {login}"));
            } else {
                assert_stale(&outcome, &format!("{form}: {login}"));
            }
        }
        assert_stale(&Request::NOTHING.on(&path).await, "no `auth_time`");

        let clock = TestClock::new();
        let no_leeway = verifier_builder(&clock).leeway(Duration::ZERO);
        let request = Request { login: Some(601.seconds()), ..Request::NOTHING };
        assert_stale(&request.to(&path, no_leeway, &clock).await, "the verifier's leeway applies");
    }
}

/// Each option of a route can reject the token. The custom check runs last.
#[actix_web::test]
async fn all_options_of_a_route_are_enforced() {
    let good =
        || Request { scope: Some("read write admin"), login: Some(10.minutes()), knock: true };
    for path in ["/attribute/all", "/middleware/all"] {
        assert_served(&good().on(path).await, path);
        for scope in ["read write", "read admin", "write editor", ""] {
            let request = Request { scope: Some(scope), ..good() };
            assert_insufficient_scope(&request.on(path).await, "read write editor admin", scope);
        }
        assert_stale(&Request { login: Some(11.minutes()), ..good() }.on(path).await, path);
        assert_stale(&Request { login: None, ..good() }.on(path).await, path);

        let logs = Logs::capture();
        let (response, runs) = Request { knock: false, ..good() }.on(path).await;
        assert_eq!(
            (response.status, response.challenge(), runs),
            (StatusCode::FORBIDDEN, "", 0),
            "{path}"
        );
        // `on` sends two requests.
        assert_eq!(
            (response.body.as_str(), logs.count("forbidden: no knock header")),
            (BODY_403, 2),
            "{logs:?}"
        );

        let logs = Logs::capture();
        let request = Request { scope: Some("read"), login: None, knock: false };
        assert_insufficient_scope(&request.on(path).await, "read write editor admin", path);
        assert_eq!(logs.count("no knock header"), 0, "{logs:?}");
    }
}

#[actix_web::test]
async fn all_checks_of_a_middleware_run() {
    let request = |knock| Request { knock, ..Request::NOTHING };
    assert_served(&request(true).on("/middleware/two_checks").await, "both checks accept");
    let (response, runs) = request(false).on("/middleware/two_checks").await;
    assert_eq!((response.status, runs), (StatusCode::FORBIDDEN, 0));
}
