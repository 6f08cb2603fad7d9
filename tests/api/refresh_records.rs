//! The revocation records of `RefreshTokens` live as long as the longest-lived token of the issuer.

use std::time::Duration as StdDuration;

use actix_web::ResponseError;
#[cfg(feature = "redis")]
use paseto_actix::RedisStore;
use paseto_actix::error::VerifyErrorKind as Kind;
use paseto_actix::issuer::IssuerBuilder;
use paseto_actix::refresh::{RefreshError, RefreshTokensBuilder};
use paseto_actix::revocation::{MemoryRevocationStore, RevocationStore};
use paseto_actix::token_family::MemoryTokenFamilyStore;
use paseto_actix::{ConfigError, IssueError, Issuer, LocalKey, RefreshTokens, Verifier};
use paseto_actix_tests::ISSUER;
use paseto_actix_tests::app::{issuer_builder, verifier_builder};
use paseto_actix_tests::clock::TestClock;
use serde_json::json;
use time::Duration;

const HOUR: StdDuration = StdDuration::from_secs(3600);

struct Application {
    clock: TestClock,
    key: LocalKey,
    families: MemoryTokenFamilyStore,
    revocations: MemoryRevocationStore,
}

impl Application {
    fn new() -> Self {
        let clock = TestClock::new();
        let revocations = MemoryRevocationStore::new(1000).clock(clock.clone());
        Self {
            clock,
            key: LocalKey::generate(),
            families: MemoryTokenFamilyStore::new(1000),
            revocations,
        }
    }

    fn issuer(&self, change: impl FnOnce(IssuerBuilder) -> IssuerBuilder) -> Issuer {
        change(issuer_builder(&self.clock)).build().unwrap()
    }

    /// Returns a builder of `RefreshTokens` with this issuer and the stores of the application.
    fn builder(&self, issuer: &Issuer) -> RefreshTokensBuilder {
        RefreshTokens::builder(issuer.clone(), self.key.clone())
            .token_family_store(self.families.clone())
            .revocation_store(self.revocations.clone())
            .clock(self.clock.clone())
    }

    /// Verifies a token with this leeway and returns the error kind.
    async fn kind(&self, token: &str, leeway: StdDuration) -> Option<Kind> {
        let builder =
            verifier_builder(&self.clock).leeway(leeway).revocation_store(self.revocations.clone());
        builder.build().unwrap().verify_str_async(token).await.err().map(|error| error.kind())
    }

    /// Asserts that tokens of this lifetime, issued now, are revoked at each moment until `exp`
    /// plus leeway, and that the token of another user is accepted at each moment.
    async fn assert_revoked_until_expired(
        &self,
        tokens: &[(&str, &str)],
        accepted: &str,
        ttl: StdDuration,
    ) {
        let (short, long) = (StdDuration::from_secs(5), StdDuration::from_secs(300));
        let ttl = i64::try_from(ttl.as_secs()).unwrap();
        let mut moments = vec![
            0,
            300,
            305,
            306,
            600,
            605,
            606,
            899,
            900,
            1199,
            1200,
            1201,
            1205,
            1206,
            3600,
            ttl - 1,
        ];
        moments.extend([ttl, ttl + 5, ttl + 6, ttl + 299, ttl + 300]);
        moments.retain(|moment| *moment <= ttl + 300);
        moments.sort_unstable();
        let mut now = 0;
        for moment in moments {
            self.clock.advance(Duration::seconds(moment - now));
            now = moment;
            for leeway in [short, long] {
                if moment > ttl + i64::try_from(leeway.as_secs()).unwrap() {
                    continue;
                }
                assert_eq!(
                    self.kind(accepted, leeway).await,
                    None,
                    "{moment} s: the token of another user"
                );
                for (case, token) in tokens {
                    assert_eq!(
                        self.kind(token, leeway).await,
                        Some(Kind::Revoked),
                        "{moment} s: {case}"
                    );
                }
            }
        }
    }
}

/// Issues a token outside of `RefreshTokens`.
fn issue_directly(issuer: &Issuer, subject: &str, generation: u64) -> String {
    issuer.token(&json!({})).subject(subject).generation(generation).issue().unwrap()
}

#[actix_web::test]
async fn logout_all_revokes_directly_issued_tokens_until_they_expire() {
    for (ttl, access_ttl) in [(1, 900), (3600, 900), (900, 3600), (7200, 1)] {
        let (ttl, access_ttl) = (StdDuration::from_secs(ttl), StdDuration::from_secs(access_ttl));
        let (application, longest) = (Application::new(), ttl.max(access_ttl));
        let issuer = application.issuer(|builder| builder.ttl(ttl));
        let tokens = application.builder(&issuer).access_ttl(access_ttl).build().unwrap();
        tokens.logout_all("ada").await.unwrap();
        let generation = application.revocations.generation(ISSUER, "ada").await.unwrap();
        assert_ne!(generation, 0);
        let of = |subject: &str, generation| {
            let claims = json!({});
            issuer
                .token(&claims)
                .subject(subject)
                .generation(generation)
                .ttl(longest)
                .issue()
                .unwrap()
        };
        let (plain, numbered, bob) = (of("ada", 0), of("ada", generation), of("bob", 0));
        assert_eq!(
            application.kind(&numbered, StdDuration::ZERO).await,
            None,
            "only the next logout revokes a token of the current generation"
        );
        tokens.logout_all("ada").await.unwrap();
        let revoked = [("without a generation", plain.as_str()), ("with a generation", &numbered)];
        application.assert_revoked_until_expired(&revoked, &bob, longest).await;
    }
}

/// Each way to revoke one login revokes all tokens that contain its `sid`.
#[actix_web::test]
async fn revoked_login_revokes_directly_issued_tokens_with_its_sid() {
    for case in ["refresh token", "access token", "reuse", "refresh after revocation"] {
        let application = Application::new();
        let issuer = application.issuer(|builder| builder);
        let tokens = application.builder(&issuer).build().unwrap();
        let verifier: Verifier = verifier_builder(&application.clock)
            .revocation_store(application.revocations.clone())
            .build()
            .unwrap();
        let pair = tokens.login("ada").await.unwrap().issue(&json!({})).unwrap();
        let access = verifier.verify_str_async(&pair.access_token).await.unwrap();
        let claims = json!({});
        let token = issuer
            .token(&claims)
            .subject("ada")
            .session_id(access.session_id().unwrap())
            .issue()
            .unwrap();
        let bob = issue_directly(&issuer, "bob", 0);
        match case {
            "refresh token" => tokens.logout_with_refresh_token(&pair.refresh_token).await.unwrap(),
            "access token" => tokens.logout(&access).await.unwrap(),
            "reuse" => {
                let grace = StdDuration::ZERO;
                let strict = application.builder(&issuer).grace_period(grace).build().unwrap();
                _ = strict.refresh(&pair.refresh_token).await.unwrap();
                application.clock.advance(Duration::NANOSECOND);
                assert!(matches!(
                    strict.refresh(&pair.refresh_token).await,
                    Err(RefreshError::Reused)
                ));
                application.clock.advance(-Duration::NANOSECOND);
            }
            _ => {
                tokens.logout_all("ada").await.unwrap();
                assert!(matches!(
                    tokens.refresh(&pair.refresh_token).await,
                    Err(RefreshError::Revoked)
                ));
            }
        }
        application.assert_revoked_until_expired(&[(case, &token)], &bob, HOUR).await;
    }
}

/// The records under the new settings must outlive the tokens under the old settings.
#[actix_web::test]
async fn lowering_access_ttl_keeps_old_tokens_revoked_until_they_expire() {
    for (old_access_ttl, max_ttl) in [(HOUR, None), (HOUR, Some(HOUR)), (2 * HOUR, Some(2 * HOUR))]
    {
        let application = Application::new();
        let old = application
            .builder(&application.issuer(|builder| builder))
            .access_ttl(old_access_ttl)
            .build()
            .unwrap();
        let login = async |subject| old.login(subject).await.unwrap().issue(&json!({})).unwrap();
        let (ada, eve, bob) = (login("ada").await, login("eve").await, login("bob").await);
        let issuer = application.issuer(|builder| match max_ttl {
            Some(max_ttl) => builder.max_ttl(max_ttl),
            None => builder,
        });
        let new =
            application.builder(&issuer).access_ttl(StdDuration::from_secs(60)).build().unwrap();
        new.logout_all("ada").await.unwrap();
        new.logout_with_refresh_token(&eve.refresh_token).await.unwrap();
        let revoked = [("logout_all", ada.access_token.as_str()), ("logout", &eve.access_token)];
        application.assert_revoked_until_expired(&revoked, &bob.access_token, old_access_ttl).await;
    }
}

fn assert_exceeds_max_ttl(
    result: Result<String, IssueError>,
    ttl: StdDuration,
    max_ttl: StdDuration,
) {
    let error = result.unwrap_err();
    assert!(
        matches!(error, IssueError::BeyondMaxTtl { ttl: t, max_ttl: m } if (t, m) == (ttl, max_ttl)),
        "{ttl:?}: {error}"
    );
    let text = error.to_string();
    for part in [
        format!("{} s", ttl.as_secs_f64()),
        format!("{} s", max_ttl.as_secs_f64()),
        "max_ttl".to_owned(),
    ] {
        assert!(text.contains(&part), "{part}: {text}");
    }
    assert_eq!(error.error_response().status().as_u16(), 500);
}

#[test]
fn building_refresh_tokens_limits_the_lifetime_of_each_token() {
    for (access_ttl, max_ttl) in [(HOUR / 4, HOUR), (2 * HOUR, 2 * HOUR)] {
        let application = Application::new();
        let issuer = application.issuer(|builder| builder);
        let (clone, claims) = (issuer.clone(), json!({}));
        let issue = |issuer: &Issuer, ttl| issuer.token(&claims).ttl(ttl).issue();
        let long = max_ttl + StdDuration::from_nanos(1);
        let builder = || application.builder(&issuer).access_ttl(access_ttl);
        // A builder that fails sets no limit.
        assert!(RefreshTokens::builder(issuer.clone(), application.key.clone()).build().is_err());
        assert!(builder().grace_period(HOUR).build().is_err());
        for issuer in [&issuer, &clone] {
            issue(issuer, 1000 * HOUR).unwrap();
            assert_eq!(issuer.max_ttl(), None);
        }
        builder().build().unwrap();
        for issuer in [&issuer, &clone, &clone.clone()] {
            assert_eq!(issuer.max_ttl(), Some(max_ttl));
            issue(issuer, max_ttl).unwrap();
            issuer.issue(&claims).unwrap();
            assert_exceeds_max_ttl(issue(issuer, long), long, max_ttl);
        }
        // The application may share the issuer if no `access_ttl` exceeds the limit.
        application.builder(&clone).access_ttl(max_ttl).build().unwrap();
        let error = application.builder(&clone).access_ttl(long).build().unwrap_err();
        assert!(
            matches!(error, ConfigError::InvalidSetting { setting: "access_ttl", .. }),
            "{error}"
        );
        assert_eq!(issuer.max_ttl(), Some(max_ttl));
    }
}

#[test]
fn access_ttl_beyond_max_ttl_is_an_error() {
    let application = Application::new();
    let issuer = application.issuer(|builder| builder.max_ttl(2 * HOUR));
    let error = application.builder(&issuer).access_ttl(3 * HOUR).build().unwrap_err();
    let expected = "`access_ttl`: expected at most 7200 s, the maximum lifetime of the issuer's tokens, found 10800 s: set \
                    `.max_ttl(..)` on the issuer's builder to 10800 s or more";
    assert_eq!(error.to_string(), expected);
    application.builder(&issuer).access_ttl(2 * HOUR).build().unwrap();
    assert_eq!(issuer.max_ttl(), Some(2 * HOUR), "the setting is unchanged");
}

#[test]
fn issuer_of_tokens_without_expiry_is_an_error() {
    let application = Application::new();
    let issuer = application.issuer(IssuerBuilder::dangerously_without_expiry);
    let error = application.builder(&issuer).build().unwrap_err();
    assert!(matches!(error, ConfigError::InvalidSetting { setting: "issuer", .. }), "{error}");
    assert!(error.to_string().contains("set `.ttl(..)`"), "{error}");
}

#[cfg(feature = "redis")]
#[actix_web::test]
async fn redis_records_live_as_long_as_the_longest_lived_token() {
    use paseto_actix::SecretKey;

    use paseto_actix_tests::redis::Redis;

    let Some(redis) = Redis::start() else { return };
    let revocations = RedisStore::builder(redis.url()).build().unwrap().revocation_store();
    for (max_ttl, longest) in [(None, 3600), (Some(24 * HOUR), 24 * 3600)] {
        assert_eq!(redis.command(&["FLUSHALL"]), "OK");
        // Redis expires records by its own clock, so the issuer also uses the real time.
        let issuer = Issuer::builder(ISSUER).key(SecretKey::generate());
        let issuer = max_ttl.into_iter().fold(issuer, IssuerBuilder::max_ttl).build().unwrap();
        let tokens = RefreshTokens::builder(issuer, LocalKey::generate())
            .token_family_store(MemoryTokenFamilyStore::new(10))
            .revocation_store(revocations.clone())
            .build()
            .unwrap();
        let pair = tokens.login("ada").await.unwrap().issue(&json!({})).unwrap();
        tokens.logout_with_refresh_token(&pair.refresh_token).await.unwrap();
        tokens.logout_all("ada").await.unwrap();
        let keys = redis.command(&["KEYS", "*"]);
        assert_eq!(
            keys.lines().count(),
            2,
            "one record of the login, one record of the subject: {keys}"
        );
        for key in keys.lines() {
            // A record outlives the token by the longest leeway of 5 minutes and by 5 seconds for
            // differing clocks. The store may add 5 seconds.
            let left: i64 = redis.command(&["PTTL", key]).parse().unwrap();
            let most = (longest + 305) * 1000;
            assert!((most - 60_000..=most + 5_000).contains(&left), "{key}: {left} of {most}");
        }
    }
}
