//! Login and logout.

use super::{Server, Visitor, key};

/// RFC 6265, section 4.1.2.
#[actix_web::test]
async fn session_cookie_has_its_attributes_and_is_removed_at_logout() {
    let Some(visitor) = Visitor::arrive() else { return };
    let (visitor, server) = (visitor.await, Server::start(&key()));

    visitor.assert_not_logged_in(&server).await;
    visitor.log_in(&server, "wrong").await;
    visitor.wait_for("Wrong email or password.").await;
    assert_eq!(visitor.status().await, 401);
    assert!(visitor.cookie().await.is_none());

    visitor.log_in(&server, "mysecret").await;
    visitor.wait_for("Logged in as: foo@bar.example").await;
    assert_eq!(visitor.path().await, "/protected");

    let cookie = visitor.cookie().await.unwrap();
    assert_eq!(cookie.name(), "session");
    assert_eq!(cookie.path(), Some("/"));
    assert_eq!(cookie.domain(), Some("127.0.0.1"));
    assert_eq!(cookie.http_only(), Some(true));
    assert!(
        cookie.same_site().is_some_and(|same_site| same_site.is_lax()),
        "{:?}",
        cookie.same_site()
    );
    assert!(cookie.expires().is_none(), "the cookie is removed when the browser is closed");
    assert_eq!(cookie.secure(), Some(false), "the example runs on plain http");
    assert!(cookie.value().starts_with("v4.local."), "{}", cookie.value());

    // Scripts see a cookie without `HttpOnly`, and not the session cookie.
    assert_eq!(visitor.run("document.cookie = 'mine=1'; return document.cookie").await, "mine=1");
    visitor.client.delete_cookie("mine").await.unwrap();

    for count in 1..=3 {
        visitor.assert_count(&server, count).await;
    }
    visitor.assert_logged_in(&server).await;

    visitor.log_out().await;
    assert_eq!(visitor.path().await, "/login");
    assert!(visitor.cookie().await.is_none());
    visitor.assert_not_logged_in(&server).await;
    visitor.assert_count(&server, 1).await;
    visitor.leave().await;
}
