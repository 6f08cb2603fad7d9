//! Servers come and go, sessions stay as long as their key does.

use super::{Server, Visitor, key};

#[actix_web::test]
async fn a_session_survives_a_restart_of_the_server_under_the_same_keys() {
    let Some(visitor) = Visitor::arrive() else { return };
    let keys = key();
    let (visitor, mut server) = (visitor.await, Server::start(&keys));
    visitor.log_in(&server, "mysecret").await;
    visitor.wait_for("Logged in").await;
    visitor.assert_count(&server, 1).await;

    server = server.restart(&keys);
    visitor.assert_logged_in(&server).await;
    visitor.assert_count(&server, 2).await;

    server = server.restart(&key());
    visitor.assert_not_logged_in(&server).await;
    assert!(visitor.cookie().await.is_none(), "a cookie that no key opens is removed");
    visitor.leave().await;
}

#[actix_web::test]
async fn a_session_moves_to_the_new_key_as_it_is_used() {
    let Some(visitor) = Visitor::arrive() else { return };
    let (old, new) = (key(), key());
    let (visitor, mut server) = (visitor.await, Server::start(&old));
    visitor.log_in(&server, "mysecret").await;
    visitor.wait_for("Logged in").await;

    server = server.restart(&format!("{new}, {old}"));
    visitor.assert_logged_in(&server).await;
    server = server.restart(&new);
    visitor.assert_logged_in(&server).await;
    server = server.restart(&old);
    visitor.assert_not_logged_in(&server).await;
    visitor.leave().await;
}
