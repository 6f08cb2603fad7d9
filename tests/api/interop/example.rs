//! The example server of Flask-PASETO-Extended and our example accept the cookies of each other.

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

fn assert_logged_in(response: &Response) {
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
fn examples_accept_cookies_of_each_other() {
    let Some(mut original) = python::start("example_server.py") else { return };
    let mut example = Process::example("issuer_and_verifier");
    let (original_url, example_url) =
        (&original.line_after(LISTENING), &example.line_after(LISTENING));

    for issuing in [original_url, example_url] {
        let token = cookie(&log_in(issuing, "mysecret"));
        assert_logged_in(&me(original_url, &token));
        assert_logged_in(&me(example_url, &token));

        let rejected = me(original_url, &forged(&token));
        // The error handler of Flask-PASETO-Extended sets no status.
        assert_eq!((rejected.status, rejected.body.as_str()), (200, "Unauthorized"));
        assert_eq!(rejected.set_cookie("paseto").unwrap().0, "");
        let rejected = me(example_url, &forged(&token));
        assert_eq!(rejected.status, 401);
        assert!(!rejected.body.contains("foo@bar.example"), "{rejected:?}");
        assert_eq!(rejected.set_cookie("paseto").unwrap().0, "");

        assert_eq!(log_in(issuing, "wrong").set_cookie("paseto"), None);
    }
}
