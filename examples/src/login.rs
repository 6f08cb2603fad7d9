//! The login page of the examples, and the one user who may log in.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde::Deserialize;
use subtle::ConstantTimeEq;

/// The one who may log in.
pub const USER: &str = "foo@bar.example";

/// What the form sends.
#[derive(Deserialize)]
pub struct Credentials {
    /// Who it says it is.
    pub email: String,
    password: String,
    remember: Option<String>,
}

impl Credentials {
    /// A stand-in for a user database. A real one keeps password hashes (`argon2`), never passwords.
    #[must_use]
    pub fn are_right(&self) -> bool {
        self.email == USER && is_the_password(&self.password)
    }

    /// Whether the box is ticked. (A browser leaves a box out that is not.)
    #[must_use]
    pub fn wants_to_be_remembered(&self) -> bool {
        self.remember.is_some()
    }
}

/// What a program sends.
#[derive(Deserialize)]
pub struct JsonCredentials {
    /// Who it says it is.
    pub email: String,
    password: String,
}

impl JsonCredentials {
    /// As [`Credentials::are_right`], and there is an admin.
    #[must_use]
    pub fn are_right(&self) -> bool {
        [USER, "admin@bar.example"].contains(&self.email.as_str())
            && is_the_password(&self.password)
    }
}

fn is_the_password(password: &str) -> bool {
    password.as_bytes().ct_eq(b"mysecret").into()
}

/// Shows nothing: a password is in it.
impl std::fmt::Debug for JsonCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JsonCredentials").finish_non_exhaustive()
    }
}

/// Shows nothing: a password is in it.
impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

/// A text for HTML, outside of tags.
#[must_use]
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// The page with the form.
#[must_use]
pub fn page() -> HttpResponse {
    html(StatusCode::OK, PAGE.to_owned())
}

/// The same page for whoever got it wrong, with the status that says so.
#[must_use]
pub fn refusal() -> HttpResponse {
    html(StatusCode::UNAUTHORIZED, PAGE.replace(NOTICE, WRONG))
}

/// A page with a box to be remembered by, which sends to its own address, query and all.
#[must_use]
pub fn page_with_box(status: StatusCode, notice: &str) -> HttpResponse {
    let page = PAGE.replace(NOTICE, notice).replace(r#" action="/login""#, "");
    html(status, page.replace("  <button>", &format!("{BOX}  <button>")))
}

fn html(status: StatusCode, page: String) -> HttpResponse {
    HttpResponse::build(status).content_type("text/html; charset=utf-8").body(page)
}

/// What is told to whoever got it wrong.
pub const WRONG: &str = "<p>Wrong email or password.</p>";

const NOTICE: &str = "<!-- -->";
const BOX: &str = r#"  <label><input name="remember" type="checkbox"> Remember me</label>
"#;
const PAGE: &str = r#"<!doctype html>
<html lang="en">
<title>Log in</title>
<h1>Log in</h1>
<!-- -->
<form method="post" action="/login">
  <label>Email <input name="email" type="email" autocomplete="username" value="foo@bar.example" required></label>
  <label>Password <input name="password" type="password" autocomplete="current-password" required></label>
  <button>Log in</button>
</form>
<p>The demo password is <code>mysecret</code>.</p>
</html>
"#;
