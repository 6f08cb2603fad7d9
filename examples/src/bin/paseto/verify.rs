//! `paseto verify`: verifies a token and prints its claims.

use paseto_actix::error::VerifyErrorKind;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::input;
use crate::options::Options;
use crate::report::{Report, pretty, printable};
use crate::unverified::content;

pub(crate) fn run(options: &Options) -> Result<Report, Failure> {
    input::reject_two_inputs(options, &["token-file", "config"])?;
    let verifier = input::verifier(options)?
        .build()
        .map_err(|error| Failure::Environment(error.to_string()))?;
    let token = match verifier.verify_str(&input::token(options)?) {
        Ok(token) => token,
        Err(error) => {
            let reason = printable(&error.to_string());
            let json = json!({
                "verified": false,
                "kind": error.kind().as_str(),
                "reason": reason,
            });
            return Ok(Report {
                notes: vec![format!("rejected: {reason}")],
                exit_code: 1,
                ..Report::new(String::new(), json)
            });
        }
    };
    let claims: Value = token.claims().map_err(|error| {
        debug_assert_eq!(error.kind(), VerifyErrorKind::UnexpectedClaims);
        Failure::Environment("the claims have no form in JSON".to_owned())
    })?;
    Ok(Report::new(
        format!("{}\n", pretty(&claims)),
        json!({
            "verified": true,
            "issuer": token.issuer(),
            "kid": token.kid(),
            "footer": content(token.footer()),
            "claims": claims,
        }),
    ))
}
