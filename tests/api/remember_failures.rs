//! Remembered logins where a store, the user loader, or a service further in fails.

use std::future::ready;

use actix_web::error::ErrorImATeapot;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER, SERVER};
use actix_web::middleware::{ErrorHandlerResponse, ErrorHandlers};
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, HttpResponse};
use paseto_actix::PasetoSession;
use paseto_actix::remember::RememberMeBuilder;
use paseto_actix::token_family::{
    FamilyOwner, LoginEntry, MemoryTokenFamilyStore, NewTokenFamily, RandomId, Rotation,
    RotationRequest, TokenFamilyError, TokenFamilyStore,
};
use paseto_actix_tests::remember::{
    House, REMEMBER, SESSION, ada, send_cookies, site_with_token_family, use_up, with_cookie,
};
use paseto_actix_tests::revocation::Failing;
use paseto_actix_tests::session::{Client, Site, set_cookies};
use time::Duration;

/// A store that answers nothing, as one on a server that is down.
struct Down;

impl TokenFamilyStore for Down {
    async fn begin(&self, _: NewTokenFamily<'_>) -> Result<(), TokenFamilyError> {
        Err(TokenFamilyError::Other("down".into()))
    }

    async fn rotate(&self, _: RotationRequest<'_>) -> Result<Rotation, TokenFamilyError> {
        Err(TokenFamilyError::Other("down".into()))
    }

    async fn revoke(&self, _: FamilyOwner<'_>, _: RandomId) -> Result<(), TokenFamilyError> {
        Err(TokenFamilyError::Other("down".into()))
    }

    async fn revoke_all(
        &self,
        _: FamilyOwner<'_>,
        _: Option<RandomId>,
    ) -> Result<(), TokenFamilyError> {
        Err(TokenFamilyError::Other("down".into()))
    }

    async fn list(&self, _: FamilyOwner<'_>) -> Result<Vec<LoginEntry>, TokenFamilyError> {
        Err(TokenFamilyError::Other("down".into()))
    }
}

#[actix_web::test]
async fn a_store_that_is_down_logs_nobody_in_and_ends_nothing() {
    let house = House::new();
    let (up, _) = site_with_token_family(&house).await;
    let down = house.site_with(|remember| remember.token_family_store(Down)).await;
    let mut client = ada(&up).await;
    let mut fresh = client.clone();
    client.drop_cookie(SESSION);
    let value = client.cookie(REMEMBER).unwrap().to_owned();
    let answer = client.get(&down, "/me").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.headers.contains_key(RETRY_AFTER));
    assert_eq!(client.cookie(REMEMBER), Some(value.as_str()), "the cookie stays");
    assert_eq!(client.get(&up, "/me").await.body, "ada", "and is good once the store is back");

    // A logout that could not end every copy does not look like one that has, but this browser is logged out.
    assert_eq!(fresh.get(&down, "/logout").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!((fresh.cookie(SESSION), fresh.cookie(REMEMBER)), (None, None));
    assert_eq!(
        Client::new().get(&down, "/login?user=ada&remember=yes").await.status,
        StatusCode::SERVICE_UNAVAILABLE
    );
}

#[actix_web::test]
async fn a_login_that_fails_ends_nothing() {
    let house = House::new();
    let store = MemoryTokenFamilyStore::new(1).clock(house.clock.clone());
    let site = house.site_with(|remember| remember.token_family_store(store.clone())).await;
    let mut client = ada(&site).await;
    let value = client.cookie(REMEMBER).unwrap().to_owned();
    assert_eq!(
        client.get(&site, "/login?user=ada&remember=yes").await.status,
        StatusCode::SERVICE_UNAVAILABLE,
        "full"
    );
    assert_eq!(use_up(&site, &value).await.0, "Remembered");
}

/// What a middleware further in refuses is no login, and does not undo a logout.
#[actix_web::test]
async fn an_error_after_the_handler() {
    let house = House::new();
    let store = MemoryTokenFamilyStore::new(1000).clock(house.clock.clone());
    let site = house.site_with(|remember| remember.token_family_store(store.clone())).await;
    let refusing = App::new()
        .wrap_fn(|req, service| {
            let response = actix_web::dev::Service::call(service, req);
            async {
                response
                    .await
                    .and_then(|_| Err::<actix_web::dev::ServiceResponse, _>(ErrorImATeapot("no")))
            }
        })
        .wrap(house.remember().token_family_store(store.clone()).build().unwrap())
        .wrap(
            paseto_actix::PasetoSession::builder(house.session_key.clone())
                .clock(house.clock.clone())
                .build()
                .unwrap(),
        )
        .configure(paseto_actix_tests::remember::routes);
    let refusing = Site::new(init_service(refusing).await, |request| request.to_request());
    let mut client = Client::new();
    let answer = client.get(&refusing, "/login?user=ada&remember=yes").await;
    assert_eq!((answer.status, set_cookies(&answer.headers).len()), (StatusCode::IM_A_TEAPOT, 0));
    assert!(store.is_empty(), "no login, no family");

    for way_out in ["/logout", "/identity-logout", "/purge"] {
        let mut client = ada(&site).await;
        let copy = client.cookie(REMEMBER).unwrap().to_owned();
        client.drop_cookie(SESSION);
        assert_eq!(client.get(&refusing, way_out).await.status, StatusCode::IM_A_TEAPOT);
        assert!(client.cookie(REMEMBER).is_none(), "{way_out}");
        assert_eq!(use_up(&site, &copy).await.0, "Anonymous", "{way_out}");
    }
}

/// A token that is used up must not get lost because something inside fails.
#[actix_web::test]
async fn an_error_further_in_brings_the_next_token() {
    let house = House::new();
    let store = MemoryTokenFamilyStore::new(1000).clock(house.clock.clone());
    let site = house.site_with(|remember| remember.token_family_store(store.clone())).await;
    let value = ada(&site).await.cookie(REMEMBER).unwrap().to_owned();
    let failing = App::new()
        .wrap_fn(|_, _| {
            ready(Err::<actix_web::dev::ServiceResponse, _>(ErrorImATeapot("short and stout")))
        })
        .wrap(house.remember().token_family_store(store.clone()).build().unwrap())
        .wrap(paseto_actix::PasetoSession::builder(house.session_key.clone()).build().unwrap())
        .default_service(actix_web::web::to(HttpResponse::Ok));
    let failing = Site::new(init_service(failing).await, |request| request.to_request());
    let mut client = with_cookie(&value);
    let answer = client.send(&failing, TestRequest::get()).await;
    assert_eq!(answer.status, StatusCode::IM_A_TEAPOT);
    assert_eq!(answer.body, "short and stout");
    house.clock.advance(Duration::hours(1));
    assert_eq!(use_up(&site, client.cookie(REMEMBER).unwrap()).await.0, "Remembered");
}

/// `Logger`, `ErrorHandlers` and the like see responses, not errors.
#[actix_web::test]
async fn a_failure_is_a_response_that_outer_middlewares_see() {
    for failing in ["family", "revocations", "user loader"] {
        let house = House::new();
        let revocations = Failing::new(&house.clock, 10);
        let store = MemoryTokenFamilyStore::new(10).clock(house.clock.clone());
        let settings = |remember: RememberMeBuilder| {
            remember.revocation_store(revocations.clone()).token_family_store(store.clone())
        };
        let up = house.site_with(settings).await;
        let value = ada(&up).await.cookie(REMEMBER).unwrap().to_owned();
        let mut remember = settings(house.remember());
        match failing {
            "family" => remember = remember.token_family_store(Down),
            "revocations" => revocations.set_down(true),
            _ => house.users.set("down", Some("the database")),
        }
        let app = App::new()
            .wrap(remember.build().unwrap())
            .wrap(
                PasetoSession::builder(house.session_key.clone())
                    .clock(house.clock.clone())
                    .build()
                    .unwrap(),
            )
            .wrap(ErrorHandlers::new().handler(StatusCode::SERVICE_UNAVAILABLE, |mut response| {
                response.headers_mut().insert(SERVER, HeaderValue::from_static("seen"));
                Ok(ErrorHandlerResponse::Response(response.map_into_left_body()))
            }))
            .configure(paseto_actix_tests::remember::routes);
        let site = Site::new(init_service(app).await, |request| request.to_request());
        // A candidate that cannot be checked is not passed over for the next one.
        for values in [vec![&value], vec![&value; 2]] {
            let answer = send_cookies(&site, "/me", &values).await;
            assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{failing}");
            assert_eq!(answer.headers.get(SERVER).unwrap(), "seen", "{failing}");
            assert!(set_cookies(&answer.headers).is_empty(), "{failing}: {:?}", answer.headers);
            if failing == "user loader" {
                assert_eq!(answer.body, "no database");
            } else {
                assert_eq!(
                    answer.body,
                    r#"{"type":"about:blank","title":"Service Unavailable","status":503}"#
                );
                assert_eq!(
                    answer.headers.get(CONTENT_TYPE).unwrap(),
                    "application/problem+json",
                    "{failing}"
                );
                assert_eq!(answer.headers.get(RETRY_AFTER).unwrap(), "1", "{failing}");
            }
        }
        revocations.set_down(false);
        house.users.set("down", None);
        assert_eq!(
            use_up(&up, &value).await.0,
            "Remembered",
            "{failing}: the failure used no token up"
        );
    }
}
