//! Tokens, sessions and remembered logins on Redis servers that fail.

mod failure;
mod population;

use std::thread;
use std::time::{Duration, Instant};

use actix_web::rt::task::spawn_blocking;
use actix_web::test::init_service;
use actix_web::{App, HttpRequest, web};
use futures_util::future::{join, join_all, join4};
use paseto_actix::RedisStore;
use paseto_actix::error::VerifyErrorKind;
use paseto_actix::event::Event;
use paseto_actix::remember::CredentialFingerprint;
use paseto_actix::testing::Browser;
use paseto_actix::{Issuer, LocalKey, LoginLayer, PasetoSession, RememberMe, SecretKey, Verifier};
use paseto_actix_tests::ISSUER;
use paseto_actix_tests::patience::{MAX_RECOVERY_TIME, MAX_RESPONSE_TIME, time_waited_for_cpu};
use paseto_actix_tests::redis::Redis;
use paseto_actix_tests::remember::{REMEMBER, SESSION, routes};
use paseto_actix_tests::session::Site;
use serde_json::json;

use self::failure::Failure;
use self::population::{Outcome, Population};

const TOKENS: usize = 56_000;
const SESSIONS: usize = 22_000;
const LOGINS: usize = 22_000;

/// The server of the revocation store and the server of the token family store.
type Servers = [Redis; 2];

/// A logout that the user repeats until the application confirms it.
struct Logout {
    path: String,
    sender: Browser,
    user: String,
    /// The browsers whose logins the logout revokes.
    revoked: Vec<Browser>,
    confirmed: bool,
}

impl Logout {
    /// Sends the logout request, unless the application has confirmed the logout.
    async fn send(&mut self, site: &Site) {
        if self.confirmed {
            return;
        }
        let mut sender = self.sender.clone();
        let (start, passed) = (Instant::now(), time_waited_for_cpu());
        let response = sender.get(site, &self.path).await;
        // The logout revokes the login in both stores, even if one store fails. So it may wait for
        // several timeouts.
        let (elapsed, allowed) =
            (start.elapsed(), 8 * MAX_RESPONSE_TIME + (time_waited_for_cpu() - passed));
        assert!(elapsed <= allowed, "{}: {elapsed:?} of {allowed:?}", self.path);
        match response.status.as_u16() {
            200 => self.confirmed = true,
            503 => (),
            other => panic!("{}: {other}", self.path),
        }
        // An unconfirmed logout removes the browser's cookies. The user repeats the logout with a
        // copy of the cookies.
        if self.confirmed || self.path == "/logout-others" {
            self.sender = sender;
        }
    }
}

struct Chaos {
    site: Site,
    verifier: Verifier,
    issuer: Issuer,
    tokens: Population<String>,
    sessions: Population<Browser>,
    logins: Population<Browser>,
    logouts: usize,
}

impl Chaos {
    async fn new([revocations, family]: &Servers) -> Self {
        let revocations =
            RedisStore::builder(revocations.url()).build().unwrap().revocation_store();
        let key = SecretKey::generate();
        let verifier = Verifier::builder()
            .trust(ISSUER, key.public_key())
            .revocation_store(revocations.clone());
        let remember = RememberMe::builder(LocalKey::generate())
            .credential_loader(async |_| Some(CredentialFingerprint::new("the hash of a password")))
            .token_family_store(
                RedisStore::builder(family.url()).build().unwrap().token_family_store(),
            )
            .revocation_store(revocations.clone())
            .on_event(|event| {
                assert!(
                    !matches!(event, Event::Reused { .. }),
                    "the token of an honest browser was reported as reused: {event:?}"
                )
            });
        let session = PasetoSession::builder(LocalKey::generate())
            .revocation_store(revocations)
            .build()
            .unwrap();
        let app = App::new()
            .wrap(LoginLayer::new(session, remember.build().unwrap()))
            .configure(routes)
            .route("/logout-all/{user}", web::get().to(logout_all))
            .route("/logout-others", web::get().to(logout_others));
        let mut chaos = Self {
            site: Site::new(init_service(app).await),
            verifier: verifier.build().unwrap(),
            issuer: Issuer::builder(ISSUER).key(key).build().unwrap(),
            tokens: Population::new(),
            sessions: Population::new(),
            logins: Population::new(),
            logouts: 0,
        };
        for number in 0..32 {
            for is_revoked in [false, true] {
                let token = chaos.issuer.token(&json!({})).subject("ada").issue().unwrap();
                let verified = chaos.verifier.verify_str_async(&token).await.unwrap();
                if is_revoked {
                    chaos.verifier.revoke(&verified).await.unwrap();
                    chaos.tokens.revoked.push(token);
                } else {
                    chaos.tokens.good.push(token);
                }
            }
            let user = format!("ada-{number}");
            let (session, login) =
                (chaos.log_in(&user, "no").await, chaos.log_in(&user, "yes").await);
            chaos.sessions.good.push(session);
            chaos.logins.good.push(only(&login, REMEMBER));
        }
        let mut logouts = chaos.begin_logouts("first").await;
        chaos.confirm(&mut logouts).await;
        chaos
    }

    /// Logs in with a new browser.
    async fn log_in(&self, user: &str, remember: &str) -> Browser {
        let (mut browser, start) = (Browser::new(), Instant::now());
        while browser.get(&self.site, &format!("/login?user={user}&remember={remember}")).await.body
            != "in"
        {
            assert!(start.elapsed() < MAX_RECOVERY_TIME, "no login succeeds");
        }
        browser
    }

    /// Logs in several times, and prepares logouts that revoke these logins.
    async fn begin_logouts(&self, round: &str) -> Vec<Logout> {
        let mut logouts = Vec::new();
        for number in 0..8 {
            let user = format!("{round}-{number}");
            let before = self.log_in(&user, if number % 4 == 0 { "no" } else { "yes" }).await;
            let mut browser = before.clone();
            if number % 4 > 0 {
                // Begin the next session of the same login, and rotate the cookie.
                browser.remove_cookie(SESSION);
                browser.get(&self.site, "/me").await;
            }
            let (path, sender, revoked) = match number % 4 {
                0 | 1 => ("/logout".to_owned(), browser.clone(), vec![before, browser]),
                2 => (format!("/logout-all/{user}"), Browser::new(), vec![before, browser]),
                _ => (
                    "/logout-others".to_owned(),
                    self.log_in(&user, "yes").await,
                    vec![before, browser],
                ),
            };
            logouts.push(Logout { path, sender, user, revoked, confirmed: false });
        }
        logouts
    }

    /// Repeats the logouts until the application confirms them. From then on, the application must
    /// reject the revoked cookies and accept all others.
    async fn confirm(&mut self, logouts: &mut [Logout]) {
        let start = Instant::now();
        while !logouts.iter().all(|logout| logout.confirmed) {
            assert!(start.elapsed() < MAX_RECOVERY_TIME, "no logout succeeds");
            self.send(logouts).await;
        }
        for logout in logouts {
            for browser in &logout.revoked {
                let (sessions, logins) = (&mut self.sessions.revoked, &mut self.logins.revoked);
                sessions.extend(browser.cookie(SESSION).map(|_| only(browser, SESSION)));
                logins.extend(browser.cookie(REMEMBER).map(|_| only(browser, REMEMBER)));
            }
            let kept = match &*logout.path {
                "/logout-others" => logout.sender.clone(),
                _ => self.log_in(&logout.user, "yes").await,
            };
            self.sessions.accept(only(&kept, SESSION));
            self.logins.accept(only(&kept, REMEMBER));
        }
    }

    async fn send(&mut self, logouts: &mut [Logout]) {
        self.logouts += logouts.iter().filter(|logout| !logout.confirmed).count();
        let site = &self.site;
        join_all(logouts.iter_mut().map(|logout| logout.send(site))).await;
    }

    /// Sends requests and logouts while a failure of some servers begins, continues and ends.
    async fn outage(&mut self, mut servers: Servers, failure: Failure, hit: [bool; 2]) -> Servers {
        let mut logouts = self.begin_logouts(&format!("{failure:?}-{}-{}", hit[0], hit[1])).await;
        let Self { site, verifier, tokens, sessions, logins, .. } = self;
        let begin = spawn_blocking(move || {
            // Wait until the requests are in flight.
            thread::sleep(Duration::from_millis(3));
            for (server, _) in servers.iter_mut().zip(hit).filter(|(_, hit)| *hit) {
                failure.begin(server);
            }
            servers
        });
        let sent = join_all(logouts.iter_mut().map(|logout| logout.send(site)));
        let requests = async |one: &mut _| request(site, one).await;
        let batches = join(sessions.batch(requests), logins.batch(requests));
        let all =
            join4(begin, tokens.batch(async |one| verify(verifier, one).await), batches, sent)
                .await;
        servers = all.0.unwrap();

        let (revocations_down, token_families_down) =
            (failure.is_silent() && hit[0], failure.is_silent() && hit[1]);
        if failure != Failure::Restarted {
            let count = if failure == Failure::Hung { 2 } else { 10 };
            if revocations_down {
                tokens.assert_down(count, async |one| verify(verifier, one).await).await;
                sessions.assert_down(count, requests).await;
            } else {
                tokens.assert_up(count, async |one| verify(verifier, one).await).await;
                sessions.assert_up(count, requests).await;
            }
            if revocations_down || token_families_down {
                logins.assert_down(count, requests).await;
            } else if hit[1] {
                // The server rejects rotations, because they are writes.
                for _ in 0..count {
                    logins.batch(requests).await;
                }
            } else {
                logins.assert_up(count, requests).await;
            }
            self.send(&mut logouts).await;
        }

        for (server, _) in servers.iter_mut().zip(hit).filter(|(_, hit)| *hit) {
            failure.end(server);
        }
        self.calm(1, 1, 1).await;
        self.confirm(&mut logouts).await;
        servers
    }

    /// Sends the given number of batches of each kind to servers that work.
    async fn calm(&mut self, tokens: usize, sessions: usize, logins: usize) {
        let (site, verifier) = (&self.site, &self.verifier);
        self.tokens.assert_up(tokens, async |one| verify(verifier, one).await).await;
        self.sessions.assert_up(sessions, async |one| request(site, one).await).await;
        self.logins.assert_up(logins, async |one| request(site, one).await).await;
    }
}

/// Returns a new browser with a copy of one cookie.
fn only(browser: &Browser, name: &str) -> Browser {
    let mut only = Browser::new();
    only.set_cookie(name, browser.cookie(name).unwrap());
    only
}

async fn verify(verifier: &Verifier, token: &mut str) -> Outcome {
    match verifier.verify_str_async(token).await.map_err(|error| error.kind()) {
        Ok(_) => Outcome::Accepted,
        Err(VerifyErrorKind::Revoked) => Outcome::Rejected,
        Err(VerifyErrorKind::Unavailable) => Outcome::Unavailable,
        Err(other) => panic!("{other:?}"),
    }
}

/// Sends a request of a browser. A browser with a remember-me cookie begins a new session with each
/// request.
async fn request(site: &Site, browser: &mut Browser) -> Outcome {
    if browser.cookie(REMEMBER).is_some() {
        browser.remove_cookie(SESSION);
    }
    match browser.get(site, "/me").await.status.as_u16() {
        200 => Outcome::Accepted,
        401 => Outcome::Rejected,
        503 => Outcome::Unavailable,
        other => panic!("{other}"),
    }
}

async fn logout_all(
    logins: LoginLayer,
    user: web::Path<String>,
) -> actix_web::Result<&'static str> {
    logins.logout_all(&user).await?;
    Ok("out")
}

async fn logout_others(logins: LoginLayer, req: HttpRequest) -> actix_web::Result<&'static str> {
    logins.logout_others(&req).await?;
    Ok("out")
}

/// Each store has its own server. So the response to a rotation can be lost while the revocation
/// store responds.
#[actix_web::test]
async fn revoked_logins_are_rejected_and_no_reuse_is_reported_over_100_000_requests() {
    let (Some(revocations), Some(family)) = (Redis::start(), Redis::start()) else { return };
    let mut servers = [revocations, family];
    let mut chaos = Chaos::new(&servers).await;
    let rounds = Failure::ALL.len() * 3;
    let failures = Failure::ALL.iter().flat_map(|failure| {
        [[true, false], [false, true], [true, true]].map(|hit| (*failure, hit))
    });
    for (round, (failure, hit)) in failures.enumerate() {
        servers = chaos.outage(servers, failure, hit).await;
        let left = |all: usize, sent: usize| {
            (all * (round + 1) / rounds).saturating_sub(sent).div_ceil(32)
        };
        let tokens = left(TOKENS, chaos.tokens.sent);
        chaos
            .calm(tokens, left(SESSIONS, chaos.sessions.sent), left(LOGINS, chaos.logins.sent))
            .await;
    }
    let Chaos { tokens, sessions, logins, logouts, .. } = chaos;
    println!("tokens: {} requests, the slowest took {:?}", tokens.sent, tokens.slowest);
    println!("sessions: {} requests, the slowest took {:?}", sessions.sent, sessions.slowest);
    println!(
        "remembered logins: {} requests, the slowest took {:?}; logouts: {logouts}",
        logins.sent, logins.slowest
    );
    assert!(tokens.sent >= TOKENS && sessions.sent >= SESSIONS && logins.sent >= LOGINS);
    assert!(tokens.sent + sessions.sent + logins.sent >= 100_000);
}
