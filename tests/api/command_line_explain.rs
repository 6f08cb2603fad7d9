//! Tests `paseto explain` with a token for each rule that can reject it.

use paseto_actix_tests::ISSUER;
use paseto_actix_tests::command_line::CommandLine;
use paseto_actix_tests::keys::{PUBLIC_PASERK, SECRET_PASERK, secret};
use paseto_actix_tests::parts::sign;
use serde_json::{Value, json};

/// A time in the future of this program.
const EXP: &str = "2999-01-01T00:00:00Z";

struct Case {
    payload: String,
    footer: String,
}

/// A token that the settings accept.
fn good() -> Case {
    Case {
        payload: format!(r#"{{"iss":"{ISSUER}","exp":"{EXP}"}}"#),
        footer: json!({ "kid": secret().kid() }).to_string(),
    }
}

fn with_payload(payload: impl Into<String>) -> Case {
    Case { payload: payload.into(), ..good() }
}

fn with_claims(rest: &str) -> Case {
    with_payload(format!(r#"{{"iss":"{ISSUER}","exp":"{EXP}",{rest}}}"#))
}

impl Case {
    fn without_kid(self) -> Self {
        Self { footer: String::new(), ..self }
    }

    fn token(&self) -> String {
        sign(&secret(), self.payload.as_bytes(), self.footer.as_bytes(), b"")
    }
}

fn explain(token: &str) -> (i32, Value) {
    let program = CommandLine::new();
    program.write(
        "paseto.toml",
        &format!(
            "[verifier]\niss = \"{ISSUER}\"\npublic_keys = [\"{PUBLIC_PASERK}\"]\n\
             audience = [\"https://api.example\"]\n"
        ),
    );
    let printed = program.run_with(&["explain", "-", "--config", "paseto.toml", "--json"], token);
    assert!(
        !printed.contains("AAAAAAAAAAAAAAAA") && !printed.contains("k4.secret.t"),
        "{printed:?}"
    );
    (printed.code, printed.json())
}

/// Checks the rule that rejects a token, and the status of all rules.
fn assert_rejected(token: &str, rule: &str, kind: &str, found: Option<&str>) {
    let (code, output) = explain(token);
    assert_eq!(code, 1, "{rule} {output:#}");
    assert_eq!(output["verified"], false, "{rule} {output:#}");
    assert_eq!(output["kind"], kind, "{rule} {output:#}");
    let reason = output["reason"].as_str().unwrap();
    assert!(reason.starts_with(&format!("{kind}: ")), "{rule} {reason}");
    let rules = output["rules"].as_array().unwrap();
    let rejecting = rules.iter().position(|line| line["rule"] == rule).expect("the rule");
    assert_eq!(rules[rejecting]["found"], json!(found), "{rule} {output:#}");
    for (index, line) in rules.iter().enumerate() {
        let name = line["rule"].as_str().unwrap();
        let expected = match name {
            "request" | "checks" | "revocation" | "async checks" | "handler" => "not applicable",
            _ if index < rejecting => "passed",
            _ if index == rejecting => "rejected",
            _ => "not checked",
        };
        assert_eq!(line["status"], expected, "{rule}: {name}");
        assert!(!line["expected"].as_str().unwrap().is_empty(), "{rule}: {name}");
    }
}

#[test]
fn accepted_token_passes_each_rule() {
    let accepted = with_claims(r#""aud":"https://api.example""#);
    let with_kid = ["key", "signature", "claims", "issuer"];
    let without_kid = ["claims", "issuer", "key", "signature"];
    for (token, order) in
        [(accepted.token(), with_kid), (accepted.without_kid().token(), without_kid)]
    {
        let (code, output) = explain(&token);
        let names = [3, 4, 5, 6].map(|index| output["rules"][index]["rule"].as_str().unwrap());
        assert_eq!(names, order);
        assert_eq!((code, &output["verified"]), (0, &json!(true)), "{output:#}");
        let rules = output["rules"].as_array().unwrap();
        let passed = rules.iter().filter(|line| line["status"] == "passed").count();
        assert_eq!((rules.len(), passed), (14, 9), "{output:#}");
    }
}

#[test]
fn strings_that_are_no_tokens_break_the_format() {
    let found = |found: &'static str| Some(found);
    assert_rejected("", "format", "unsupported_token", found("another string, 0 bytes"));
    assert_rejected(
        "AAAAAAAAAAAAAAAA",
        "format",
        "unsupported_token",
        found("another string, 16 bytes"),
    );
    assert_rejected("v4.local.AAAA", "format", "unsupported_token", found("`v4.local`, 13 bytes"));
    assert_rejected("v4.public.AAAA", "format", "malformed", found("`v4.public`, 14 bytes"));
    assert_rejected("v4.public.=", "format", "malformed", found("`v4.public`, 11 bytes"));
    let trailing_dot = format!("{}.", good().without_kid().token());
    let length = format!("`v4.public`, {} bytes", trailing_dot.len());
    assert_rejected(&trailing_dot, "format", "malformed", Some(&length));
    let long = with_claims(&format!(r#""a":"{}""#, "a".repeat(8192))).token();
    let length = format!("`v4.public`, {} bytes", long.len());
    assert_rejected(&long, "format", "malformed", Some(&length));
}

/// The claims are not broken, although the library also reports a signature with a large `S` as
/// malformed.
#[test]
fn malformed_signature_breaks_the_format() {
    use paseto_actix_tests::parts::{join, split};

    let (mut body, footer) = split(&good().token());
    let length = body.len();
    body[length - 32..].fill(0xff);
    let token = join(&body, &footer);
    let found = format!("`v4.public`, {} bytes", token.len());
    assert_rejected(&token, "format", "malformed", Some(&found));
}

#[test]
fn malformed_footer_is_rejected_before_malformed_claims() {
    let broken = Case { footer: r#"{"kid":1}"#.to_owned(), ..with_payload("[]") };
    assert_rejected(&broken.token(), "footer", "malformed", Some("a map"));
    let long = Case { footer: "f".repeat(1025), ..good() };
    assert_rejected(&long.token(), "footer", "malformed", Some("1025 bytes"));
    let nested = Case { footer: r#"{"a":{"b":1}}"#.to_owned(), ..good() };
    assert_rejected(&nested.token(), "footer", "malformed", Some("a map"));
}

#[test]
fn unknown_key_and_wrong_signature_are_two_rules() {
    let stranger = "k4.pid.AAAAAAAAAAAAAAA-stranger";
    let other = Case { footer: json!({ "kid": stranger }).to_string(), ..good() };
    assert_rejected(&other.token(), "key", "unknown_key", Some(&format!("`{stranger}`")));

    let case = with_claims(r#""aud":"https://api.example""#);
    let wrong = |case: &Case| {
        let (payload, footer) = (case.payload.as_bytes(), case.footer.as_bytes());
        sign(&secret(), payload, footer, b"another implicit assertion")
    };
    assert_rejected(&wrong(&case), "signature", "bad_signature", None);
    assert_rejected(&wrong(&case.without_kid()), "key", "unknown_key", Some("no key ID"));
}

#[test]
fn malformed_claims_are_rejected() {
    for case in [
        with_payload("[]"),
        with_claims(r#""sub":1"#),
        with_claims(r#""a":1,"a":2"#),
        with_payload("\u{1b}[31m"),
    ] {
        let object = serde_json::from_str::<Value>(&case.payload).ok();
        let claims = object.as_ref().and_then(Value::as_object).map(|map| map.len());
        let found = claims.map(|claims| format!("{claims} claims"));
        assert_rejected(&case.token(), "claims", "malformed", found.as_deref());
        assert_rejected(&case.without_kid().token(), "claims", "malformed", found.as_deref());
    }
}

#[test]
fn untrusted_and_missing_issuers_are_rejected() {
    let other = || with_payload(format!(r#"{{"iss":"https://a/","exp":"{EXP}"}}"#));
    let none = || with_payload(format!(r#"{{"exp":"{EXP}"}}"#));
    let found = Some("`iss` \"https://a/\"");
    assert_rejected(&other().token(), "issuer", "untrusted_issuer", found);
    assert_rejected(&other().without_kid().token(), "issuer", "untrusted_issuer", found);
    assert_rejected(&none().token(), "issuer", "missing_claim", Some("no `iss`"));
    assert_rejected(&none().without_kid().token(), "issuer", "missing_claim", Some("no `iss`"));
}

#[test]
fn wrong_times_are_rejected() {
    let expired = with_payload(format!(r#"{{"iss":"{ISSUER}","exp":"2020-01-01T00:00:00Z"}}"#));
    let found = Some("`exp` \"2020-01-01T00:00:00Z\"");
    assert_rejected(&expired.token(), "expiry", "expired", found);
    let endless = with_payload(format!(r#"{{"iss":"{ISSUER}"}}"#));
    assert_rejected(&endless.token(), "expiry", "missing_claim", Some("no `exp`"));
    for claim in ["nbf", "iat"] {
        let early = with_claims(&format!(r#""{claim}":"{EXP}""#)).token();
        let found = ["nbf", "iat"].map(|name| {
            if name == claim { format!("`{name}` \"{EXP}\"") } else { format!("no `{name}`") }
        });
        assert_rejected(&early, "not before", "not_yet_valid", Some(&found.join(", ")));
    }
}

#[test]
fn wrong_audience_is_rejected_with_the_expected_audience() {
    let other = with_claims(r#""aud":"https://other.example""#).token();
    let found = Some("`aud` \"https://other.example\"");
    assert_rejected(&other, "audience", "wrong_audience", found);
    assert_rejected(&good().token(), "audience", "wrong_audience", Some("no `aud`"));
    let (_, output) = explain(&other);
    let rules = output["rules"].as_array().unwrap();
    let audience = rules.iter().find(|line| line["rule"] == "audience").unwrap();
    assert_eq!(audience["expected"], "`https://api.example`");
}

/// The enum is `#[non_exhaustive]`, so the compiler does not find a kind without a rule. The test
/// is not in the example, because users copy the folder of the example without the library.
#[test]
fn each_kind_of_error_has_a_rule() {
    let library = include_str!("../../paseto-actix/src/error/verify_error_kind.rs");
    let rules = include_str!("../../examples/src/bin/paseto/rules.rs");
    let (_, rules) = rules.split_once("fn rule_of_kind").unwrap();
    let of_kinds: Vec<_> = rules
        .split(|c: char| !(c.is_alphanumeric() || c == ':'))
        .filter_map(|word| word.strip_prefix("Kind::"))
        .collect();
    let kinds = library.lines().filter_map(|line| line.trim().strip_prefix("Self::"));
    let kinds: Vec<_> = kinds.filter_map(|line| Some(line.split_once(" => \"")?.0)).collect();
    assert!(kinds.len() >= 20, "{kinds:?}");
    for kind in kinds {
        let count = of_kinds.iter().filter(|other| **other == kind).count();
        assert_eq!(count, usize::from(kind != "Misconfigured"), "{kind}");
    }
}

/// The program sends no requests: the result must not depend on the network.
#[test]
fn settings_with_remote_keys_are_rejected() {
    let program = CommandLine::new();
    let remote = "remote_keys = \"https://issuer.example/keys.json\"\n";
    program.write("keys.toml", &format!("[verifier]\niss = \"{ISSUER}\"\n{remote}"));
    for command in ["verify", "explain"] {
        let printed = program.run(&[command, &good().token(), "--config", "keys.toml"]);
        assert_eq!((printed.code, &*printed.stdout), (3, ""), "{printed:?}");
        assert!(printed.stderr.contains("remove `remote_keys`"), "{printed:?}");
        assert!(!printed.contains("issuer.example/keys"), "{printed:?}");
    }
}

/// The text for people has the same content, one line for each rule.
#[test]
fn text_contains_the_rejecting_rule_and_escapes_the_claims() {
    let program = CommandLine::new();
    program
        .write("keys.toml", &format!("iss = \"{ISSUER}\"\npublic_keys = [\"{PUBLIC_PASERK}\"]\n"));
    let token =
        with_payload("{\"iss\":\"\u{9b}31m\u{202e}\",\"exp\":\"2999-01-01T00:00:00Z\"}").token();
    let printed = program.run(&["explain", &token, "--config", "keys.toml"]);
    assert_eq!(printed.code, 1, "{printed:?}");
    assert_eq!(printed.stdout.lines().count(), 15, "{printed:?}");
    assert!(printed.stdout.is_ascii(), "{printed:?}");
    let rejected: Vec<_> =
        printed.stdout.lines().filter(|line| line.contains("  rejected  ")).collect();
    assert_eq!(rejected.len(), 1, "{printed:?}");
    assert!(rejected[0].contains("issuer") && rejected[0].contains(ISSUER), "{rejected:?}");
    assert!(printed.stdout.contains("\nrejected: untrusted_issuer: expected "), "{printed:?}");
    assert!(!printed.contains(SECRET_PASERK));
}
