//! How long the revocation records of `RefreshTokens` live: as long as any token of the issuer.

use std::time::Duration as StdDuration;

use actix_web::ResponseError;
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

struct House {
    clock: TestClock,
    key: LocalKey,
    families: MemoryTokenFamilyStore,
    revocations: MemoryRevocationStore,
}

impl House {
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

    /// `RefreshTokens` of this issuer, over the stores of the house.
    fn builder(&self, issuer: &Issuer) -> RefreshTokensBuilder {
        RefreshTokens::builder(issuer.clone(), self.key.clone())
            .token_family_store(self.families.clone())
            .revocation_store(self.revocations.clone())
            .clock(self.clock.clone())
    }

    /// The kind of refusal of a token, by a verifier of this leeway.
    async fn kind(&self, token: &str, leeway: StdDuration) -> Option<Kind> {
        let builder =
            verifier_builder(&self.clock).leeway(leeway).revocation_store(self.revocations.clone());
        builder.build().unwrap().verify_str_async(token).await.err().map(|error| error.kind())
    }

    /// Asserts that tokens of this lifetime, issued now, are revoked at each moment until their `exp`
    /// and the leeway. The token of another user is accepted at each.
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

/// A token that the issuer makes by itself.
fn own(issuer: &Issuer, subject: &str, generation: u64) -> String {
    issuer.token(&json!({})).subject(subject).generation(generation).issue().unwrap()
}

#[actix_web::test]
async fn a_logout_everywhere_revokes_the_issuers_own_tokens_until_they_expire() {
    for (ttl, access_ttl) in [(1, 900), (3600, 900), (900, 3600), (7200, 1)] {
        let (ttl, access_ttl) = (StdDuration::from_secs(ttl), StdDuration::from_secs(access_ttl));
        let (house, longest) = (House::new(), ttl.max(access_ttl));
        let issuer = house.issuer(|builder| builder.ttl(ttl));
        let tokens = house.builder(&issuer).access_ttl(access_ttl).build().unwrap();
        tokens.logout_all("ada").await.unwrap();
        let generation = house.revocations.generation(ISSUER, "ada").await.unwrap();
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
            house.kind(&numbered, StdDuration::ZERO).await,
            None,
            "it is revoked by the next logout alone"
        );
        tokens.logout_all("ada").await.unwrap();
        let revoked = [("without a generation", plain.as_str()), ("with a generation", &numbered)];
        house.assert_revoked_until_expired(&revoked, &bob, longest).await;
    }
}

/// The end of one login revokes each token that has its `sid`.
#[actix_web::test]
async fn the_end_of_one_login_revokes_the_issuers_own_tokens_of_it_until_they_expire() {
    for case in ["end", "logout", "reuse", "a refresh after the end"] {
        let house = House::new();
        let issuer = house.issuer(|builder| builder);
        let tokens = house.builder(&issuer).build().unwrap();
        let verifier: Verifier = verifier_builder(&house.clock)
            .revocation_store(house.revocations.clone())
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
        let bob = own(&issuer, "bob", 0);
        match case {
            "end" => tokens.logout_with_refresh_token(&pair.refresh_token).await.unwrap(),
            "logout" => tokens.logout(&access).await.unwrap(),
            "reuse" => {
                let grace = StdDuration::ZERO;
                let strict = house.builder(&issuer).grace_period(grace).build().unwrap();
                _ = strict.refresh(&pair.refresh_token).await.unwrap();
                house.clock.advance(Duration::NANOSECOND);
                assert!(matches!(
                    strict.refresh(&pair.refresh_token).await,
                    Err(RefreshError::Reused)
                ));
                house.clock.advance(-Duration::NANOSECOND);
            }
            _ => {
                tokens.logout_all("ada").await.unwrap();
                assert!(matches!(
                    tokens.refresh(&pair.refresh_token).await,
                    Err(RefreshError::Revoked)
                ));
            }
        }
        house.assert_revoked_until_expired(&[(case, &token)], &bob, HOUR).await;
    }
}

/// The records of the new settings outlive the tokens of the old ones.
#[actix_web::test]
async fn a_deployment_with_a_lower_access_ttl_revokes_the_old_tokens_until_they_expire() {
    for (old_access_ttl, max_ttl) in [(HOUR, None), (HOUR, Some(HOUR)), (2 * HOUR, Some(2 * HOUR))]
    {
        let house = House::new();
        let old = house
            .builder(&house.issuer(|builder| builder))
            .access_ttl(old_access_ttl)
            .build()
            .unwrap();
        let login = async |subject| old.login(subject).await.unwrap().issue(&json!({})).unwrap();
        let (ada, eve, bob) = (login("ada").await, login("eve").await, login("bob").await);
        let issuer = house.issuer(|builder| match max_ttl {
            Some(max_ttl) => builder.max_ttl(max_ttl),
            None => builder,
        });
        let new = house.builder(&issuer).access_ttl(StdDuration::from_secs(60)).build().unwrap();
        new.logout_all("ada").await.unwrap();
        new.logout_with_refresh_token(&eve.refresh_token).await.unwrap();
        let revoked = [("logout_all", ada.access_token.as_str()), ("end", &eve.access_token)];
        house.assert_revoked_until_expired(&revoked, &bob.access_token, old_access_ttl).await;
    }
}

fn assert_beyond(result: Result<String, IssueError>, ttl: StdDuration, max_ttl: StdDuration) {
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
fn the_lifetime_of_one_token_is_free_until_refresh_tokens_are_built() {
    for (access_ttl, max_ttl) in [(HOUR / 4, HOUR), (2 * HOUR, 2 * HOUR)] {
        let house = House::new();
        let issuer = house.issuer(|builder| builder);
        let (clone, claims) = (issuer.clone(), json!({}));
        let issue = |issuer: &Issuer, ttl| issuer.token(&claims).ttl(ttl).issue();
        let long = max_ttl + StdDuration::from_nanos(1);
        let builder = || house.builder(&issuer).access_ttl(access_ttl);
        // A builder that fails sets no limit.
        assert!(RefreshTokens::builder(issuer.clone(), house.key.clone()).build().is_err());
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
            assert_beyond(issue(issuer, long), long, max_ttl);
        }
        // The same issuer may be given to others, as long as their tokens do not live longer.
        house.builder(&clone).access_ttl(max_ttl).build().unwrap();
        let error = house.builder(&clone).access_ttl(long).build().unwrap_err();
        assert!(
            matches!(error, ConfigError::InvalidSetting { setting: "access_ttl", .. }),
            "{error}"
        );
        assert_eq!(issuer.max_ttl(), Some(max_ttl));
    }
}

#[test]
fn an_access_ttl_beyond_the_max_ttl_is_an_error() {
    let house = House::new();
    let issuer = house.issuer(|builder| builder.max_ttl(2 * HOUR));
    let error = house.builder(&issuer).access_ttl(3 * HOUR).build().unwrap_err();
    let expected = "`access_ttl`: it is 10800 s, and the longest lifetime of the issuer's tokens is 7200 s: set \
                    `.max_ttl(..)` on the issuer's builder to 10800 s or more";
    assert_eq!(error.to_string(), expected);
    house.builder(&issuer).access_ttl(2 * HOUR).build().unwrap();
    assert_eq!(issuer.max_ttl(), Some(2 * HOUR), "the setting stays");
}

#[test]
fn an_issuer_of_tokens_without_expiry_is_an_error() {
    let house = House::new();
    let issuer = house.issuer(IssuerBuilder::dangerously_without_expiry);
    let error = house.builder(&issuer).build().unwrap_err();
    assert!(matches!(error, ConfigError::InvalidSetting { setting: "issuer", .. }), "{error}");
    assert!(error.to_string().contains("set `.ttl(..)`"), "{error}");
}

#[cfg(feature = "redis")]
#[actix_web::test]
async fn records_on_redis_live_as_long_as_any_token() {
    use paseto_actix::SecretKey;
    use paseto_actix::revocation::RedisRevocationStore;
    use paseto_actix_tests::redis::Redis;

    let Some(redis) = Redis::start() else { return };
    let revocations = RedisRevocationStore::builder(redis.url()).build().unwrap();
    for (max_ttl, longest) in [(None, 3600), (Some(24 * HOUR), 24 * 3600)] {
        assert_eq!(redis.command(&["FLUSHALL"]), "OK");
        // Redis ends records by its own clock, so the issuer has the real time, too.
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
        assert_eq!(keys.lines().count(), 2, "one of the login, one of the subject: {keys}");
        for key in keys.lines() {
            // The longest leeway of 5 minutes, and 5 seconds for clocks that differ. The store may add 5 seconds.
            let left: i64 = redis.command(&["PTTL", key]).parse().unwrap();
            let most = (longest + 305) * 1000;
            assert!((most - 60_000..=most + 5_000).contains(&left), "{key}: {left} of {most}");
        }
    }
}
