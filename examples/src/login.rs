//! The login page of the examples, and the one user who may log in.

use actix_web::HttpResponse;
use serde::Deserialize;
use subtle::ConstantTimeEq;

/// What the form sends.
#[derive(Deserialize)]
pub struct Credentials {
    /// Who it says it is.
    pub email: String,
    password: String,
}

impl Credentials {
    /// A stand-in for a user database. A real one keeps password hashes (`argon2`), never passwords.
    #[must_use]
    pub fn are_right(&self) -> bool {
        self.email == "foo@bar.example" && bool::from(self.password.as_bytes().ct_eq(b"mysecret"))
    }
}

/// Shows nothing: a password is in it.
impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

/// The page with the form.
#[must_use]
pub fn page() -> HttpResponse {
    HttpResponse::Ok().content_type(HTML).body(PAGE)
}

/// The same page for whoever got it wrong, with the status that says so.
#[must_use]
pub fn refusal() -> HttpResponse {
    HttpResponse::Unauthorized().content_type(HTML).body(PAGE.replace("<!-- -->", "<p>Wrong email or password.</p>"))
}

const HTML: &str = "text/html; charset=utf-8";
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
