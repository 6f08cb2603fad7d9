//! A page that requires a fresh login.

use super::Visitor;
use super::remember::{REMEMBER, SESSION, start};

#[actix_web::test]
async fn sensitive_page_requires_a_fresh_login_and_returns_to_the_page() {
    let Some(visitor) = Visitor::arrive() else { return };
    let (visitor, server) = (visitor.await, start());
    visitor.log_in_to_be_remembered(&server).await;
    visitor.lose_session().await;
    visitor.assert_logged_in(&server).await;
    let token = visitor.remember_token().await;

    let (status, text) = visitor.open(&server, "/sensitive").await;
    assert_eq!(status, 200);
    assert!(text.contains("Please log in again"), "{text}");
    assert_eq!(visitor.path_and_query().await, "/login?again=1&next=%2Fsensitive");

    visitor.give("wrong").await;
    visitor.wait_for("Wrong email or password.").await;
    assert_eq!(visitor.fetch("GET", "/sensitive").await, 403);

    visitor.give("mysecret").await;
    visitor.wait_for("Logged in just now as: foo@bar.example").await;
    assert_eq!(visitor.path_and_query().await, "/sensitive");
    assert_eq!(visitor.status().await, 200);
    assert_eq!(visitor.cookies().await, [REMEMBER, SESSION]);
    assert_eq!(visitor.remember_token().await, token, "the remembered login is not changed");

    // The confirmation is stored in the session, not in the remembered login.
    visitor.lose_session().await;
    assert!(visitor.open(&server, "/sensitive").await.1.contains("Please log in again"));
    visitor.leave().await;
}

#[actix_web::test]
async fn login_page_of_a_new_user_does_not_ask_to_log_in_again() {
    let Some(visitor) = Visitor::arrive() else { return };
    let (visitor, server) = (visitor.await, start());
    let (_, text) = visitor.open(&server, "/sensitive?tab=keys&page=2").await;
    assert!(!text.contains("again"), "{text}");
    assert_eq!(visitor.path_and_query().await, "/login?next=%2Fsensitive%3Ftab%3Dkeys%26page%3D2");
    visitor.give("mysecret").await;
    visitor.wait_for("Logged in just now as: foo@bar.example").await;
    assert_eq!(visitor.path_and_query().await, "/sensitive?tab=keys&page=2");
    visitor.leave().await;
}
