//! Errors and log lines of sessions, remembered logins and refresh tokens that are misconfigured or
//! misused.

use std::time::Duration;

use actix_web::cookie::SameSite;
use actix_web::test::{TestRequest, init_service};
use actix_web::{App, web};
use paseto_actix::cookie::CookieConfig;
use paseto_actix::keys::KeyRing;
use paseto_actix::remember::{CredentialFingerprint, FreshLogin};
use paseto_actix::revocation::MemoryRevocationStore;
use paseto_actix::session::PasetoSessionBuilder;
use paseto_actix::token_family::MemoryTokenFamilyStore;
use paseto_actix::{LocalKey, PasetoSession, RefreshTokens, RememberMe};
use paseto_actix_tests::app::{call, issuer_builder};
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::logs::Logs;
use serde_json::json;

use super::{mistakes, reason};

fn session(configure: impl Fn(PasetoSessionBuilder) -> PasetoSessionBuilder) -> String {
    configure(PasetoSession::builder(LocalKey::generate())).build().unwrap_err().to_string()
}

fn remember() -> RememberMe {
    RememberMe::builder(LocalKey::generate())
        .credential_loader(async |_| Some(CredentialFingerprint::new("hash")))
        .build()
        .unwrap()
}

/// Sends a request to the application and returns the log.
macro_rules! log {
    ($app:expr) => {{
        let app = init_service($app.route("/fresh", web::get().to(async |_: FreshLogin| ""))).await;
        let logs = Logs::capture();
        assert_eq!(
            call(&app, TestRequest::with_uri("/fresh").to_request()).await.status.as_u16(),
            500
        );
        reason(&logs)
    }};
}

fn tokens(clock: &TestClock) -> RefreshTokens {
    RefreshTokens::builder(issuer_builder(clock).build().unwrap(), LocalKey::generate())
        .token_family_store(MemoryTokenFamilyStore::new(10))
        .revocation_store(MemoryRevocationStore::new(10))
        .grace_period(Duration::ZERO)
        .clock(clock.clone())
        .build()
        .unwrap()
}

async fn refreshed(after: time::Duration, uses: usize, change: fn(&str) -> String) -> String {
    let clock = TestClock::new();
    let tokens = tokens(&clock);
    let token = tokens.login("ada").await.unwrap().issue(&json!({})).unwrap().refresh_token;
    clock.advance(after);
    for _ in 1..uses {
        drop(tokens.refresh(&token).await.unwrap());
        clock.advance(time::Duration::MINUTE);
    }
    tokens.refresh(&change(&token)).await.unwrap_err().to_string()
}

mistakes! {
    domain_with_a_scheme: session(|builder| builder.cookie(CookieConfig::new().name("id").domain("https://example.org"))) => "`cookie.domain`: expected a host name of ASCII letters, digits, `-`, `_` and `.`, such as `example.org` or `xn--bcher-kva.example`, without scheme, port, path and final dot, found `https://example.org`";
    domain_with_the_default_name: session(|builder| builder.cookie(CookieConfig::new().domain("example.org"))) => "`cookie.name`: a name that begins with `__Host-`, as the default does, requires `Secure`, the path `/` and no domain: to set a domain or a path, choose another name, such as `__Secure-id`";
    path_without_a_slash: session(|builder| builder.cookie(CookieConfig::new().name("id").path("shop"))) => "`cookie.path`: expected a path that begins with `/`, percent-encoded as in a URL, without `;`, `?` and `#`, found `shop`";
    cookie_of_other_sites_without_secure: session(|builder| builder.cookie(CookieConfig::new().same_site(SameSite::None)).development_over_plain_http()) => "`cookie.same_site`: browsers reject `SameSite=None` without `Secure`: use `Lax`, or remove `development_over_plain_http`";
    partitioned_and_lax: session(|builder| builder.cookie(CookieConfig::new().partitioned(true))) => "`cookie.partitioned`: browsers do not send `Lax` or `Strict` cookies to a frame of another site: set `SameSite=None` (`CookieConfig::same_site`)";
    idle_longer_than_absolute: session(|builder| builder.idle_timeout(Duration::from_secs(86_400))) => "`idle_timeout`: the idle timeout of 86400s is longer than the absolute timeout of 43200s: lower `idle_timeout` (default: 30 minutes), or raise `absolute_timeout`";
    key_that_is_active_and_retired: {
        let key = LocalKey::generate();
        KeyRing::new(key.clone(), [key.clone()]).unwrap_err().to_string().replace(key.kid(), "KID")
    } => "the key KID is given twice: remove one";
    remember_without_a_credential_loader: RememberMe::builder(LocalKey::generate()).build().unwrap_err() => "`credential_loader`: the credential loader is missing: call `.credential_loader(..)`";
    remember_without_a_session: log!(App::new().wrap(remember())) => "ERROR no PasetoSession around RememberMe: call `App::wrap(LoginLayer::new(session, remember))`, or wrap the session after RememberMe, because the last `wrap` is the outermost";
    remember_outside_of_the_session: log!(App::new().wrap(PasetoSession::builder(LocalKey::generate()).build().unwrap()).wrap(remember())) => "ERROR no PasetoSession around RememberMe: call `App::wrap(LoginLayer::new(session, remember))`, or wrap the session after RememberMe, because the last `wrap` is the outermost";
    fresh_login_without_remember: log!(App::new()) => "ERROR no RememberMe around this handler: call `App::wrap(LoginLayer::new(session, remember))`";
    session_inside_of_another: {
        let session = || PasetoSession::builder(LocalKey::generate()).build().unwrap();
        log!(App::new().wrap(session()).wrap(session()))
    } => "ERROR a PasetoSession is inside another PasetoSession: remove one (a LoginLayer contains one), or wrap separate scopes";
    refresh_tokens_without_stores: RefreshTokens::builder(issuer_builder(&TestClock::new()).build().unwrap(), LocalKey::generate()).build().unwrap_err() => "`token_family_store`: a store is required: call `.token_family_store(..)`";
    access_token_in_place_of_a_refresh_token: refreshed(time::Duration::ZERO, 1, |_| "v4.public.AAAA".to_owned()).await => "not a refresh token of this application: the key, the application or the issuer differs, or it was changed";
    refresh_after_a_month: refreshed(time::Duration::days(31), 1, str::to_owned).await => "the refresh token has expired";
    refresh_token_that_is_used_twice: refreshed(time::Duration::ZERO, 2, str::to_owned).await => "the refresh token was used before: its login is revoked";
}
