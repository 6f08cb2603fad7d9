//! Floods of session cookies.

use actix_web::test::TestRequest;
use paseto_actix::LocalKey;
use paseto_actix::testing::Browser;
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::parts::tampered;
use paseto_actix_tests::session::{Kind, Site, routes, session};

use crate::allocator::Growth;
use crate::{NO_STATE, alone};

const KIND: Kind = Kind::Middleware;

async fn cookie(site: &Site, number: usize, padding: usize) -> String {
    let mut browser = Browser::new();
    let padding = "x".repeat(padding);
    browser.get(site, &format!("/set?user=user-{number}&padding={padding}")).await;
    KIND.value(&browser)
}

/// Without a limit of the cache, these sessions would use more than 2 MiB.
#[test]
fn sessions_use_no_more_memory_than_the_capacity() {
    alone(async || {
        let clock = TestClock::new();
        let capacity = 32;
        let session = session(LocalKey::generate(), &clock).decrypted_cache_capacity(capacity);
        let site = Site::of(session.build().unwrap(), routes).await;
        cookie(&site, 0, 2000).await;
        let growth = Growth::start();
        for number in 0..500 {
            let cookie = cookie(&site, number, 2000).await;
            let (body, _) = site.read(KIND, &cookie).await;
            assert!(body.contains(&format!("user-{number}")), "{body}");
        }
        // A session has its token, which is a third longer than its values, and its values.
        growth.assert_at_most(capacity * 3 * 2000 + NO_STATE);
    });
}

#[test]
fn rejected_cookies_use_no_memory() {
    alone(async || {
        let clock = TestClock::new();
        let site = KIND.site(LocalKey::generate(), &clock).await;
        // Its sessions are encrypted with another key, so their key ID is unknown.
        let other = KIND.site(LocalKey::generate(), &clock).await;
        assert_ne!(site.read(KIND, &cookie(&site, 0, 0).await).await.0, "");
        let growth = Growth::start();
        for number in 0..500 {
            let of_other = cookie(&other, number, 0).await;
            for rejected in [&of_other, &tampered(&of_other), &format!("v4.local.{number}")] {
                assert_eq!(site.read(KIND, rejected).await.0, "");
            }
            // Several values in one request.
            let header = format!("{0}={of_other}; {0}={number}", KIND.cookie());
            let request = TestRequest::with_uri("/").insert_header(("Cookie", header));
            assert_eq!(site.send(request).await.body, "");
        }
        growth.assert_at_most(NO_STATE);
    });
}
