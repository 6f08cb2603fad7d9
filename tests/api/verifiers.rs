//! Selection of the verifier for a request, the number of verifications, and `current_paseto`.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::middleware::{Next, from_fn};
use actix_web::test::{TestRequest, init_service};
use actix_web::web::ServiceConfig;
use actix_web::{App, Error, HttpRequest, web};
use paseto_actix::error::Rejection;
use paseto_actix::guard::PasetoRequestExt;
use paseto_actix::{MaybePaseto, Paseto, PasetoRequired, VerifiedToken, Verifier, paseto_required};
use paseto_actix_tests::app::{Runs, TestResponse, call, issuer_builder, verifier_builder};
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::logs::Logs;
use serde_json::{Value, json};

#[paseto_required]
async fn attribute(runs: web::Data<Runs>, req: HttpRequest) -> String {
    runs.count_one();
    subject(req.current_paseto())
}

async fn unguarded(runs: web::Data<Runs>, req: HttpRequest) -> String {
    runs.count_one();
    subject(req.current_paseto())
}

async fn maybe(_: MaybePaseto<Value>, runs: web::Data<Runs>, req: HttpRequest) -> String {
    runs.count_one();
    subject(req.current_paseto())
}

async fn side_by_side(
    first: Paseto<Value>,
    second: VerifiedToken,
    third: MaybePaseto<Value>,
    runs: web::Data<Runs>,
) -> String {
    runs.count_one();
    let third = third.into_inner();
    assert_eq!([first.token().subject(), third.unwrap().token().subject()], [second.subject(); 2]);
    subject(Some(second))
}

async fn optional(first: Option<Paseto<Value>>, second: Result<VerifiedToken, Error>) -> String {
    format!("{} {}", first.is_some(), second.is_ok())
}

#[paseto_required]
async fn everything(
    first: Paseto<Value>,
    second: VerifiedToken,
    third: MaybePaseto<Value>,
    runs: web::Data<Runs>,
) -> String {
    side_by_side(first, second, third, runs).await
}

fn subject(token: Option<VerifiedToken>) -> String {
    token.map_or_else(|| "anonymous".to_owned(), |token| token.subject().unwrap().to_owned())
}

/// Returns a verifier that accepts only tokens with this audience.
fn of(audience: &str) -> Verifier {
    verifier_builder(&TestClock::new()).audience(audience).build().unwrap()
}

fn gateway() -> Verifier {
    verifier_builder(&TestClock::new()).accept_any_audience().build().unwrap()
}

fn token_for(audience: &str) -> String {
    let issuer = issuer_builder(&TestClock::new()).build().unwrap();
    issuer.token(&json!({})).subject("ada").audience(audience).issue().unwrap()
}

fn bearer(path: &str, token: &str) -> TestRequest {
    TestRequest::with_uri(path).insert_header(("authorization", format!("Bearer {token}")))
}

/// Sends one request. Returns the response and the number of handler calls.
async fn send(
    configure: impl FnOnce(&mut ServiceConfig),
    request: TestRequest,
) -> (TestResponse, usize) {
    let runs = Runs::default();
    let app = App::new().app_data(web::Data::new(runs.clone())).configure(configure);
    (call(&init_service(app).await, request.to_request()).await, runs.count())
}

#[track_caller]
fn assert_outcome((response, runs): &(TestResponse, usize), accepted: bool, case: &str) {
    let expected = if accepted { (StatusCode::OK, 1) } else { (StatusCode::UNAUTHORIZED, 0) };
    assert_eq!((response.status, *runs), expected, "{case}: {response:?}");
    if accepted {
        assert_eq!(response.body, "ada", "{case}");
    } else {
        response.assert_invalid_token();
    }
}

/// The nearest verifier is used by attributes and middlewares, both bare and in `web::Data`.
#[actix_web::test]
async fn nearest_verifier_in_app_data_is_used() {
    fn bare(app: &mut ServiceConfig) {
        let guard = PasetoRequired::new;
        let inner = web::scope("/c")
            .app_data(of("c"))
            .route("/attribute", web::to(attribute))
            .service(web::scope("/middleware").wrap(guard()).default_service(web::to(unguarded)));
        let outer = web::scope("/b")
            .app_data(of("b"))
            .service(inner)
            .service(web::resource("/d").app_data(of("d")).wrap(guard()).to(unguarded))
            .route("/attribute", web::to(attribute))
            .default_service(web::to(unguarded))
            .wrap(guard());
        app.app_data(of("a")).service(outer).route("/attribute", web::to(attribute));
    }
    fn data(app: &mut ServiceConfig) {
        let of = |audience| web::Data::new(of(audience));
        let b = web::scope("/b")
            .app_data(of("b"))
            .wrap(PasetoRequired::new())
            .default_service(web::to(unguarded));
        app.app_data(of("a")).service(b).route("/attribute", web::to(attribute));
    }
    for (configure, path, audience) in [
        (bare as fn(&mut ServiceConfig), "/attribute", "a"),
        (bare, "/b/attribute", "b"),
        (bare, "/b/other", "b"),
        (data, "/attribute", "a"),
        (data, "/b/other", "b"),
    ] {
        for other in ["a", "b", "c", "d"] {
            let outcome = send(configure, bearer(path, &token_for(other))).await;
            assert_outcome(&outcome, other == audience, &format!("{path}, {other}"));
        }
    }
    // A request passes two guards with different verifiers, so no single audience is sufficient.
    for path in ["/b/c/attribute", "/b/c/middleware/x", "/b/d"] {
        for audience in ["a", "b", "c", "d"] {
            assert_outcome(&send(bare, bearer(path, &token_for(audience))).await, false, path);
        }
    }
}

/// If one verifier is bare and the other is in `web::Data`, the request does not show which
/// verifier is nearer. So the request fails.
#[actix_web::test]
async fn mixing_bare_verifiers_and_web_data_is_500() {
    type Register = fn(&mut ServiceConfig, Verifier);
    let bare: Register = |app, verifier| _ = app.app_data(verifier);
    let data: Register = |app, verifier| _ = app.app_data(web::Data::new(verifier));
    for (case, outside, inside, alike) in [
        ("bare in bare", bare, bare, true),
        ("Data in Data", data, data, true),
        ("Data in bare", bare, data, false),
        ("bare in Data", data, bare, false),
    ] {
        for (audience, accepted) in [("other", false), ("own", true)] {
            let configure = |app: &mut ServiceConfig| {
                outside(app, gateway());
                let own = web::scope("/own").configure(|app| inside(app, of("own")));
                app.service(own.route("/attribute", web::to(attribute)));
            };
            let logs = Logs::capture();
            let outcome = send(configure, bearer("/own/attribute", &token_for(audience))).await;
            if alike {
                assert_outcome(&outcome, accepted, case);
            } else {
                assert_eq!(
                    (outcome.0.status, outcome.1),
                    (StatusCode::INTERNAL_SERVER_ERROR, 0),
                    "{case}"
                );
            }
            assert_eq!(
                logs.count("register all of them in the same way"),
                usize::from(!alike),
                "{case}: {logs:?}"
            );
        }
    }
}

#[actix_web::test]
async fn token_is_verified_again_by_each_different_verifier() {
    let strict =
        || verifier_builder(&TestClock::new()).accept_any_audience().check(no_ada).build().unwrap();
    for (inside, accepted) in
        [(gateway(), true), (of("own"), true), (of("another"), false), (strict(), false)]
    {
        let configure = |app: &mut ServiceConfig| {
            let inner =
                web::scope("/inner").app_data(inside).route("/attribute", web::to(attribute));
            app.service(
                web::scope("/outer").app_data(gateway()).wrap(PasetoRequired::new()).service(inner),
            );
        };
        let logs = Logs::capture();
        let outcome = send(configure, bearer("/outer/inner/attribute", &token_for("own"))).await;
        assert_outcome(&outcome, accepted, "the inner verifier decides");
        assert_eq!(logs.signature_checks(), 2, "each verifier checks the signature: {logs:?}");
    }

    let one = gateway();
    let configure = |app: &mut ServiceConfig| {
        let inner =
            web::scope("/inner").app_data(one.clone()).route("/attribute", web::to(attribute));
        app.service(web::scope("/outer").app_data(one).wrap(PasetoRequired::new()).service(inner));
    };
    let logs = Logs::capture();
    assert_outcome(
        &send(configure, bearer("/outer/inner/attribute", &token_for("own"))).await,
        true,
        "a clone",
    );
    assert_eq!(logs.signature_checks(), 1, "a clone is the same verifier: {logs:?}");
}

fn no_ada(token: &VerifiedToken) -> Result<(), Rejection> {
    if token.subject() == Some("ada") { Err(Rejection::invalid("not Ada")) } else { Ok(()) }
}

/// All guards and extractors of a request share one verification and one run of the checks.
#[actix_web::test]
async fn valid_token_is_verified_once_per_request() {
    for asynchronous in [false, true] {
        let checks = Arc::new(AtomicUsize::new(0));
        let verifier = {
            let builder =
                verifier_builder(&TestClock::new()).accept_any_audience().without_token_cache();
            let checks = Arc::clone(&checks);
            let count = move || _ = checks.fetch_add(1, Ordering::SeqCst);
            if asynchronous {
                builder.check_async(move |_| {
                    count();
                    async {
                        actix_web::rt::task::yield_now().await;
                        Ok(())
                    }
                })
            } else {
                builder.check(move |_| {
                    count();
                    Ok(())
                })
            }
            .build()
            .unwrap()
        };
        let configure = |app: &mut ServiceConfig| {
            let guarded = web::scope("/a")
                .wrap(PasetoRequired::new())
                .route("/everything", web::to(everything));
            app.app_data(verifier.clone())
                .service(web::scope("/guarded").wrap(PasetoRequired::new()).service(guarded))
                .route("/side_by_side", web::to(side_by_side));
        };
        for path in ["/guarded/a/everything", "/side_by_side"] {
            let logs = Logs::capture();
            checks.store(0, Ordering::SeqCst);
            assert_outcome(&send(configure, bearer(path, &token_for("own"))).await, true, path);
            let counted = (logs.signature_checks(), checks.load(Ordering::SeqCst));
            assert_eq!(counted, (1, 1), "{path}, asynchronous: {asynchronous}");
        }
    }
}

#[actix_web::test]
async fn rejected_token_is_verified_once_per_request() {
    let verifier =
        verifier_builder(&TestClock::new()).accept_any_audience().check(no_ada).build().unwrap();
    let configure =
        |app: &mut ServiceConfig| _ = app.app_data(verifier).route("/", web::to(optional));
    let logs = Logs::capture();
    let (response, _) = send(configure, bearer("/", &token_for("own"))).await;
    assert_eq!((response.body.as_str(), logs.signature_checks()), ("false false", 1), "{logs:?}");
}

/// The subjects that the middlewares have seen, in order.
#[derive(Clone, Default)]
struct Seen(Rc<RefCell<Vec<String>>>);

async fn watch<B: MessageBody>(
    req: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let seen = req.app_data::<Seen>().unwrap().clone();
    seen.0.borrow_mut().push(subject(req.current_paseto()));
    let response = next.call(req).await?;
    seen.0.borrow_mut().push(subject(response.request().current_paseto()));
    Ok(response)
}

/// A middleware outside of the guard sees the token after the call. A middleware inside of the
/// guard also sees it before the call. Neither sees a rejected token.
#[actix_web::test]
async fn current_paseto_is_available_only_after_verification() {
    let (good, bad) = (token_for("own"), token_for("another"));
    for (path, token, status, expected) in [
        ("/guarded/unguarded", Some(&good), 200, ["anonymous", "ada", "ada", "ada"].as_slice()),
        ("/guarded/unguarded", Some(&bad), 401, &["anonymous", "anonymous"]),
        ("/guarded/unguarded", None, 401, &["anonymous", "anonymous"]),
        ("/attribute", Some(&good), 200, &["anonymous", "ada"]),
        ("/attribute", Some(&bad), 401, &["anonymous", "anonymous"]),
        ("/maybe", Some(&good), 200, &["anonymous", "ada"]),
        ("/maybe", None, 200, &["anonymous", "anonymous"]),
        ("/unguarded", Some(&good), 200, &["anonymous", "anonymous"]),
    ] {
        let seen = Seen::default();
        let guarded = web::scope("/guarded")
            .wrap(from_fn(watch))
            .wrap(PasetoRequired::new())
            .route("/unguarded", web::to(unguarded));
        let runs = Runs::default();
        let app = App::new()
            .wrap(from_fn(watch))
            .app_data(of("own"))
            .app_data(seen.clone())
            .app_data(web::Data::new(runs.clone()))
            .service(guarded)
            .route("/attribute", web::to(attribute))
            .route("/maybe", web::to(maybe))
            .route("/unguarded", web::to(unguarded));
        let request =
            token.map_or_else(|| TestRequest::with_uri(path), |token| bearer(path, token));
        let response = call(&init_service(app).await, request.to_request()).await;
        assert_eq!(response.status.as_u16(), status, "{path}");
        assert_eq!(*seen.0.borrow(), expected, "{path}");
        assert_eq!(runs.count(), usize::from(status == 200), "{path}");
    }
}
