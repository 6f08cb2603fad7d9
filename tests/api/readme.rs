//! What the README shows, as it stands there.

use paseto_actix::{IssuerConfig, VerifierConfig};
use paseto_actix_tests::{
    app::assert_accepted,
    keys::{PUBLIC_PASERK, SECRET_PASERK},
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Config {
    issuer: IssuerConfig,
    verifier: VerifierConfig,
}

#[actix_web::test]
async fn the_settings_of_the_readme_go_together() {
    let readme = include_str!("../../README.md");
    let (_, rest) = readme.split_once("```json\n").unwrap();
    let (settings, _) = rest.split_once("```").unwrap();
    let settings = settings.replace("k4.secret.…", SECRET_PASERK).replace("k4.public.…", PUBLIC_PASERK);
    let config: Config = serde_json::from_str(&settings).unwrap();
    let token = config.issuer.build().unwrap().issue(&serde_json::json!({})).unwrap();
    assert_accepted(&config.verifier.build().unwrap(), &token).await;
}
