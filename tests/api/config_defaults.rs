//! Settings with only the required fields equal the defaults of the builders.

use std::fmt::Debug;
use std::time::Duration;

use actix_web::cookie::SameSite;
use paseto_actix::cookie::CookieConfig;
use paseto_actix::refresh::RefreshTokensConfig;
use paseto_actix::remember::{CredentialFingerprint, RememberMeConfig, SessionProtection};
use paseto_actix::revocation::MemoryRevocationStore;
use paseto_actix::session::PasetoSessionConfig;
use paseto_actix::token::Format;
use paseto_actix::token_family::MemoryTokenFamilyStore;
use paseto_actix::verifier::VerifierConfig;
use paseto_actix::{Issuer, LocalKey, PasetoSession, RefreshTokens, RememberMe, Verifier};
use paseto_actix_tests::app::issuer_builder;
use paseto_actix_tests::clock::TestClock;
use paseto_actix_tests::keys::LOCAL_PASERK;
use paseto_actix_tests::{ISSUER, keys};
use serde::de::DeserializeOwned;

fn read<T: DeserializeOwned>(more: &str) -> T {
    toml::from_str(&format!("keys = {LOCAL_PASERK:?}\n{more}")).unwrap()
}

fn key() -> LocalKey {
    LOCAL_PASERK.parse().unwrap()
}

#[test]
fn session_settings_have_the_defaults_of_the_builder() {
    let config: PasetoSessionConfig = read("");
    assert_eq!(
        (config.idle_timeout, config.absolute_timeout),
        (Duration::from_secs(1800), Duration::from_secs(43_200))
    );
    assert_eq!((config.decrypted_cache_capacity, config.persistent), (256, false));
    assert_eq!(
        (config.application.as_str(), config.subject_key.as_str()),
        ("", "actix_identity.user_id")
    );
    assert_eq!((config.cookie.name.as_deref(), config.cookie.path.as_str()), (None, "/"));
    assert_eq!((config.cookie.same_site, config.cookie.http_only), (SameSite::Lax, true));
    assert!(
        config.trusted_origins.is_empty()
            && !config.development_over_plain_http
            && !config.cookie.partitioned
    );
    let shown = format!("{:?} {:?}", config.clone().into_builder(), config.build().unwrap());
    let builder = || PasetoSession::builder(key());
    assert_eq!(shown, format!("{:?} {:?}", builder(), builder().build().unwrap()));
}

#[test]
fn remember_settings_have_the_defaults_of_the_builder() {
    let config: RememberMeConfig = read("");
    assert_eq!(
        (config.lifetime, config.check_user),
        (Duration::from_secs(30 * 24 * 60 * 60), None)
    );
    assert_eq!(
        (config.session_protection, config.login_page.as_deref()),
        (SessionProtection::Off, None)
    );
    assert!(!config.other_session_middleware && !config.development_over_plain_http);
    let loader = async |_: String| None::<CredentialFingerprint>;
    let shown = |builder: paseto_actix::remember::RememberMeBuilder| {
        let shown = format!("{builder:?}");
        format!("{shown} {:?}", builder.credential_loader(loader).build().unwrap())
    };
    assert_eq!(shown(config.into_builder()), shown(RememberMe::builder(key())));
}

#[test]
fn refresh_settings_have_the_defaults_of_the_builder() {
    let config: RefreshTokensConfig = read("");
    assert_eq!(
        (config.access_ttl, config.lifetime),
        (Duration::from_secs(900), Duration::from_secs(30 * 24 * 60 * 60))
    );
    assert_eq!((config.grace_period, config.application.as_str()), (Duration::from_secs(10), ""));
    let clock = TestClock::new();
    let issuer = || -> Issuer { issuer_builder(&clock).build().unwrap() };
    let shown = |builder: paseto_actix::refresh::RefreshTokensBuilder| {
        let shown = format!("{builder:?}");
        let built = builder
            .token_family_store(MemoryTokenFamilyStore::new(1))
            .revocation_store(MemoryRevocationStore::new(1))
            .build()
            .unwrap();
        format!("{shown} {built:?}")
    };
    assert_eq!(
        shown(config.into_builder(issuer())),
        shown(RefreshTokens::builder(issuer(), key()))
    );
}

#[test]
fn verifier_settings_have_the_defaults_of_the_builder() {
    let text = format!("iss = {ISSUER:?}\npublic_keys = {:?}", keys::PUBLIC_PASERK);
    let config: VerifierConfig = toml::from_str(&text).unwrap();
    assert_eq!((config.leeway, config.accept_any_audience), (Duration::from_secs(5), false));
    assert!(
        config.audience.is_empty() && config.trusted_origins.is_empty() && config.realm.is_none()
    );
    let builder = || Verifier::builder().trust(ISSUER, keys::public());
    let shown = format!("{:?} {:?}", config.clone().into_builder(), config.build().unwrap());
    assert_eq!(shown, format!("{:?} {:?}", builder(), builder().build().unwrap()));
}

#[test]
fn each_setting_of_a_session_reaches_the_builder() {
    let error = |more: &str| read::<PasetoSessionConfig>(more).build().unwrap_err().to_string();
    assert!(error("idle_timeout = 1").contains("`idle_timeout`"));
    assert!(error("absolute_timeout = 0").contains("`absolute_timeout`"));
    assert!(error("trusted_origins = 'app'").contains("`trusted_origin`"));
    assert!(error("[cookie]\nname = 'a b'").contains("`cookie.name`"));
    assert!(error("[cookie]\npath = 'shop'").contains("`cookie.path`"));
    assert!(error("[cookie]\nname = 'a'\ndomain = 'a b'").contains("`cookie.domain`"));
    assert!(error("[cookie]\npartitioned = true").contains("`cookie.partitioned`"));
    assert!(
        error("development_over_plain_http = true\n[cookie]\nsame_site = 'none'")
            .contains("`cookie.same_site`")
    );
    let name = "[cookie]\nname = '__Http-a'\n";
    read::<PasetoSessionConfig>(name).build().unwrap();
    assert!(error(&format!("{name}http_only = false")).contains("`cookie.name`"));
    let shown = format!("{:?}", read::<PasetoSessionConfig>("application = 'shop'").into_builder());
    assert!(shown.contains(r#"application: "shop""#), "{shown}");
}

/// Asserts that a setting changes the builder as expected. `Debug` of a builder shows each setting.
fn assert_reaches(found: &impl Debug, expected: &impl Debug, default: &impl Debug) {
    let [found, expected, default] =
        [found as &dyn Debug, expected, default].map(|builder| format!("{builder:?}"));
    assert_eq!(found, expected);
    assert_ne!(found, default);
}

#[test]
fn each_setting_of_remembered_logins_reaches_the_builder() {
    let builder = || RememberMe::builder(key());
    let minute = Duration::from_secs(60);
    for (text, expected) in [
        ("application = 'shop'", builder().application("shop")),
        ("lifetime = '1m'", builder().lifetime(minute)),
        ("check_user = '1m'", builder().check_user(minute)),
        ("session_protection = 'strong'", builder().session_protection(SessionProtection::Strong)),
        ("other_session_middleware = true", builder().other_session_middleware()),
        (
            "trusted_origins = ['https://a', 'https://b']",
            builder().trusted_origin("https://a").trusted_origin("https://b"),
        ),
        ("development_over_plain_http = true", builder().development_over_plain_http()),
        ("cookie = { name = 'a' }", builder().cookie(CookieConfig::new().name("a"))),
        ("cookie = { path = '/a' }", builder().cookie(CookieConfig::new().path("/a"))),
        ("cookie = { domain = 'a.b' }", builder().cookie(CookieConfig::new().domain("a.b"))),
        (
            "cookie = { same_site = 'strict' }",
            builder().cookie(CookieConfig::new().same_site(SameSite::Strict)),
        ),
        ("cookie = { http_only = false }", builder().cookie(CookieConfig::new().http_only(false))),
        (
            "cookie = { partitioned = true }",
            builder().cookie(CookieConfig::new().partitioned(true)),
        ),
    ] {
        assert_reaches(&read::<RememberMeConfig>(text).into_builder(), &expected, &builder());
    }
}

#[test]
fn each_setting_of_refresh_tokens_reaches_the_builder() {
    let clock = TestClock::new();
    let issuer = || issuer_builder(&clock).build().unwrap();
    let builder = || RefreshTokens::builder(issuer(), key());
    let minute = Duration::from_secs(60);
    for (text, expected) in [
        ("application = 'shop'", builder().application("shop")),
        ("access_ttl = '1m'", builder().access_ttl(minute)),
        ("lifetime = '1m'", builder().lifetime(minute)),
        ("grace_period = '1m'", builder().grace_period(minute)),
    ] {
        assert_reaches(
            &read::<RefreshTokensConfig>(text).into_builder(issuer()),
            &expected,
            &builder(),
        );
    }
}

#[test]
fn each_setting_of_a_verifier_reaches_the_builder() {
    let builder = || Verifier::builder().trust(ISSUER, keys::public());
    for (text, expected) in [
        ("leeway = '1m'", builder().leeway(Duration::from_secs(60))),
        ("audience = ['a', 'b']", builder().audience("a").audience("b")),
        ("accept_any_audience = true", builder().accept_any_audience()),
        ("format = 'cbor'", builder().format(Format::Cbor)),
        ("realm = 'shop'", builder().realm("shop")),
        ("resource_metadata = 'https://a/b'", builder().resource_metadata("https://a/b")),
        ("trusted_origins = 'https://a'", builder().trusted_origin("https://a")),
    ] {
        let text = format!("iss = {ISSUER:?}\npublic_keys = {:?}\n{text}", keys::PUBLIC_PASERK);
        let config: VerifierConfig = toml::from_str(&text).unwrap();
        assert_reaches(&config.into_builder(), &expected, &builder());
    }
}

#[test]
fn debug_of_session_and_login_settings_contains_no_key() {
    let shown = format!(
        "{:?} {:?} {:?}",
        read::<PasetoSessionConfig>(""),
        read::<RememberMeConfig>(""),
        read::<RefreshTokensConfig>("")
    );
    assert_eq!(shown.matches(key().kid()).count(), 3, "{shown}");
    assert!(!shown.contains(&LOCAL_PASERK[9..20]));
}
