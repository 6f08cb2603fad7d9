//! Scopes that a route requires, and the scopes that a token lacks.

use actix_web::test::{TestRequest, init_service};
use actix_web::{App, HttpResponse};
use paseto_actix::PasetoRequired;
use paseto_actix_tests::app::{call, issuer_builder, verifier_builder};
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::logs::Logs;
use serde_json::json;

use crate::required::{Request, assert_insufficient_scope, assert_served};

/// RFC 6750, section 3.1, defines the error code `insufficient_scope`.
#[actix_web::test]
async fn scopes_requires_all_listed_scopes() {
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
            let outcome =
                Request { scope, ..Request::NOTHING }.on(&format!("/{form}/scopes")).await;
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
async fn any_scope_requires_one_listed_scope() {
    for form in ["attribute", "middleware"] {
        for (scope, enough) in [
            ("editor", true),
            ("admin", true),
            ("x admin", true),
            ("edit", false),
            ("admins", false),
            ("", false),
        ] {
            let request = Request { scope: Some(scope), ..Request::NOTHING };
            let outcome = request.on(&format!("/{form}/any_scope")).await;
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
            Request { scope: Some(scope), ..Request::NOTHING }.on("/middleware/two_of_any").await;
        if enough {
            assert_served(&outcome, scope);
        } else {
            assert_insufficient_scope(&outcome, "a b c d", scope);
        }
    }
    let logs = Logs::capture();
    let outcome =
        Request { scope: Some("a b"), ..Request::NOTHING }.on("/middleware/none_of_any").await;
    assert_ne!(logs.count("lacks a scope of an empty list, which rejects each request"), 0);
    assert_insufficient_scope(&outcome, "", "an empty list rejects each token");
}

#[test]
fn invalid_scopes_and_acr_values_panic_at_construction() {
    let message = |make: fn() -> PasetoRequired| {
        let panic = std::panic::catch_unwind(make).unwrap_err();
        panic.downcast_ref::<String>().unwrap().clone()
    };
    for (make, expected) in [
        (
            (|| PasetoRequired::new().scopes(["a", "read write"])) as fn() -> PasetoRequired,
            r#"the scope "read write" contains a space: write each scope as a separate string"#,
        ),
        (
            || PasetoRequired::new().any_scope(["a", ""]),
            r#"the scope "" is empty: set a value, or remove it"#,
        ),
        (
            || PasetoRequired::new().scopes(["a\nb"]),
            r#"the scope "a\nb" contains a character that is not allowed: use visible"#,
        ),
        (
            || PasetoRequired::new().any_scope(["caf\u{e9}"]),
            "the scope \"caf\u{e9}\" contains a character that is not allowed",
        ),
        (
            || PasetoRequired::new().acr(["phr phrh"]),
            r#"the `acr` value "phr phrh" contains a space: write each `acr` value as a separate string"#,
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

/// `missing_scopes` returns the scopes that would satisfy the requirements, each scope once.
#[actix_web::test]
async fn error_handler_gets_the_missing_scopes() {
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
        let response = call(&init_service(app).await, request.to_request()).await;
        assert_eq!(response.body, format!("{missing} | insufficient_scope: {detail}"), "{granted}");
    }
}
