//! A page whose script calls an API. The access token and the refresh token are in cookies that
//! scripts cannot read.
//!
//! ```sh
//! cargo run --bin token_cookies
//! ```
//!
//! Open the address that the program prints, and log in as `foo@bar.example` with the password
//! `mysecret`. In the last quarter of its lifetime, the next request renews the access token. To
//! see it, press the button of the page again after 45 seconds.
//!
//! Environment variables:
//!
//! - `BIND`: the address to listen on. Default: `127.0.0.1:8080`.
//! - `ACCESS_TTL`: the lifetime of an access token, in seconds. Default: 60.
//!
//! The keys and the stores are in memory, so all logins are lost when the program exits.

use std::env;
use std::error::Error;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, ContentType, LOCATION};
use actix_web::middleware::DefaultHeaders;
use actix_web::mime::{APPLICATION_JAVASCRIPT_UTF_8, TEXT_CSS_UTF_8};
use actix_web::{App, HttpResponse, HttpServer, get, post, web};
use paseto_actix::cookie::CookieConfig;
use paseto_actix::refresh::{Login, RefreshError, TokenPair};
use paseto_actix::revocation::MemoryRevocationStore;
use paseto_actix::token_cookies::{TokenCookies, TokenRenewal};
use paseto_actix::token_endpoints::TokenEndpoints;
use paseto_actix::token_family::MemoryTokenFamilyStore;
use paseto_actix::{
    CrossOriginProtection, Issuer, LocalKey, RefreshTokens, SecretKey, VerifiedToken, Verifier,
    paseto_required,
};
use serde::Deserialize;
use serde_json::{Value, json};
use subtle::ConstantTimeEq;
use tracing_subscriber::filter::LevelFilter;

const ISSUER: &str = "https://issuer.example";
/// The browser runs only the script of this server, and no script in the page itself.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The fields of the login form.
#[derive(Deserialize)]
struct Credentials {
    email: String,
    password: String,
}

impl Credentials {
    /// Placeholder for a user database. A real application stores password hashes, for example of
    /// Argon2.
    fn are_valid(&self) -> bool {
        let password_matches: bool = self.password.as_bytes().ct_eq(b"mysecret").into();
        self.email == "foo@bar.example" && password_matches
    }
}

/// Issues the tokens of a login. A real application loads the current rights of the user here.
async fn issue(login: Login) -> Result<TokenPair, RefreshError> {
    login.issue(&json!({}))
}

/// Returns the user and the access token's ID and expiry time.
#[get("/api/me")]
#[paseto_required]
async fn me(token: VerifiedToken) -> web::Json<Value> {
    let expires = token.expires_at().map(|time| time.unix_timestamp());
    web::Json(json!({ "user": token.subject(), "token": token.token_id(), "expires": expires }))
}

/// Checks the password, and sets both cookies. `TokenRenewal` revokes the login that the browser
/// had before.
#[post("/login")]
async fn log_in(
    tokens: web::Data<RefreshTokens>,
    cookies: web::Data<TokenCookies>,
    form: web::Form<Credentials>,
) -> Result<HttpResponse, RefreshError> {
    // Before the password check, so that a logout everywhere in between stops the login.
    let login = tokens.start_login(form.email.as_str()).await?;
    if !form.are_valid() {
        let notice = r#"<p role="alert">Wrong email or password.</p>"#;
        return Ok(page(StatusCode::UNAUTHORIZED, &format!("{notice}{LOGIN_FORM}")));
    }
    let pair = issue(login.complete().await?).await?;
    let mut response = HttpResponse::SeeOther().insert_header((LOCATION, "/")).finish();
    cookies.set(response.headers_mut(), &pair)?;
    Ok(response)
}

/// Shows the application, or the login form to a browser without a valid token.
#[get("/")]
async fn index(token: Option<VerifiedToken>) -> HttpResponse {
    page(StatusCode::OK, if token.is_some() { APPLICATION } else { LOGIN_FORM })
}

#[get("/app.js")]
async fn script() -> HttpResponse {
    HttpResponse::Ok().content_type(APPLICATION_JAVASCRIPT_UTF_8).body(SCRIPT)
}

#[get("/style.css")]
async fn style() -> HttpResponse {
    HttpResponse::Ok().content_type(TEXT_CSS_UTF_8).body(STYLE)
}

/// The browser does not store the page, so the Back button does not show it after the logout.
fn page(status: StatusCode, content: &str) -> HttpResponse {
    let mut response = HttpResponse::build(status);
    response.content_type(ContentType::html()).insert_header((CACHE_CONTROL, "no-store"));
    response.body(format!(
        r#"<!doctype html>
<html lang="en">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Tokens in cookies</title>
<link rel="stylesheet" href="/style.css">
<main>
<h1>Tokens in cookies</h1>
{content}
</main>
</html>
"#
    ))
}

const LOGIN_FORM: &str = r#"<form method="post" action="/login">
  <label>Email <input name="email" type="email" autocomplete="username" value="foo@bar.example" required></label>
  <label>Password <input name="password" type="password" autocomplete="current-password" required></label>
  <button>Log in</button>
</form>
<p>The demo password is <code>mysecret</code>.</p>"#;

const APPLICATION: &str = r#"<dl>
  <dt>Logged in as</dt>
  <dd id="user">…</dd>
  <dt>The access token expires at</dt>
  <dd id="expires">…</dd>
</dl>
<p id="result" role="status">The cookies renew themselves while you use the page.</p>
<button id="send">Send 8 requests</button>
<button id="log-out">Log out</button>
<script src="/app.js" type="module"></script>"#;

/// The script sees no token: the browser sends the cookies.
const SCRIPT: &str = r#"const element = id => document.getElementById(id);

async function call(path, method) {
  // With the browser cache, requests for the same URL would wait for each other.
  const response = await fetch(path, { method, cache: "no-store" });
  // Another tab has logged out. The page is then the login form.
  if (response.status === 401) location.reload();
  if (!response.ok) throw new Error(`the status is ${response.status}`);
  return response;
}

const me = () => call("/api/me", "GET").then(response => response.json());

function show({ user, expires }) {
  element("user").textContent = user;
  element("expires").textContent = new Date(expires * 1000).toLocaleTimeString();
}

const attempt = action => action().catch(error => {
  element("result").textContent = `Failed: ${error.message}.`;
});

element("send").onclick = () => attempt(async () => {
  const answers = await Promise.all(Array.from({ length: 8 }, me));
  const tokens = new Set(answers.map(answer => answer.token)).size;
  show(answers.reduce((one, other) => one.expires < other.expires ? other : one));
  element("result").textContent = `${answers.length} responses, access tokens: ${tokens}.`;
});

element("log-out").onclick = () => attempt(async () => {
  await call("/auth/logout", "POST");
  location.reload();
});

await attempt(async () => show(await me()));
"#;

const STYLE: &str = r"body { margin: 0; font: 1rem/1.5 system-ui, sans-serif; color: #1c2430; background: #f3f5f8; }
main { box-sizing: border-box; max-width: 30rem; margin: 0 auto; padding: 2rem 1.25rem; }
h1 { font-size: 1.5rem; }
form, dl { padding: 1.25rem; border-radius: .5rem; background: #fff; box-shadow: 0 1px 3px #0003; }
label { display: block; margin-bottom: 1rem; }
input { display: block; box-sizing: border-box; width: 100%; padding: .5rem; font: inherit; }
button { padding: .5rem 1rem; border: 0; border-radius: .25rem; font: inherit; color: #fff; background: #1f5fae; cursor: pointer; }
dt { color: #566070; }
dd { margin: 0 0 .75rem; font-weight: 600; overflow-wrap: anywhere; }
[role=alert] { color: #a31515; }
";

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // Prints warnings and errors, for example the reason of a rejected cookie.
    tracing_subscriber::fmt().with_max_level(LevelFilter::WARN).without_time().init();
    let ttl = env::var("ACCESS_TTL").unwrap_or_else(|_| "60".to_owned());
    let ttl = ttl
        .parse()
        .map_err(|_| format!("ACCESS_TTL: expected a number of seconds, found `{ttl}`"))?;
    let issuer = Issuer::builder(ISSUER).key(SecretKey::generate()).build()?;
    let revocations = MemoryRevocationStore::new(100_000);
    let cookies = TokenCookies::builder()
        // `TokenRenewal` needs the refresh cookie with each request, so its path is `/`.
        .refresh_cookie(CookieConfig::new())
        // In production, remove this line. The cookies then have the names `__Host-access` and
        // `__Host-refresh`, and the attribute `Secure`.
        .development_over_plain_http()
        .build()?;
    let verifier = Verifier::builder()
        .trust_issuer(&issuer)
        .token_from([cookies.token_source()])
        .revocation_store(revocations.clone())
        .build()?;
    let tokens = RefreshTokens::builder(issuer, LocalKey::generate())
        .application("token_cookies")
        .access_ttl(Duration::from_secs(ttl))
        .token_family_store(MemoryTokenFamilyStore::new(100_000))
        .revocation_store(revocations)
        .build()?;
    let endpoints = TokenEndpoints::new(tokens.clone(), issue).cookies(cookies.clone());
    let renewal = TokenRenewal::new(tokens.clone(), cookies.clone(), issue)?;
    let server = HttpServer::new(move || {
        App::new()
            .app_data(web::Data::new(tokens.clone()))
            .app_data(web::Data::new(cookies.clone()))
            .app_data(verifier.clone())
            .service(index)
            .service(script)
            .service(style)
            .service(log_in)
            .service(me)
            // `POST /auth/logout` and `POST /auth/token`.
            .service(endpoints.clone())
            // actix-web runs the last middleware first. `#[paseto_required]` reads the new token.
            .wrap(renewal.clone())
            // Without this middleware, another site could submit the login form.
            .wrap(CrossOriginProtection::new())
            .wrap(DefaultHeaders::new().add((CONTENT_SECURITY_POLICY, POLICY)))
    });
    let address = env::var("BIND").unwrap_or_else(|_| "127.0.0.1:8080".to_owned());
    let server = server.bind(&address).map_err(|error| format!("BIND: `{address}`: {error}"))?;
    println!("listening on http://{}", server.addrs()[0]);
    server.run().await?;
    Ok(())
}
