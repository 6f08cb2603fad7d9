//! Tokens that the server must reject without its store.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use paseto_actix::keys::KeySchedule;
use paseto_actix::time::OffsetDateTime;
use paseto_actix::{Issuer, SecretKey};
use serde_json::json;

use crate::World;
use crate::client::Client;
use crate::counts::Kind;
use crate::requests::Request;
use crate::rules::Expected;
use crate::worker::changed;

/// The issuer and the audience of the example.
const ISSUER: &str = "https://noticeboard.example";
const OTHER: &str = "https://other.example";
/// The time after which the tokens are made again, with the key that is then active.
const MAX_AGE: Duration = Duration::from_secs(30);
/// More bytes than a token may have.
const TOO_LONG: usize = 9_000;

/// Sends bad tokens until the end of the program.
pub(crate) fn run(world: &World, client: &mut Client<'_>) -> Result<(), String> {
    while !world.is_over() {
        let start = Instant::now();
        let tokens = tokens(&world.key_file).map_err(|error| error.to_string())?;
        while start.elapsed() < MAX_AGE && !world.is_over() {
            let index = client.random.below(tokens.len() as u64 + 1) as usize;
            let Some((kind, token)) = tokens.get(index) else {
                let request = Request::get("/api/notices");
                client.send(Kind::MissingToken, &request, Expected::Invalid(401));
                continue;
            };
            let token = match kind {
                Kind::ChangedToken => changed(token, client.random.below(20)),
                _ => token.clone(),
            };
            let request = Request::get("/api/notices").token(&token);
            client.send(*kind, &request, Expected::Invalid(401));
        }
    }
    Ok(())
}

/// Returns tokens that are valid except for one property.
fn tokens(key_file: &Path) -> Result<Vec<(Kind, String)>, Box<dyn Error>> {
    let schedule = KeySchedule::from_json(&fs::read_to_string(key_file)?)?;
    let now = OffsetDateTime::now_utc();
    let key: &SecretKey = schedule.active(now);
    let past = now - Duration::from_secs(24 * 60 * 60);
    let token = |issuer: &str, audience: &str, key: &SecretKey, now: OffsetDateTime| {
        let issuer = Issuer::builder(issuer).key(key.clone()).audience(audience).clock(move || now);
        let issuer = issuer.build()?;
        let claims = json!({});
        let token = issuer.token(&claims).subject("foo@bar.example");
        Ok::<_, Box<dyn Error>>(token.scopes(["notices:write"]).issue()?)
    };
    Ok(vec![
        (Kind::ChangedToken, token(ISSUER, ISSUER, key, now)?),
        (Kind::ExpiredToken, token(ISSUER, ISSUER, key, past)?),
        (Kind::OtherAudience, token(ISSUER, OTHER, key, now)?),
        (Kind::OtherIssuer, token(OTHER, ISSUER, key, now)?),
        (Kind::UnknownKey, token(ISSUER, ISSUER, &SecretKey::generate(), now)?),
        (Kind::Garbage, "v4.public.garbage".to_owned()),
        (Kind::TooLongToken, format!("v4.public.{}", "A".repeat(TOO_LONG))),
    ])
}
