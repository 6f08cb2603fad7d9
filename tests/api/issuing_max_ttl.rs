//! `max_ttl`: the maximum lifetime of the tokens of an issuer.

use std::time::Duration;

use paseto_actix::issuer::{IssuerBuilder, IssuerConfig};
use paseto_actix::{ConfigError, IssueError, Issuer};
use paseto_actix_tests::app::issuer_builder;
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::{ISSUER, keys};
use serde_json::{Value, json};

const HOUR: Duration = Duration::from_secs(3600);
const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

fn build(change: impl FnOnce(IssuerBuilder) -> IssuerBuilder) -> Result<Issuer, ConfigError> {
    change(issuer_builder(&TestClock::new())).build()
}

fn config(changes: Value) -> Result<IssuerConfig, serde_json::Error> {
    let mut settings =
        json!({ "iss": ISSUER, "private_keys": [{ "paserk": keys::SECRET_PASERK }] });
    let Value::Object(changes) = changes else { panic!("changes are a map") };
    settings.as_object_mut().unwrap().extend(changes);
    serde_json::from_value(settings)
}

#[test]
fn ttl_above_max_ttl_is_an_error() {
    let claims = json!({});
    let issuer = build(|builder| builder.max_ttl(2 * HOUR)).unwrap();
    for issuer in [&issuer, &issuer.clone()] {
        assert_eq!(issuer.max_ttl(), Some(2 * HOUR));
        issuer.issue(&claims).unwrap();
        issuer.token(&claims).ttl(2 * HOUR).issue().unwrap();
        let error =
            issuer.token(&claims).ttl(2 * HOUR + Duration::from_millis(500)).issue().unwrap_err();
        let expected = "`ttl`: expected at most 7200 s (`max_ttl` of the Issuer, by default the longer of its `ttl` and \
                        the `access_ttl` of RefreshTokens), found 7200.5 s: lower `ttl`, or raise `max_ttl`";
        assert_eq!(error.to_string(), expected);
        let too_long = issuer.token(&claims).ttl(2 * CENTURY).issue().unwrap_err();
        assert!(matches!(too_long, IssueError::Lifetime { .. }), "{too_long}");
    }

    let free = build(|builder| builder).unwrap();
    assert_eq!(free.max_ttl(), None);
    free.token(&claims).ttl(CENTURY).issue().unwrap();
}

#[test]
fn settings_that_contradict_max_ttl_are_errors() {
    for bad in
        [Duration::ZERO, Duration::from_nanos(999_999_999), CENTURY + Duration::from_nanos(1)]
    {
        let error = build(|builder| builder.ttl(Duration::from_secs(1)).max_ttl(bad)).unwrap_err();
        assert!(
            matches!(error, ConfigError::DurationOutOfRange { setting: "max_ttl", found, .. } if found == bad)
        );
    }
    for good in [Duration::from_secs(1), CENTURY] {
        build(|builder| builder.ttl(good).max_ttl(good)).unwrap();
    }
    let text = |change: fn(IssuerBuilder) -> IssuerBuilder| build(change).unwrap_err().to_string();
    let expected =
        "`max_ttl`: expected at least 3600 s (`ttl`), found 900 s: raise `max_ttl`, or lower `ttl`";
    assert_eq!(text(|builder| builder.max_ttl(HOUR / 4)), expected);
    let expected =
        "`max_ttl`: tokens without `exp` have no lifetime: remove `.dangerously_without_expiry()`";
    assert_eq!(text(|builder| builder.dangerously_without_expiry().max_ttl(HOUR)), expected);
}

#[test]
fn max_ttl_is_read_from_settings() {
    for (max_ttl, expected) in
        [(json!(7200), Some(2 * HOUR)), (json!("1h"), Some(HOUR)), (json!("3600"), Some(HOUR))]
    {
        assert_eq!(
            config(json!({ "max_ttl": max_ttl })).unwrap().build().unwrap().max_ttl(),
            expected
        );
    }
    assert_eq!(config(json!({})).unwrap().build().unwrap().max_ttl(), None);
    for max_ttl in [json!("1 h"), json!(-1), json!(1.5), json!(null)] {
        let error = config(json!({ "max_ttl": max_ttl })).unwrap_err().to_string();
        assert!(error.starts_with("`max_ttl`: expected seconds"), "{max_ttl}: {error}");
    }
    let error = |changes| config(changes).unwrap().build().unwrap_err();
    for bad in [0, CENTURY.as_secs() + 1, u64::MAX] {
        let given = Duration::from_secs(bad);
        let error = error(json!({ "max_ttl": bad }));
        assert!(
            matches!(error, ConfigError::DurationOutOfRange { setting: "max_ttl", found: g, .. } if g == given)
        );
    }
    let error = error(json!({ "exp": 901, "max_ttl": 900 }));
    assert!(matches!(error, ConfigError::InvalidSetting { setting: "max_ttl", .. }), "{error}");
}
