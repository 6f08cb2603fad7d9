//! `paseto explain`: shows each rule of a `Verifier`, and the rule that rejects a token.

use paseto_actix::clock::{Clock, SystemClock};
use paseto_actix::time::{Duration, OffsetDateTime};
use paseto_actix::verifier::VerifierConfig;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::input;
use crate::options::Options;
use crate::report::{Report, printable};
use crate::rules::{Evidence, Rule, rule_of};
use crate::times;
use crate::unverified::{Unverified, map};

/// One rule in the output.
struct Line {
    rule: Rule,
    status: &'static str,
    expected: String,
    found: Option<String>,
}

pub(crate) fn run(options: &Options) -> Result<Report, Failure> {
    input::reject_two_inputs(options, &["token-file", "config"])?;
    let fails = |error: paseto_actix::ConfigError| Failure::Environment(error.to_string());
    let config = input::verifier(options)?;
    let verifier = config.clone().build().map_err(fails)?;
    let text = input::token(options)?;
    let error = verifier.verify_str(&text).err();

    let token = Unverified::parse(&text).filter(|token| token.payload.is_some());
    let read = |bytes: &[u8]| map(bytes, config.format);
    let facts = Facts {
        text: &text,
        footer_len: token.as_ref().map(|token| token.footer.len()),
        footer: token.as_ref().and_then(|token| read(&token.footer)),
        claims: token.as_ref().and_then(|token| read(token.payload.as_deref()?)),
    };
    let problems = match &token {
        Some(token) => (
            token.footer_problem(config.format).map_err(fails)?,
            token.claims_problem(config.format).map_err(fails)?,
        ),
        None => (None, None),
    };
    let evidence = Evidence {
        has_issuer: facts.claim("iss").is_some(),
        footer_problem: problems.0.as_deref(),
        claims_problem: problems.1.as_deref(),
    };
    let rejecting = error.as_ref().and_then(|error| rule_of(error, &evidence));

    let now = SystemClock.now();
    let has_kid = facts.kid().is_some_and(|kid| kid.starts_with("k4.pid."));
    let mut is_reached = true;
    let mut lines = Vec::new();
    for rule in Rule::in_order(has_kid).iter().copied() {
        let is_rejecting = rejecting == Some(rule);
        let status = match rule {
            _ if is_rejecting => "rejected",
            _ if rule.needs_application() => "not applicable",
            _ if !is_reached => "not checked",
            // The kind of the error is of a later release of the library.
            _ if error.is_some() && rejecting.is_none() => "unknown",
            _ => "passed",
        };
        is_reached &= !is_rejecting;
        let found = facts.found(rule);
        lines.push(Line { rule, status, expected: expected(rule, &config, now), found });
    }
    let reason = error.as_ref().map(|error| printable(&error.to_string()));
    Ok(report(&lines, reason, error.as_ref().map(|error| error.kind().as_str())))
}

fn report(lines: &[Line], reason: Option<String>, kind: Option<&str>) -> Report {
    let mut text = String::new();
    for (number, line) in (1..).zip(lines) {
        let (name, status) = (line.rule.name(), line.status);
        let found = line.found.as_ref().map(|found| format!("; found {found}")).unwrap_or_default();
        let detail = printable(&format!("expected {}{found}", line.expected));
        text += &format!("{number:>2}. {name:<12}  {status:<14}  {detail}\n");
    }
    text += &reason.as_ref().map_or_else(
        || "accepted, if the application accepts it\n".to_owned(),
        |reason| format!("rejected: {reason}\n"),
    );
    let rules: Vec<Value> = lines
        .iter()
        .map(|line| {
            json!({
                "rule": line.rule.name(),
                "status": line.status,
                "expected": line.expected,
                "found": line.found,
            })
        })
        .collect();
    let verified = reason.is_none();
    let json = json!({ "verified": verified, "kind": kind, "reason": reason, "rules": rules });
    Report { exit_code: u8::from(!verified), ..Report::new(text, json) }
}

/// What a rule requires.
fn expected(rule: Rule, config: &VerifierConfig, now: OffsetDateTime) -> String {
    let format = match config.format {
        paseto_actix::token::Format::Cbor => "CBOR",
        _ => "JSON",
    };
    let leeway = Duration::try_from(config.leeway).unwrap_or_default();
    match rule {
        Rule::Request => {
            "one token in the request; if it is in a cookie, an allowed origin".to_owned()
        }
        Rule::Format => "`v4.public` in base64url without padding, at most 8,192 bytes".to_owned(),
        Rule::Footer => {
            format!("no footer, a flat map in {format}, or opaque bytes; at most 1,024 bytes")
        }
        Rule::Key => list(config.public_keys.iter().map(|trusted| trusted.key.kid())),
        Rule::Signature => "a signature of the key".to_owned(),
        Rule::Claims => {
            format!("a map in {format} with unique keys; registered claims of their types")
        }
        Rule::Issuer => list(config.public_keys.iter().map(|trusted| trusted.iss.as_str())),
        Rule::Expiry => {
            format!("`exp` at or after {}", times::text(now.saturating_sub(leeway)))
        }
        Rule::NotBefore => {
            format!("`nbf` and `iat` at or before {}", times::text(now.saturating_add(leeway)))
        }
        Rule::Audience if config.accept_any_audience => "any `aud`, or no `aud`".to_owned(),
        Rule::Audience if config.audience.is_empty() => "no `aud`".to_owned(),
        Rule::Audience => list(config.audience.iter().map(String::as_str)),
        Rule::Checks => "no objection of `check`, in the order of the builder".to_owned(),
        Rule::Revocation => "no revocation in the store".to_owned(),
        Rule::AsyncChecks => "no objection of `check_async`".to_owned(),
        Rule::Handler => "the scopes, the login and the claims of the handler".to_owned(),
    }
}

/// Returns "`a` or `b`". Keys of one issuer repeat its name, so duplicates are removed.
fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut quoted = Vec::new();
    for name in names.map(|name| format!("`{name}`")) {
        if !quoted.contains(&name) {
            quoted.push(name);
        }
    }
    quoted.join(" or ")
}

/// The content of the token, before its signature is verified.
struct Facts<'a> {
    text: &'a str,
    footer_len: Option<usize>,
    footer: Option<Value>,
    claims: Option<Value>,
}

impl Facts<'_> {
    fn kid(&self) -> Option<&str> {
        self.footer.as_ref()?.get("kid")?.as_str()
    }

    fn claim(&self, name: &str) -> Option<&Value> {
        self.claims.as_ref()?.get(name)
    }

    /// Describes the part of the token that a rule reads.
    fn found(&self, rule: Rule) -> Option<String> {
        let quoted = |name| {
            self.claim(name)
                .map_or_else(|| format!("no `{name}`"), |value| format!("`{name}` {value}"))
        };
        match rule {
            Rule::Format => {
                // The rest can be a secret: users also pass keys and tokens of other systems.
                let known = ["v4.public.", "v4.local.", "v3.", "v2.", "v1."].into_iter();
                let header = known.into_iter().find(|header| self.text.starts_with(header));
                let length = self.text.len();
                Some(match header {
                    Some(header) => format!("`{}`, {length} bytes", header.trim_end_matches('.')),
                    None => format!("another string, {length} bytes"),
                })
            }
            Rule::Footer => Some(match (self.footer_len?, &self.footer) {
                (0, _) => "no footer".to_owned(),
                (_, Some(_)) => "a map".to_owned(),
                (length, None) => format!("{length} bytes"),
            }),
            Rule::Key if self.footer_len.is_some() => {
                Some(self.kid().map_or_else(|| "no key ID".to_owned(), |kid| format!("`{kid}`")))
            }
            Rule::Claims => {
                self.claims.as_ref()?.as_object().map(|map| format!("{} claims", map.len()))
            }
            Rule::Issuer if self.claims.is_some() => Some(quoted("iss")),
            Rule::Expiry if self.claims.is_some() => Some(quoted("exp")),
            Rule::NotBefore if self.claims.is_some() => {
                Some(format!("{}, {}", quoted("nbf"), quoted("iat")))
            }
            Rule::Audience if self.claims.is_some() => Some(quoted("aud")),
            _ => None,
        }
    }
}
