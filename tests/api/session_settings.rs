//! Settings of sessions that cannot work, told before the first request.

use std::time::Duration;

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
        other => panic!("{other:?} instead of the setting {name}"),
    }
}

#[test]
fn key_rings() {
    let keys: Vec<_> = (0..9).map(|_| LocalKey::generate()).collect();
    let ring = |active: usize, retired: &[usize]| {
        KeyRing::new(keys[active].clone(), retired.iter().map(|index| keys[*index].clone()))
    };
    let twice =
        |index: usize| Some(ConfigError::DuplicateKey { kid: keys[index].kid().to_owned() });

    for good in [&[][..], &[1], &[1, 2, 3, 4, 5, 6, 7]] {
        assert_eq!(ring(0, good).unwrap().active(), &keys[0]);
    }
    assert_eq!(ring(0, &[0]).err(), twice(0));
    assert_eq!(ring(0, &[1, 2, 1]).err(), twice(1));
    let copy = LocalKey::from_paserk(&keys[0].to_paserk()).unwrap();
    assert_eq!(
        KeyRing::new(copy, [keys[0].clone()]).err(),
        twice(0),
        "read twice, it is the same key"
    );
    assert_setting(ring(0, &[1, 2, 3, 4, 5, 6, 7, 8]), "retired");
}

#[test]
fn names_of_cookies() {
    for good in
        ["session", "__Host-x", "__Secure-x", "x", "!$&'*+-._~", "__host", "Host-x", "__Other-x"]
    {
        assert!(builder().cookie_name(good).build().is_ok(), "{good}");
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
        assert_setting(builder().cookie_name(bad).build(), "cookie_name");
    }
}

#[test]
fn what_prefixes_promise() {
    // Browsers ask what a prefix promises of a name in any case.
    for http in ["__Http-id", "__http-id", "__Host-Http-id"] {
        assert!(builder().cookie_name(http).build().is_ok());
        assert_setting(builder().cookie_name(http).cookie_http_only(false).build(), "cookie_name");
        assert_setting(
            builder().cookie_name(http).development_over_plain_http().build(),
            "cookie_name",
        );
    }
    for host in ["__Host-id", "__host-id", "__HOST-id"] {
        let named = || builder().cookie_name(host);
        assert!(named().build().is_ok());
        assert_setting(named().cookie_path("/shop").build(), "cookie_name");
        assert_setting(named().cookie_path("").build(), "cookie_path");
        assert_setting(named().cookie_domain("shop.example").build(), "cookie_name");
        assert_setting(named().development_over_plain_http().build(), "cookie_name");
    }
    for secure in ["__Secure-id", "__secure-id"] {
        let named =
            || builder().cookie_name(secure).cookie_path("/shop").cookie_domain("shop.example");
        assert!(named().build().is_ok());
        assert_setting(named().development_over_plain_http().build(), "cookie_name");
    }

    assert_setting(builder().cookie_path("/shop").build(), "cookie_name");
    assert_setting(builder().cookie_domain("shop.example").build(), "cookie_name");
    assert!(builder().development_over_plain_http().build().is_ok(), "the default name gives way");
    assert!(builder().development_over_plain_http().cookie_path("/shop").build().is_ok());
    assert!(
        builder()
            .cookie_name("id")
            .cookie_path("/shop")
            .cookie_domain("shop.example")
            .build()
            .is_ok()
    );
}

#[test]
fn how_long_a_session_may_live() {
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
            "the last call counts"
        );
    }
}

/// Half of a second is none in a token, so a session of one second could not slide.
#[test]
fn an_idle_limit_that_can_slide() {
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
fn debug_shows_no_key() {
    let (key, retired) = (LocalKey::generate(), LocalKey::generate());
    let ring = KeyRing::new(key.clone(), [retired.clone()]).unwrap();
    let builder = PasetoSession::builder(ring.clone());
    let shown = format!("{ring:?} {builder:?} {:?}", PasetoSessionStore::new(ring.clone()));
    let shown = format!("{shown} {:?}", builder.build().unwrap());
    let mut secrets = Secrets::default();
    for key in [key, retired] {
        assert!(shown.contains(key.kid()), "what is no secret is shown: {shown}");
        secrets.key(&key.to_paserk());
    }
    secrets.assert_not_in(&shown, "what `Debug` shows");
}

#[test]
fn idle_limit_beyond_the_absolute_limit_is_rejected() {
    let with = |idle, absolute| {
        builder().idle_timeout(idle).absolute_timeout(absolute).persistent(true).build()
    };
    assert!(with(60 * SECOND, 60 * SECOND).is_ok());
    let error = with(61 * SECOND, 60 * SECOND).unwrap_err().to_string();
    assert_eq!(
        error,
        "`idle_timeout`: the idle limit of 61s is longer than the absolute limit of 60s: lower `idle_timeout` (30 minutes unless set), or raise `absolute_timeout`"
    );
    // The default of the absolute limit is 12 hours.
    assert_setting(builder().idle_timeout(14 * 24 * 3600 * SECOND).build(), "idle_timeout");
}

#[test]
fn domain_and_path_that_browsers_reject_are_rejected() {
    let named = || builder().cookie_name("id");
    for good in [
        "example.org",
        ".example.org",
        "localhost",
        "a-b.example",
        "xn--bcher-kva.example",
        "127.0.0.1",
    ] {
        assert!(named().cookie_domain(good).build().is_ok(), "{good}");
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
        assert_setting(named().cookie_domain(bad).build(), "cookie_domain");
        assert_setting(builder().cookie_domain(bad).build(), "cookie_domain");
    }
    for good in ["/", "/shop", "/shop/", "/a%20b"] {
        assert!(named().cookie_path(good).build().is_ok(), "{good}");
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
        assert_setting(named().cookie_path(bad).build(), "cookie_path");
        assert_setting(builder().cookie_path(bad).build(), "cookie_path");
    }
    let error = named().cookie_domain("https://example.org").build().unwrap_err().to_string();
    assert_eq!(
        error,
        "`cookie_domain`: expected a host name of ASCII letters, digits, `-`, `_` and `.`, such as `example.org` or \
         `xn--bcher-kva.example`, without scheme, port, path and final dot, found `https://example.org`"
    );
}
