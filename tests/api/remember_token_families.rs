//! Remembered logins with token families: each token is valid for one use.

use actix_identity::config::LogoutBehavior;
use actix_web::http::StatusCode;
use actix_web::http::header::RETRY_AFTER;
use futures_util::future::join_all;
use paseto_actix::clock::Clock;
use paseto_actix::testing::Browser;
use paseto_actix::token_family::{MemoryTokenFamilyStore, RandomId};
use paseto_actix_tests::remember::{
    Application, REMEMBER, SESSION, ada, site_with_token_family as site, state, use_up, with_cookie,
};
use paseto_actix_tests::session::set_cookies;
use time::Duration;

#[actix_web::test]
async fn each_use_rotates_the_cookie() {
    let application = Application::new();
    let (site, reuses) = site(&application).await;
    let mut value = ada(&site).await.cookie(REMEMBER).unwrap().to_owned();
    for _ in 0..5 {
        application.clock.advance(Duration::days(1));
        let (state, next) = use_up(&site, &value).await;
        let next = next.expect("the response sets the next cookie");
        assert_eq!(state, "Remembered");
        assert_ne!(next, value);
        value = next;
    }
    application.clock.advance(Duration::days(25));
    assert_eq!(
        use_up(&site, &value).await,
        ("Anonymous".to_owned(), None),
        "30 days after the login"
    );
    assert!(reuses.lock().unwrap().is_empty());
}

/// While the session is valid, the remember-me cookie is not read.
#[actix_web::test]
async fn request_with_a_session_does_not_rotate_the_cookie() {
    let (site, _) = site(&Application::new()).await;
    let mut browser = ada(&site).await;
    let response = browser.get(&site, "/me").await;
    assert!(set_cookies(&response.headers).is_empty(), "{:?}", response.headers);
}

#[actix_web::test]
async fn previous_token_is_accepted_for_one_minute() {
    let application = Application::new();
    let (site, reuses) = site(&application).await;
    let other = ada(&site).await.cookie(REMEMBER).unwrap().to_owned();
    let old = ada(&site).await.cookie(REMEMBER).unwrap().to_owned();
    let (_, current) = use_up(&site, &old).await;
    let current = current.unwrap();
    for seconds in [0, 30, 30] {
        application.clock.advance(Duration::seconds(seconds));
        let (state, copy) = use_up(&site, &old).await;
        assert_eq!(state, "Remembered", "after {seconds} s more");
        // The response with the current token may have been lost, so the retry receives a copy.
        assert!(copy.is_some());
    }
    assert!(reuses.lock().unwrap().is_empty());
    application.clock.advance(Duration::nanoseconds(1));
    assert_eq!(use_up(&site, &old).await, ("Anonymous".to_owned(), None));
    assert_eq!(*reuses.lock().unwrap(), ["ada"]);
    assert_eq!(
        use_up(&site, &current).await,
        ("Anonymous".to_owned(), None),
        "the current token is revoked"
    );
    assert_eq!(reuses.lock().unwrap().len(), 1, "the reuse is reported once");
    assert_eq!(
        use_up(&site, &other).await.0,
        "Remembered",
        "the token family of another login is unchanged"
    );
}

#[actix_web::test]
async fn token_before_the_previous_token_is_reuse_without_grace_period() {
    let application = Application::new();
    let (site, reuses) = site(&application).await;
    let first = ada(&site).await.cookie(REMEMBER).unwrap().to_owned();
    let (_, second) = use_up(&site, &first).await;
    let (_, third) = use_up(&site, &second.unwrap()).await;
    assert_eq!(use_up(&site, &first).await.0, "Anonymous");
    assert_eq!(use_up(&site, &third.unwrap()).await.0, "Anonymous");
    assert_eq!(reuses.lock().unwrap().len(), 1);
}

/// A retry within the grace period receives a copy of the current token, not a new token.
#[actix_web::test]
async fn copy_from_the_grace_period_is_the_current_token() {
    let application = Application::new();
    let (site, reuses) = site(&application).await;
    let old = ada(&site).await.cookie(REMEMBER).unwrap().to_owned();
    use_up(&site, &old).await;
    let (_, copy) = use_up(&site, &old).await;
    application.clock.advance(Duration::minutes(10));
    assert_eq!(use_up(&site, &copy.unwrap()).await.0, "Remembered");
    assert!(reuses.lock().unwrap().is_empty());
}

#[actix_web::test]
async fn concurrent_requests_rotate_the_token_once() {
    let application = Application::new();
    let (site, reuses) = site(&application).await;
    let value = ada(&site).await.cookie(REMEMBER).unwrap().to_owned();
    let requests = (0..64).map(|_| async {
        let mut browser = with_cookie(&value);
        let response = browser.get(&site, "/me").await;
        (response.body, browser)
    });
    let responses = join_all(requests).await;
    assert!(responses.iter().all(|(body, _)| body == "ada"), "all requests are accepted");
    application.clock.advance(Duration::hours(1));
    // All clients have copies of the same current token. The first client that returns rotates it.
    let mut clients = responses.into_iter().map(|(_, browser)| browser);
    let mut first = clients.next().unwrap();
    assert_eq!(
        state(&site, &mut first).await,
        "Remembered",
        "the session of the first client has expired, but not its cookie"
    );
    let mut last = clients.next_back().unwrap();
    assert_eq!(
        state(&site, &mut last).await,
        "Remembered",
        "the grace period after the first client's rotation"
    );
    assert!(reuses.lock().unwrap().is_empty());
}

#[actix_web::test]
async fn logout_revokes_every_copy_of_the_cookie() {
    for logout in ["/logout", "/identity-logout", "/purge"] {
        let (site, reuses) = site(&Application::new()).await;
        let mut browser = ada(&site).await;
        let copy = browser.cookie(REMEMBER).unwrap().to_owned();
        browser.get(&site, logout).await;
        assert_eq!(use_up(&site, &copy).await, ("Anonymous".to_owned(), None), "{logout}");

        let mut browser = ada(&site).await;
        browser.remove_cookie(SESSION);
        let old = browser.cookie(REMEMBER).unwrap().to_owned();
        browser.get(&site, logout).await;
        assert_eq!(
            use_up(&site, &old).await.0,
            "Anonymous",
            "{logout}: in the request that restored the login"
        );
        assert!(reuses.lock().unwrap().is_empty());
    }
}

#[actix_web::test]
async fn new_login_revokes_the_previous_token_family() {
    for login in
        ["/login?user=bob&remember=no", "/login?user=ada&remember=yes", "/identity-login?user=bob"]
    {
        let (site, _) = site(&Application::new()).await;
        let mut browser = ada(&site).await;
        let copy = browser.cookie(REMEMBER).unwrap().to_owned();
        browser.get(&site, login).await;
        assert_eq!(use_up(&site, &copy).await.0, "Anonymous", "{login}");
    }
}

#[actix_web::test]
async fn logout_all_revokes_all_logins_of_a_user() {
    let application = Application::new();
    let store = MemoryTokenFamilyStore::new(1000).clock(application.clock.clone());
    let site = application.site_with(|remember| remember.token_family_store(store.clone())).await;
    let copies = [ada(&site).await, ada(&site).await]
        .map(|browser| browser.cookie(REMEMBER).unwrap().to_owned());
    let mut bob = Browser::new();
    bob.get(&site, "/login?user=bob&remember=yes").await;
    let remember = application.remember().token_family_store(store.clone()).build().unwrap();
    remember.logout_all("ada").await.unwrap();
    for copy in copies {
        assert_eq!(use_up(&site, &copy).await.0, "Anonymous");
    }
    assert_eq!(use_up(&site, bob.cookie(REMEMBER).unwrap()).await.0, "Remembered");
    assert!(
        application.remember().build().unwrap().logout_all("ada").await.is_err(),
        "without a store, `logout_all` is an error"
    );
}

/// Cookies from before the store was added do not belong to a token family.
#[actix_web::test]
async fn cookie_without_a_token_family_is_rejected_if_a_store_is_set() {
    let application = Application::new();
    let value = ada(&application.site().await).await.cookie(REMEMBER).unwrap().to_owned();
    let (site, _) = site(&application).await;
    assert_eq!(use_up(&site, &value).await, ("Anonymous".to_owned(), None));
}

#[actix_web::test]
async fn full_store_rejects_logins_and_keeps_existing_logins() {
    let application = Application::new();
    let store = MemoryTokenFamilyStore::new(2).clock(application.clock.clone());
    let site = application.site_with(|remember| remember.token_family_store(store.clone())).await;
    let mut first = Browser::new();
    first.get(&site, "/login?user=ada&remember=60").await;
    let second = ada(&site).await;
    let mut third = Browser::new();
    let response = third.get(&site, "/login?user=ada&remember=yes").await;
    assert_eq!(response.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(response.headers.contains_key(RETRY_AFTER));
    assert!(
        set_cookies(&response.headers).is_empty(),
        "a failed login sets no cookie: {:?}",
        response.headers
    );
    assert_eq!(store.len(), 2);
    assert_eq!(
        third.get(&site, "/login?user=ada").await.body,
        "in",
        "a login that is not remembered"
    );

    application.clock.advance(Duration::MINUTE);
    assert_eq!(
        ada(&site).await.get(&site, "/me").await.body,
        "ada",
        "expired token families are removed"
    );
    assert_eq!(store.len(), 2);
    assert_eq!(use_up(&site, second.cookie(REMEMBER).unwrap()).await.0, "Remembered");
    assert_eq!(use_up(&site, first.cookie(REMEMBER).unwrap()).await.0, "Anonymous");
}

#[actix_web::test]
async fn random_ids_have_one_encoding() {
    let id = RandomId::generate().unwrap();
    assert_eq!(id.to_string().len(), 22);
    assert_eq!(id.to_string().parse::<RandomId>().unwrap(), id);
    assert_eq!(serde_json::from_value::<RandomId>(id.to_string().into()).unwrap(), id);
    assert_ne!(RandomId::generate().unwrap(), id);
    for bad in
        ["", "AAAA", "AAAAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAA=", "AAAAAAAAAAAAAAAAAAAAAB"]
    {
        assert!(bad.parse::<RandomId>().is_err(), "{bad}");
        assert!(serde_json::from_value::<RandomId>(bad.into()).is_err(), "{bad}");
    }
}

/// The clocks of the servers of one site can differ. Only the clock of the store counts.
#[actix_web::test]
async fn grace_period_is_measured_by_the_clock_of_the_store() {
    let application = Application::new();
    let store = MemoryTokenFamilyStore::new(10).clock(application.clock.clone());
    let server = async |ahead: Duration| {
        let clock = application.clock.clone();
        let remember = application
            .remember()
            .clock(move || clock.now() + ahead)
            .token_family_store(store.clone());
        application.site_of(remember, LogoutBehavior::PurgeSession).await
    };
    let (exact, ahead, behind) = (
        server(Duration::ZERO).await,
        server(Duration::minutes(2)).await,
        server(-Duration::HOUR).await,
    );
    let first = ada(&exact).await.cookie(REMEMBER).unwrap().to_owned();
    let (_, second) = use_up(&exact, &first).await;
    application.clock.advance(Duration::seconds(59));
    assert_eq!(use_up(&ahead, &first).await.0, "Remembered", "a retry within the grace period");
    application.clock.advance(Duration::seconds(2));
    assert_eq!(use_up(&behind, &first).await.0, "Anonymous", "after the grace period");
    assert_eq!(
        use_up(&exact, &second.unwrap()).await.0,
        "Anonymous",
        "the reuse revokes the login"
    );
}

/// One account must not prevent other users from logging in.
#[actix_web::test]
async fn login_beyond_the_bound_replaces_the_users_oldest_login() {
    let application = Application::new();
    let store = MemoryTokenFamilyStore::new(150).clock(application.clock.clone());
    let site = application.site_with(|remember| remember.token_family_store(store.clone())).await;
    let mut cookies = Vec::new();
    for _ in 0..101 {
        cookies.push(ada(&site).await.cookie(REMEMBER).unwrap().to_owned());
    }
    assert_eq!(store.len(), 100);
    assert_eq!(use_up(&site, &cookies[0]).await.0, "Anonymous");
    for kept in &cookies[1..] {
        assert_eq!(use_up(&site, kept).await.0, "Remembered");
    }
    let mut bob = Browser::new();
    assert_eq!(bob.get(&site, "/login?user=bob&remember=yes").await.body, "in");
}
