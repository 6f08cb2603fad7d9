//! What a route asks of a token beyond being valid: scopes, a fresh login, a check of its own.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::rt::task::yield_now;
use actix_web::test::{TestRequest, init_service};
use actix_web::web::ServiceConfig;
use actix_web::{App, HttpRequest, HttpResponse, web};
use paseto_actix::error::Rejection;
use paseto_actix::verifier::VerifierBuilder;
use paseto_actix::{PasetoRequired, VerifiedToken, paseto_required};
use paseto_actix_tests::app::{
    BODY_401, Runs, TestResponse, call, issuer_builder, verifier_builder,
};
use paseto_actix_tests::clock::{START, TestClock};
use paseto_actix_tests::logs::Logs;
use serde_json::json;
use time::ext::NumericalDuration;

const BODY_403: &str = r#"{"type":"about:blank","title":"Forbidden","status":403}"#;

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

/// Each requirement at two places: an attribute, and a middleware around a scope.
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
        ("two_checks", PasetoRequired::new().check(|_, _| Ok(())).check(knocked)),
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

struct Visit<'a> {
    scope: Option<&'a str>,
    /// How long before the present the user logged in.
    login: Option<time::Duration>,
    knock: bool,
}

impl Visit<'_> {
    const NOTHING: Visit<'static> = Visit { scope: None, login: None, knock: false };

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

    /// The answer of a Verifier that decides at once. A guard that waits for an asynchronous check
    /// has to give the same answer.
    async fn on(&self, path: &str) -> (TestResponse, usize) {
        let clock = TestClock::new();
        let at_once = self.to(path, verifier_builder(&clock), &clock).await;
        let clock = TestClock::new();
        let waiting = verifier_builder(&clock).check_async(async |_| {
            yield_now().await;
            Ok(())
        });
        let after_waiting = self.to(path, waiting, &clock).await;
        assert_eq!(format!("{at_once:?}"), format!("{after_waiting:?}"), "{path}");
        at_once
    }
}

fn assert_insufficient_scope((answer, runs): &(TestResponse, usize), needed: &str, case: &str) {
    let scope = if needed.is_empty() { String::new() } else { format!(r#", scope="{needed}""#) };
    let description = "the token lacks a scope";
    assert_eq!(
        answer.challenge(),
        format!(
            r#"Bearer realm="api", error="insufficient_scope", error_description="{description}"{scope}"#
        ),
        "{case}"
    );
    assert_eq!(
        (answer.status, answer.body.as_str(), *runs),
        (StatusCode::FORBIDDEN, BODY_403, 0),
        "{case}"
    );
}

fn assert_stale((answer, runs): &(TestResponse, usize), case: &str) {
    let expected = concat!(
        r#"Bearer realm="api", error="insufficient_user_authentication", "#,
        r#"error_description="a more recent or stronger login is needed", max_age="600""#
    );
    assert_eq!(answer.challenge(), expected, "{case}");
    assert_eq!(
        (answer.status, answer.body.as_str(), *runs),
        (StatusCode::UNAUTHORIZED, BODY_401, 0),
        "{case}"
    );
}

fn assert_served((answer, runs): &(TestResponse, usize), case: &str) {
    assert_eq!((answer.status, *runs), (StatusCode::OK, 1), "{case}: {answer:?}");
}

#[actix_web::test]
async fn all_of_some_scopes() {
    for form in ["attribute", "middleware"] {
        for (scope, enough) in [
            (Some("read write"), true),
            (Some("write more read"), true),
            (Some("read"), false),
            (Some("write"), false),
            (Some("READ WRITE"), false),
            (Some("read writer"), false),
            (Some("read,write"), false),
            (Some("readwrite"), false),
            (Some(""), false),
            (None, false),
        ] {
            let outcome = Visit { scope, ..Visit::NOTHING }.on(&format!("/{form}/scopes")).await;
            let case = format!("{form}: {scope:?}");
            if enough {
                assert_served(&outcome, &case);
            } else {
                assert_insufficient_scope(&outcome, "read write", &case);
            }
        }
    }
}

#[actix_web::test]
async fn one_of_some_scopes() {
    for form in ["attribute", "middleware"] {
        for (scope, enough) in [
            ("editor", true),
            ("admin", true),
            ("x admin", true),
            ("edit", false),
            ("admins", false),
            ("", false),
        ] {
            let visit = Visit { scope: Some(scope), ..Visit::NOTHING };
            let outcome = visit.on(&format!("/{form}/any_scope")).await;
            let case = format!("{form}: {scope:?}");
            if enough {
                assert_served(&outcome, &case);
            } else {
                assert_insufficient_scope(&outcome, "editor admin", &case);
            }
        }
    }
    for (scope, enough) in [("a c", true), ("b d", true), ("a b", false), ("c d", false)] {
        let outcome =
            Visit { scope: Some(scope), ..Visit::NOTHING }.on("/middleware/two_of_any").await;
        if enough {
            assert_served(&outcome, scope);
        } else {
            assert_insufficient_scope(&outcome, "a b c d", scope);
        }
    }
    let outcome =
        Visit { scope: Some("a b"), ..Visit::NOTHING }.on("/middleware/none_of_any").await;
    assert_insufficient_scope(&outcome, "", "an empty list lets nobody through");
}

#[actix_web::test]
async fn a_fresh_login() {
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
            let outcome = Visit { login: Some(login), ..Visit::NOTHING }.on(&path).await;
            if is_fresh {
                assert_served(&outcome, &format!("{form}: {login}"));
            } else {
                assert_stale(&outcome, &format!("{form}: {login}"));
            }
        }
        assert_stale(&Visit::NOTHING.on(&path).await, "no `auth_time`");

        let clock = TestClock::new();
        let no_leeway = verifier_builder(&clock).leeway(Duration::ZERO);
        let visit = Visit { login: Some(601.seconds()), ..Visit::NOTHING };
        assert_stale(&visit.to(&path, no_leeway, &clock).await, "the leeway is the verifier's");
    }
}

/// All options of one route count, each of them alone enough to refuse; the check comes last.
#[actix_web::test]
async fn all_options_together() {
    let good = || Visit { scope: Some("read write admin"), login: Some(10.minutes()), knock: true };
    for path in ["/attribute/all", "/middleware/all"] {
        assert_served(&good().on(path).await, path);
        for scope in ["read write", "read admin", "write editor", ""] {
            let visit = Visit { scope: Some(scope), ..good() };
            assert_insufficient_scope(&visit.on(path).await, "read write editor admin", scope);
        }
        assert_stale(&Visit { login: Some(11.minutes()), ..good() }.on(path).await, path);
        assert_stale(&Visit { login: None, ..good() }.on(path).await, path);

        let logs = Logs::capture();
        let (answer, runs) = Visit { knock: false, ..good() }.on(path).await;
        assert_eq!(
            (answer.status, answer.challenge(), runs),
            (StatusCode::FORBIDDEN, "", 0),
            "{path}"
        );
        // `on` makes two requests.
        assert_eq!(
            (answer.body.as_str(), logs.count("forbidden: no knock header")),
            (BODY_403, 2),
            "{logs:?}"
        );

        let logs = Logs::capture();
        let visit = Visit { scope: Some("read"), login: None, knock: false };
        assert_insufficient_scope(&visit.on(path).await, "read write editor admin", path);
        assert_eq!(logs.count("no knock header"), 0, "{logs:?}");
    }
}

#[actix_web::test]
async fn every_check_of_a_middleware_counts() {
    let visit = |knock| Visit { knock, ..Visit::NOTHING };
    assert_served(&visit(true).on("/middleware/two_checks").await, "both agree");
    let (answer, runs) = visit(false).on("/middleware/two_checks").await;
    assert_eq!((answer.status, runs), (StatusCode::FORBIDDEN, 0));
}

#[test]
fn names_that_no_token_can_have_are_rejected_at_once() {
    let message = |make: fn() -> PasetoRequired| {
        let panic = std::panic::catch_unwind(make).unwrap_err();
        panic.downcast_ref::<String>().unwrap().clone()
    };
    for (make, expected) in [
        (
            (|| PasetoRequired::new().scopes(["a", "read write"])) as fn() -> PasetoRequired,
            r#"the scope "read write" has a space: write each scope as a text of its own"#,
        ),
        (
            || PasetoRequired::new().any_scope(["a", ""]),
            r#"the scope "" is empty: write it, or remove it"#,
        ),
        (
            || PasetoRequired::new().scopes(["a\nb"]),
            r#"the scope "a\nb" has a character that is not allowed: use visible"#,
        ),
        (
            || PasetoRequired::new().any_scope(["caf\u{e9}"]),
            "the scope \"caf\u{e9}\" has a character that is not allowed",
        ),
        (
            || PasetoRequired::new().acr(["phr phrh"]),
            r#"the `acr` value "phr phrh" has a space: write each `acr` value as a text of its own"#,
        ),
    ] {
        let message = message(make);
        assert!(message.starts_with(expected), "{message}");
    }
    let _ = PasetoRequired::new()
        .scopes(["posts:write", "!#$[]~"])
        .any_scope([""; 0])
        .acr(["urn:mace:silver"]);
}

/// What the application learns of the scopes: those that would help, each once.
#[actix_web::test]
async fn missing_scopes_are_those_that_the_token_lacks() {
    let required = || {
        PasetoRequired::new()
            .scopes(["a", "b"])
            .any_scope(["c", "d"])
            .any_scope(["b", "e"])
            .scopes(["a"])
    };
    for (granted, missing, detail) in [
        ("", "a b c d e", "the token lacks `a` and `b`, and `c` or `d`, and `b` or `e`"),
        ("a c", "b e", "the token lacks `b`, and `b` or `e`"),
        ("a b", "c d", "the token lacks `c` or `d`"),
        ("b d", "a", "the token lacks `a`"),
    ] {
        let clock = TestClock::new();
        let verifier = verifier_builder(&clock).error_handler(|_, error| {
            assert!(
                error.challenge().unwrap().to_str().unwrap().contains(r#"scope="a b c d e""#),
                "{error}"
            );
            HttpResponse::Ok().body(format!("{} | {error}", error.missing_scopes().join(" ")))
        });
        let app = App::new().app_data(verifier.build().unwrap()).wrap(required());
        let issuer = issuer_builder(&clock).build().unwrap();
        let token = issuer.token(&json!({})).scopes(granted.split_whitespace()).issue().unwrap();
        let request =
            TestRequest::default().insert_header(("authorization", format!("Bearer {token}")));
        let answer = call(&init_service(app).await, request.to_request()).await;
        assert_eq!(answer.body, format!("{missing} | insufficient_scope: {detail}"), "{granted}");
    }
}
