//! The settings in the first TOML block of the guide chapter about settings.

use actix_web::cookie::SameSite;
use paseto_actix::LocalKey;
use paseto_actix::issuer::IssuerConfig;
use paseto_actix::session::PasetoSessionConfig;
use paseto_actix::verifier::VerifierConfig;
use paseto_actix_tests::app::assert_accepted;
use paseto_actix_tests::keys::{PUBLIC_PASERK, SECRET_PASERK};
use serde::Deserialize;

#[derive(Deserialize)]
struct Config {
    issuer: IssuerConfig,
    verifier: VerifierConfig,
    session: PasetoSessionConfig,
}

#[actix_web::test]
async fn settings_of_the_guide_build_and_work_together() {
    let chapter = include_str!("../../paseto-actix/docs/settings.md");
    let (_, rest) = chapter.split_once("```toml\n").unwrap();
    let (settings, _) = rest.split_once("```").unwrap();
    // The file and the environment variable of the chapter do not exist here.
    let settings = settings
        .replace("{ file = \"/run/secrets/paseto.key\" }", &format!("\"{SECRET_PASERK}\""))
        .replace("{ env = \"COOKIE_KEY\" }", &format!("\"{}\"", *LocalKey::generate().to_paserk()))
        .replace("k4.public.…", PUBLIC_PASERK);
    let config: Config = toml::from_str(&settings).unwrap();
    assert_eq!(config.session.cookie.same_site, SameSite::Strict);
    config.session.build().unwrap();
    let token = config.issuer.build().unwrap().issue(&serde_json::json!({})).unwrap();
    assert_accepted(&config.verifier.build().unwrap(), &token).await;
}
