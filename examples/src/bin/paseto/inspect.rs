//! `paseto inspect`: shows the parts of a token without a verification.

use serde_json::{Value, json};

use crate::failure::Failure;
use crate::input;
use crate::options::Options;
use crate::report::{Report, pretty, printable};
use crate::unverified::{Unverified, content, detect_format, problem};

const WARNING: &str = "WARNING: nothing is verified. Any person can create a token with this \
                       content. `paseto verify` verifies a token.";

pub(crate) fn run(options: &Options) -> Result<Report, Failure> {
    let text = input::token(options)?;
    let fails = |error: paseto_actix::ConfigError| Failure::Environment(error.to_string());
    let Some(token) = Unverified::parse(&text) else {
        let problem = problem(&text, detect_format(b"{}")).map_err(fails)?;
        return Err(Failure::Rejected(problem.unwrap_or_else(|| "not a token".to_owned())));
    };
    let footer = content(&token.footer);
    let claims = token.payload.as_deref().map(content);
    let format = detect_format(token.payload.as_deref().unwrap_or(&token.footer));
    let malformed = match &token.payload {
        // The whole token first: the library then also checks the signature's form.
        Some(_) => problem(&text, format)
            .and_then(|problem| Ok(problem.or(token.claims_problem(format)?)))
            .map_err(fails)?,
        None => None,
    };

    let mut output = format!("header  {}\nfooter  {}\n", token.header, pretty(&footer));
    output += &match &claims {
        Some(claims) => format!("claims  {}\n", pretty(claims)),
        None => "claims  encrypted\n".to_owned(),
    };
    let mut notes = vec![WARNING.to_owned()];
    if let Some(problem) = &malformed {
        notes.push(format!("Each verifier rejects this token: {}", printable(problem)));
    }
    let mut report = Report::new(
        output,
        json!({
            "verified": false,
            "header": token.header,
            "footer": footer,
            "claims": claims.unwrap_or(Value::Null),
            "problem": malformed,
        }),
    );
    report.notes = notes;
    Ok(report)
}
