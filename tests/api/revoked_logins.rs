//! Remembered logins with a revocation store: logouts revoke copies, and requests fail while the
//! store is down.

use actix_web::http::StatusCode;
use actix_web::http::header::RETRY_AFTER;
use actix_web::rt::task::yield_now;
use actix_web::test::TestRequest;
use futures_util::future::join;
use paseto_actix::LocalKey;
use paseto_actix::keys::KeyRing;
use paseto_actix::remember::SessionProtection;
use paseto_actix::token_family::MemoryTokenFamilyStore;
use paseto_actix_tests::remember::{
    Application, REMEMBER, SESSION, ada as remembered, state, with_cookie,
};
use paseto_actix_tests::revocation::{FailingRevocations, assert_unavailable, failing_revocations};
use paseto_actix_tests::session::Site;
use time::Duration;

/// The time by which a record outlives its login: the longest leeway, and 5 seconds for differing
/// clocks.
const SLACK: Duration = Duration::seconds(305);

/// Returns a site with remembered logins and a revocation store.
async fn remembering(
    application: &Application,
    family: bool,
    capacity: usize,
) -> (Site, FailingRevocations) {
    let store = failing_revocations(&application.clock, capacity);
    let site = application.site_with(|remember| {
        let remember = remember.revocation_store(store.clone());
        if family {
            remember.token_family_store(
                MemoryTokenFamilyStore::new(10).clock(application.clock.clone()),
            )
        } else {
            remember
        }
    });
    (site.await, store)
}

/// Asserts that this cookie logs no user in, and that the response removes the cookie.
async fn assert_revoked(site: &Site, value: &str, case: &str) {
    let mut browser = with_cookie(value);
    assert_eq!(state(site, &mut browser).await, "Anonymous", "{case}");
    assert!(browser.cookie(REMEMBER).is_none(), "{case}: removed");
}

#[actix_web::test]
async fn logout_revokes_every_copy_of_the_cookie() {
    for family in [false, true] {
        for logout in [
            "/logout",
            "/identity-logout",
            "/purge",
            "/login?user=bob",
            "/login?user=ada&remember=yes",
        ] {
            for session in [true, false] {
                let (case, application) =
                    (format!("{logout}, family: {family}, session: {session}"), Application::new());
                let (site, store) = remembering(&application, family, 10).await;
                let mut browser = remembered(&site).await;
                let copy = browser.cookie(REMEMBER).unwrap().to_owned();
                let other = remembered(&site).await.cookie(REMEMBER).unwrap().to_owned();
                if !session {
                    browser.remove_cookie(SESSION);
                }
                assert_eq!(browser.get(&site, logout).await.status, StatusCode::OK, "{case}");
                assert_revoked(&site, &copy, &case).await;
                assert_eq!(
                    state(&site, &mut with_cookie(&other)).await,
                    "Remembered",
                    "{case}: another login of the same user"
                );
                assert_eq!(store.get_ref().len(), 1, "{case}");
                application.clock.advance(Duration::days(30) + SLACK);
                assert_eq!(
                    store.get_ref().len(),
                    1,
                    "{case}: the record outlives each copy by any clock"
                );
                application.clock.advance(Duration::SECOND);
                assert_eq!(store.get_ref().len(), 0, "{case}: then the record is removed");
            }
        }
    }
}

/// The revocation contains the ID of the login, not of the token. So it includes rotated and
/// re-encrypted tokens.
#[actix_web::test]
async fn logout_revokes_rotated_and_reencrypted_tokens() {
    let application = Application::new();
    let store = failing_revocations(&application.clock, 10);
    let old = application
        .site_with(|remember| {
            remember.revocation_store(store.clone()).token_family_store(
                MemoryTokenFamilyStore::new(10).clock(application.clock.clone()),
            )
        })
        .await;
    let new = Application { remember_key: LocalKey::generate(), ..application.clone() };
    let keys = KeyRing::new(new.remember_key.clone(), [application.remember_key.clone()]).unwrap();
    let users = application.users.clone();
    let reencrypting = paseto_actix::RememberMe::builder(keys)
        .clock(application.clock.clone())
        .revocation_store(store.clone());
    let reencrypting =
        reencrypting.try_credential_loader(move |id| std::future::ready(users.fingerprint(&id)));
    let reencrypting = application
        .site_of(reencrypting, actix_identity::config::LogoutBehavior::PurgeSession)
        .await;

    let mut browser = remembered(&old).await;
    let mut copies = vec![browser.cookie(REMEMBER).unwrap().to_owned()];
    for site in [&old, &reencrypting] {
        browser.remove_cookie(SESSION);
        assert_eq!(state(site, &mut browser).await, "Remembered");
        copies.push(browser.cookie(REMEMBER).unwrap().to_owned());
    }
    assert!(copies[0] != copies[1] && copies[1] != copies[2], "three tokens");
    browser.get(&reencrypting, "/logout").await;
    for copy in &copies {
        assert_revoked(&reencrypting, copy, "after the logout").await;
    }
}

#[actix_web::test]
async fn session_protection_and_unknown_user_revoke_the_login() {
    let application = Application::new();
    let store = failing_revocations(&application.clock, 10);
    let strong = |remember: paseto_actix::remember::RememberMeBuilder| {
        remember.revocation_store(store.clone()).session_protection(SessionProtection::Strong)
    };
    let site = application.site_with(strong).await;
    let as_other = || TestRequest::with_uri("/state").insert_header(("user-agent", "another"));
    for session in [true, false] {
        let mut attacker = remembered(&site).await;
        let copy = attacker.cookie(REMEMBER).unwrap().to_owned();
        if !session {
            attacker.remove_cookie(SESSION);
        }
        assert_eq!(attacker.send(&site, as_other()).await.body, "Anonymous");
        assert_revoked(&site, &copy, "of another client").await;
    }
    let copy = remembered(&site).await.cookie(REMEMBER).unwrap().to_owned();
    application.users.set("ada", None);
    assert_revoked(&site, &copy, "unknown").await;
    application.users.set("ada", Some("analytical"));
    assert_revoked(&site, &copy, "revoked while the user was unknown").await;
}

/// A logout from another browser while the credential loader runs must revoke the login.
#[actix_web::test]
async fn logout_during_the_credential_loader_revokes_the_login() {
    for overtaken in [false, true] {
        let application = Application::new();
        let store = failing_revocations(&application.clock, 10);
        let elsewhere =
            application.site_with(|remember| remember.revocation_store(store.clone())).await;
        let mut other = remembered(&elsewhere).await;
        let copy = other.cookie(REMEMBER).unwrap().to_owned();
        let users = application.users.clone();
        let slow = paseto_actix::RememberMe::builder(application.remember_key.clone())
            .clock(application.clock.clone())
            .revocation_store(store.clone())
            .try_credential_loader(move |id| {
                let fingerprint = users.fingerprint(&id);
                async move {
                    // The logout runs during this wait.
                    yield_now().await;
                    fingerprint
                }
            });
        let site =
            application.site_of(slow, actix_identity::config::LogoutBehavior::PurgeSession).await;
        let mut browser = with_cookie(&copy);
        let logout = async {
            if overtaken {
                other.get(&elsewhere, "/logout").await;
            }
        };
        let (state, ()) = join(state(&site, &mut browser), logout).await;
        assert_eq!(state, if overtaken { "Anonymous" } else { "Remembered" });
    }
}

#[actix_web::test]
async fn unavailable_store_restores_no_login_and_keeps_the_cookie() {
    for family in [false, true] {
        let (site, store) = remembering(&Application::new(), family, 10).await;
        let value = remembered(&site).await.cookie(REMEMBER).unwrap().to_owned();
        store.set_failing(true);
        for path in ["/me", "/state", "/logout", "/login?user=bob"] {
            let mut browser = with_cookie(&value);
            assert_unavailable(&browser.get(&site, path).await, path);
            assert_eq!(browser.cookie(REMEMBER), Some(value.as_str()), "the cookie stays");
        }
        store.set_failing(false);
        assert_eq!(
            state(&site, &mut with_cookie(&value)).await,
            "Remembered",
            "the cookie is valid when the store is back"
        );
    }
}

/// A full store returns an error for new records, but still finds its records.
#[actix_web::test]
async fn logout_that_a_full_store_cannot_record_is_503() {
    let (site, _) = remembering(&Application::new(), false, 0).await;
    for path in
        ["/logout", "/identity-logout", "/purge", "/login?user=bob", "/login?user=ada&remember=yes"]
    {
        let mut browser = remembered(&site).await;
        let value = browser.cookie(REMEMBER).unwrap().to_owned();
        let response = browser.get(&site, path).await;
        assert_eq!(response.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert_eq!(
            response.body, r#"{"type":"about:blank","title":"Service Unavailable","status":503}"#,
            "{path}"
        );
        assert!(response.headers.contains_key(RETRY_AFTER), "{path}");
        if path.starts_with("/login") {
            assert_eq!(browser.cookie(REMEMBER), Some(value.as_str()), "{path}");
            assert_eq!(
                state(&site, &mut browser).await,
                "Fresh",
                "{path}: still logged in as before"
            );
        } else {
            // Copies of the cookie stay valid, so the response is an error. This browser is logged
            // out.
            assert_eq!((browser.cookie(REMEMBER), browser.cookie(SESSION)), (None, None), "{path}");
        }
    }
}
