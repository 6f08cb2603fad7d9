//! Invalid session settings are errors when the application starts.

use std::time::Duration;

use paseto_actix::cookie::CookieConfig;
use paseto_actix::keys::KeyRing;
use paseto_actix::session::PasetoSessionBuilder;
use paseto_actix::{ConfigError, LocalKey, PasetoSession, PasetoSessionStore};
use paseto_actix_tests::logs::Secrets;

const SECOND: Duration = Duration::from_secs(1);
const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
const NANOSECOND: Duration = Duration::from_nanos(1);

fn builder() -> PasetoSessionBuilder {
    PasetoSession::builder(LocalKey::generate())
}

#[track_caller]
fn assert_setting<T: std::fmt::Debug>(result: Result<T, ConfigError>, name: &str) {
    match result {
        Err(ConfigError::InvalidSetting { setting, problem }) => {
            assert_eq!(setting, name);
            assert!(!problem.is_empty());
        }
        other => panic!("expected an error about the setting {name}, found {other:?}"),
    }
}

#[test]
fn key_ring_rejects_duplicates_and_more_than_7_retired_keys() {
    let keys: Vec<_> = (0..9).map(|_| LocalKey::generate()).collect();
    let ring = |active: usize, retired: &[usize]| {
        KeyRing::new(keys[active].clone(), retired.iter().map(|index| keys[*index].clone()))
    };
    let twice =
        |index: usize| Some(ConfigError::DuplicateKey { kid: keys[index].kid().to_owned() });

    for good in [&[][..], &[1], &[1, 2, 3, 4, 5, 6, 7]] {
        assert_eq!(ring(0, good).unwrap().active(), keys[0]);
    }
    assert_eq!(ring(0, &[0]).err(), twice(0));
    assert_eq!(ring(0, &[1, 2, 1]).err(), twice(1));
    let copy = LocalKey::from_paserk(&keys[0].to_paserk()).unwrap();
    assert_eq!(
        KeyRing::new(copy, [keys[0].clone()]).err(),
        twice(0),
        "a second copy of the key is a duplicate"
    );
    assert_setting(ring(0, &[1, 2, 3, 4, 5, 6, 7, 8]), "keys");
}

#[test]
fn cookie_names_with_special_characters_are_rejected() {
    for good in
        ["session", "__Host-x", "__Secure-x", "x", "!$&'*+-._~", "__host", "Host-x", "__Other-x"]
    {
        assert!(builder().cookie(CookieConfig::new().name(good)).build().is_ok(), "{good}");
    }
    for bad in [
        "",
        " ",
        "a b",
        "a^b",
        "a%b",
        "a|b",
        "a#b",
        "a=b",
        "a;b",
        "a,b",
        "\"a\"",
        "a\r\nb",
        "a\0",
        "k\u{e4}se",
        "a/b",
        "(a)",
        "a\u{7f}",
    ] {
        assert_setting(builder().cookie(CookieConfig::new().name(bad)).build(), "cookie.name");
    }
}

#[test]
fn cookie_name_prefixes_require_their_attributes() {
    // Browsers match the prefix of a name without regard to case.
    for http in ["__Http-id", "__http-id", "__Host-Http-id"] {
        assert!(builder().cookie(CookieConfig::new().name(http)).build().is_ok());
        assert_setting(
            builder().cookie(CookieConfig::new().name(http).http_only(false)).build(),
            "cookie.name",
        );
        assert_setting(
            builder().cookie(CookieConfig::new().name(http)).development_over_plain_http().build(),
            "cookie.name",
        );
    }
    for host in ["__Host-id", "__host-id", "__HOST-id"] {
        let named = CookieConfig::new().name(host);
        let with = |cookie: CookieConfig| builder().cookie(cookie);
        assert!(with(named.clone()).build().is_ok());
        assert_setting(with(named.clone().path("/shop")).build(), "cookie.name");
        assert_setting(with(named.clone().path("")).build(), "cookie.path");
        assert_setting(with(named.clone().domain("shop.example")).build(), "cookie.name");
        assert_setting(with(named).development_over_plain_http().build(), "cookie.name");
    }
    for secure in ["__Secure-id", "__secure-id"] {
        let named = || {
            builder().cookie(CookieConfig::new().name(secure).path("/shop").domain("shop.example"))
        };
        assert!(named().build().is_ok());
        assert_setting(named().development_over_plain_http().build(), "cookie.name");
    }

    assert_setting(builder().cookie(CookieConfig::new().path("/shop")).build(), "cookie.name");
    assert_setting(
        builder().cookie(CookieConfig::new().domain("shop.example")).build(),
        "cookie.name",
    );
    assert!(builder().development_over_plain_http().build().is_ok(), "the default name changes");
    assert!(
        builder()
            .development_over_plain_http()
            .cookie(CookieConfig::new().path("/shop"))
            .build()
            .is_ok()
    );
    assert!(
        builder()
            .cookie(CookieConfig::new().name("id").path("/shop").domain("shop.example"))
            .build()
            .is_ok()
    );
}

#[test]
fn timeouts_below_1_second_or_over_100_years_are_rejected() {
    for good in [2 * SECOND, 2 * SECOND + NANOSECOND, CENTURY] {
        assert!(builder().idle_timeout(good).absolute_timeout(CENTURY).build().is_ok(), "{good:?}");
        assert!(
            builder().idle_timeout(2 * SECOND).absolute_timeout(good).build().is_ok(),
            "{good:?}"
        );
    }
    for bad in
        [Duration::ZERO, NANOSECOND, SECOND - NANOSECOND, CENTURY + NANOSECOND, Duration::MAX]
    {
        for (name, result) in [
            ("idle_timeout", builder().idle_timeout(bad).build()),
            ("absolute_timeout", builder().absolute_timeout(bad).build()),
        ] {
            match result {
                Err(ConfigError::DurationOutOfRange { setting, found: given, .. }) => {
                    assert_eq!((setting, given), (name, bad))
                }
                other => panic!("{bad:?}: {other:?}"),
            }
        }
        assert!(
            builder().idle_timeout(bad).idle_timeout(SECOND * 60).build().is_ok(),
            "the last call applies"
        );
    }
}

/// A session slides after half of the idle timeout. Timestamps have a resolution of one second, so
/// half of a timeout below 2 seconds rounds to zero.
#[test]
fn idle_timeout_below_2_seconds_is_rejected() {
    for bad in [SECOND, 2 * SECOND - NANOSECOND] {
        let result = builder().idle_timeout(bad).build();
        assert!(
            matches!(result, Err(ConfigError::DurationOutOfRange { setting: "idle_timeout", .. })),
            "{result:?}"
        );
    }
    assert!(builder().idle_timeout(2 * SECOND).build().is_ok());
}

#[test]
fn debug_output_shows_no_key() {
    let (key, retired) = (LocalKey::generate(), LocalKey::generate());
    let ring = KeyRing::new(key.clone(), [retired.clone()]).unwrap();
    let builder = PasetoSession::builder(ring.clone());
    let shown = format!("{ring:?} {builder:?} {:?}", PasetoSessionStore::new(ring.clone()));
    let shown = format!("{shown} {:?}", builder.build().unwrap());
    let mut secrets = Secrets::default();
    for key in [key, retired] {
        assert!(shown.contains(key.kid()), "the key ID is not a secret: {shown}");
        secrets.key(&key.to_paserk());
    }
    secrets.assert_not_in(&shown, "the `Debug` output");
}

#[test]
fn idle_timeout_beyond_the_absolute_timeout_is_rejected() {
    let with = |idle, absolute| {
        builder().idle_timeout(idle).absolute_timeout(absolute).persistent(true).build()
    };
    assert!(with(60 * SECOND, 60 * SECOND).is_ok());
    let error = with(61 * SECOND, 60 * SECOND).unwrap_err().to_string();
    assert_eq!(
        error,
        "`idle_timeout`: the idle timeout of 61s is longer than the absolute timeout of 60s: lower `idle_timeout` (default: 30 minutes), or raise `absolute_timeout`"
    );
    // The default absolute timeout is 12 hours.
    assert_setting(builder().idle_timeout(14 * 24 * 3600 * SECOND).build(), "idle_timeout");
}

#[test]
fn cookie_domain_and_path_that_browsers_reject_are_errors() {
    let named = |cookie: CookieConfig| builder().cookie(cookie.name("id"));
    for good in [
        "example.org",
        ".example.org",
        "localhost",
        "a-b.example",
        "xn--bcher-kva.example",
        "127.0.0.1",
    ] {
        assert!(named(CookieConfig::new().domain(good)).build().is_ok(), "{good}");
    }
    for bad in [
        "",
        ".",
        "https://example.org",
        "example.org:8080",
        "example.org/",
        "example..org",
        "exa mple.org",
        "example.org; Secure",
        "example.org\r\n",
        "b\u{fc}cher.example",
        "[::1]",
    ] {
        assert_setting(named(CookieConfig::new().domain(bad)).build(), "cookie.domain");
        assert_setting(builder().cookie(CookieConfig::new().domain(bad)).build(), "cookie.domain");
    }
    for good in ["/", "/shop", "/shop/", "/a%20b"] {
        assert!(named(CookieConfig::new().path(good)).build().is_ok(), "{good}");
    }
    for bad in [
        "",
        "/a b",
        "/ ",
        "/a?b",
        "/a#b",
        "/b\u{fc}",
        "shop",
        "shop/",
        "/;a",
        "/\r\n",
        "https://example.org/",
    ] {
        assert_setting(named(CookieConfig::new().path(bad)).build(), "cookie.path");
        assert_setting(builder().cookie(CookieConfig::new().path(bad)).build(), "cookie.path");
    }
    let error =
        named(CookieConfig::new().domain("https://example.org")).build().unwrap_err().to_string();
    assert_eq!(
        error,
        "`cookie.domain`: expected a host name of ASCII letters, digits, `-`, `_` and `.`, such as `example.org` or \
         `xn--bcher-kva.example`, without scheme, port, path and final dot, found `https://example.org`"
    );
}
