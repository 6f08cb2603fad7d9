//! Browsers drop a cookie that is too large without a word; the server has to have said it before.

use paseto_actix_tests::http;
use paseto_actix_tests::http::Response;

use super::{Server, Visitor, key};

#[actix_web::test]
async fn an_oversize_session_is_told_and_the_one_before_it_works_on() {
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
async fn the_browser_keeps_the_largest_session_that_is_not_refused() {
    let Some(visitor) = Visitor::arrive() else { return };
    let (visitor, server) = (visitor.await, Server::start(&key()));
    let largest = largest_that_fits(&server);
    visitor.log_in(&server, "mysecret").await;
    visitor.wait_for("Logged in").await;

    assert_eq!(visitor.open(&server, &format!("/fill?bytes={}", largest + 1)).await.0, 507);
    let before = visitor.value().await;
    assert_eq!(visitor.open(&server, &format!("/fill?bytes={largest}")).await.0, 200);
    let kept = visitor.value().await;
    assert_ne!(kept, before);
    assert!((3800..4096).contains(&kept.len()), "{}", kept.len());
    visitor.assert_logged_in(&server).await;
    visitor.leave().await;
}

/// How many bytes the session of somebody who has just logged in can take.
fn largest_that_fits(server: &Server) -> usize {
    let cookie = cookie(&http::send(
        &server.url,
        "POST",
        "/login",
        &[("Content-Type", "application/x-www-form-urlencoded")],
        "email=foo%40bar.example&password=mysecret",
    ));
    let fits = |bytes: usize| {
        let answer = http::send(
            &server.url,
            "GET",
            &format!("/fill?bytes={bytes}"),
            &[("Cookie", &cookie)],
            "",
        );
        assert!([200, 507].contains(&answer.status), "{answer:?}");
        answer.status == 200
    };
    let (mut fitting, mut refused) = (0, 5000);
    assert!(fits(fitting) && !fits(refused));
    while fitting + 1 < refused {
        let middle = fitting.midpoint(refused);
        if fits(middle) { fitting = middle } else { refused = middle }
    }
    fitting
}

fn cookie(login: &Response) -> String {
    let (value, _) = login.set_cookie("session").expect("a session");
    format!("session={value}")
}
