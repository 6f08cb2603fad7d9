//! In and out again.

use super::{Server, Visitor, key};

#[actix_web::test]
async fn a_visitor_logs_in_and_out_and_the_cookie_has_every_attribute() {
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
    assert!(cookie.expires().is_none(), "it ends with the browser");
    assert_eq!(cookie.secure(), Some(false), "the example runs on plain http");
    assert!(cookie.value().starts_with("v4.local."), "{}", cookie.value());

    // What `HttpOnly` is for, beside a cookie that scripts may see.
    assert_eq!(visitor.run("document.cookie = 'mine=1'; return document.cookie").await, "mine=1");
    visitor.client.delete_cookie("mine").await.unwrap();

    for count in 1..=3 {
        visitor.assert_count(&server, count).await;
    }
    visitor.assert_logged_in(&server).await;

    visitor.open(&server, "/logout").await;
    assert_eq!(visitor.path().await, "/login");
    assert!(visitor.cookie().await.is_none());
    visitor.assert_not_logged_in(&server).await;
    visitor.assert_count(&server, 1).await;
    visitor.leave().await;
}
