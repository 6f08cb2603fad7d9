//! Restarts of the server with the same keys and with other keys.

use super::{Server, Visitor, key};

#[actix_web::test]
async fn session_is_accepted_after_a_restart_with_the_same_keys() {
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
    assert!(visitor.cookie().await.is_none(), "a cookie that no key decrypts is removed");
    visitor.leave().await;
}

#[actix_web::test]
async fn used_session_is_encrypted_with_the_new_key() {
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
