//! `paseto issue`: issues a token with the settings of an `Issuer`.

use serde_json::{Map, Value, json};

use crate::failure::Failure;
use crate::input;
use crate::options::Options;
use crate::report::Report;
use crate::times;

pub(crate) fn run(options: &Options) -> Result<Report, Failure> {
    let ttl = times::duration(options, "ttl")?;
    let (subject, audience) = (options.text("sub")?, options.text("aud")?);
    let scopes = options.texts("scope")?;
    input::reject_two_inputs(options, &["config", "claims"])?;
    let issuer =
        input::issuer(options)?.build().map_err(|error| Failure::Environment(error.to_string()))?;
    let claims = match options.path("claims")? {
        Some(path) => serde_json::from_str(&input::read(&path)?).map_err(|error| {
            let problem = "expected a JSON object with claims";
            let (line, column) = (error.line(), error.column());
            Failure::of_file(&path, format!("{problem}: line {line}, column {column}"))
        })?,
        None => Map::new(),
    };

    let mut token = issuer.token(&claims);
    if let Some(ttl) = ttl {
        token = token.ttl(ttl);
    }
    if let Some(subject) = subject {
        token = token.subject(subject);
    }
    if let Some(audience) = audience {
        token = token.audience(audience);
    }
    if !scopes.is_empty() {
        token = token.scopes(scopes);
    }
    let token = token.issue().map_err(|error| Failure::Usage(error.to_string()))?;
    Ok(Report::new(format!("{token}\n"), json!({ "token": Value::String(token) })))
}
