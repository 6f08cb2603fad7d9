//! The original's example server and ours, each given the other's cookie.

use paseto_actix_tests::http::{Response, send};
use paseto_actix_tests::process::Process;
use paseto_actix_tests::{parts, python};
use serde_json::{Value, json};

const LISTENING: &str = "listening on ";

fn log_in(server: &str, password: &str) -> Response {
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    send(server, "POST", "/login", &form, &format!("email=foo%40bar.example&password={password}"))
}

fn cookie(login: &Response) -> String {
    assert!((302..=303).contains(&login.status), "{login:?}");
    assert_eq!(login.header_values("location").collect::<Vec<_>>(), ["/protected/me"]);
    let (token, attributes) = login.set_cookie("paseto").expect("a cookie");
    assert!(attributes.contains("HttpOnly"), "{attributes}");
    token.to_owned()
}

fn me(server: &str, token: &str) -> Response {
    send(server, "GET", "/protected/me", &[("Cookie", &format!("paseto={token}"))], "")
}

fn assert_it_is_me(response: &Response) {
    assert_eq!(response.status, 200, "{response:?}");
    let body: Value = serde_json::from_str(&response.body).expect("JSON");
    assert_eq!(body, json!({ "email": "foo@bar.example" }));
}

fn forged(token: &str) -> String {
    let (mut body, footer) = parts::split(token);
    body[20] ^= 1;
    parts::join(&body, &footer)
}

#[test]
fn a_cookie_of_the_original_example_is_good_for_ours_and_the_reverse() {
    let Some(mut original) = python::start("example_server.py") else { return };
    let mut example = Process::example("issuer_and_verifier");
    let (theirs, ours) = (&original.line_after(LISTENING), &example.line_after(LISTENING));

    for issuing in [theirs, ours] {
        let token = cookie(&log_in(issuing, "mysecret"));
        assert_it_is_me(&me(theirs, &token));
        assert_it_is_me(&me(ours, &token));

        let refused = me(theirs, &forged(&token));
        // Its error handler sets no status.
        assert_eq!((refused.status, refused.body.as_str()), (200, "Unauthorized"));
        assert_eq!(refused.set_cookie("paseto").unwrap().0, "");
        let refused = me(ours, &forged(&token));
        assert_eq!(refused.status, 401);
        assert!(!refused.body.contains("foo@bar.example"), "{refused:?}");
        assert_eq!(refused.set_cookie("paseto").unwrap().0, "");

        assert_eq!(log_in(issuing, "wrong").set_cookie("paseto"), None);
    }
}
