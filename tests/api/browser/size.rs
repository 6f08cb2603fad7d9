//! Browsers silently discard an oversized cookie, so the server must reject the session first.

use paseto_actix_tests::http;
use paseto_actix_tests::http::Response;

use super::{Server, Visitor, key};

#[actix_web::test]
async fn oversized_session_is_a_507_and_the_old_session_is_kept() {
    let Some(visitor) = Visitor::arrive() else { return };
    let (visitor, server) = (visitor.await, Server::start(&key()));
    visitor.log_in(&server, "mysecret").await;
    visitor.wait_for("Logged in").await;
    visitor.assert_count(&server, 1).await;
    let before = visitor.value().await;

    let (status, text) = visitor.open(&server, "/fill?bytes=5000").await;
    assert_eq!(status, 507);
    assert!(text.contains("the session is too large for a cookie, and was not changed"), "{text}");
    assert_eq!(visitor.value().await, before);
    visitor.assert_logged_in(&server).await;
    visitor.assert_count(&server, 2).await;

    let fits = visitor.open(&server, "/fill?bytes=500").await;
    assert_eq!(fits, (200, "The session has 500 bytes more.".to_owned()));
    assert!(visitor.value().await.len() > before.len() + 500);
    visitor.assert_count(&server, 3).await;
    visitor.leave().await;
}

#[actix_web::test]
async fn browser_stores_the_largest_session_that_the_server_accepts() {
    let Some(visitor) = Visitor::arrive() else { return };
    let (visitor, server) = (visitor.await, Server::start(&key()));
    let largest = largest_that_fits(&server);
    visitor.log_in(&server, "mysecret").await;
    visitor.wait_for("Logged in").await;

    assert_eq!(visitor.open(&server, &format!("/fill?bytes={}", largest + 1)).await.0, 507);
    let before = visitor.value().await;
    assert_eq!(visitor.open(&server, &format!("/fill?bytes={largest}")).await.0, 200);
    let stored = visitor.value().await;
    assert_ne!(stored, before);
    assert!((3800..4096).contains(&stored.len()), "{}", stored.len());
    visitor.assert_logged_in(&server).await;
    visitor.leave().await;
}

/// Returns the largest number of bytes that can be added to the session of a new login.
fn largest_that_fits(server: &Server) -> usize {
    let cookie = cookie(&http::send(
        &server.url,
        "POST",
        "/login",
        &[("Content-Type", "application/x-www-form-urlencoded")],
        "email=foo%40bar.example&password=mysecret",
    ));
    let fits = |bytes: usize| {
        let response = http::send(
            &server.url,
            "GET",
            &format!("/fill?bytes={bytes}"),
            &[("Cookie", &cookie)],
            "",
        );
        assert!([200, 507].contains(&response.status), "{response:?}");
        response.status == 200
    };
    let (mut fitting, mut rejected) = (0, 5000);
    assert!(fits(fitting) && !fits(rejected));
    while fitting + 1 < rejected {
        let middle = fitting.midpoint(rejected);
        if fits(middle) { fitting = middle } else { rejected = middle }
    }
    fitting
}

fn cookie(login: &Response) -> String {
    let (value, _) = login.set_cookie("session").expect("a session");
    format!("session={value}")
}
