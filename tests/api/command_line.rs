//! Tests the command line `paseto`: its arguments, and the commands for tokens.

use paseto_actix_tests::ISSUER;
use paseto_actix_tests::command_line::CommandLine;
use paseto_actix_tests::keys::{LOCAL_PASERK, PUBLIC_PASERK, SECRET_PASERK, secret};
use paseto_actix_tests::parts::{sign, tampered};
use serde_json::{Value, json};

/// The settings of an issuer and of its verifier.
fn settings() -> String {
    format!(
        "[issuer]\niss = \"{ISSUER}\"\nprivate_keys = [\"{SECRET_PASERK}\"]\n\
         [verifier]\niss = \"{ISSUER}\"\npublic_keys = [\"{PUBLIC_PASERK}\"]\n"
    )
}

fn with_settings() -> CommandLine {
    let program = CommandLine::new();
    program.write("paseto.toml", &settings());
    program
}

fn token(program: &CommandLine) -> String {
    let printed = program.run(&["issue", "--config", "paseto.toml", "--sub", "ada"]);
    assert_eq!((printed.code, &*printed.stderr), (0, ""), "{printed:?}");
    printed.stdout.trim_end().to_owned()
}

#[test]
fn issued_token_has_the_claims_of_the_options_and_of_the_file() {
    let program = with_settings();
    program.write("claims.json", r#"{"email": "ada@example.org"}"#);
    let options = [
        ["issue", "--config", "paseto.toml"].as_slice(),
        &["--sub=user:17", "--aud", "https://api.example", "--ttl", "90s"],
        &["--scope", "read", "--scope", "write", "--claims", "claims.json"],
    ];
    let issued = program.json(&options.concat());
    let token = issued["token"].as_str().unwrap();
    let inspected = program.json(&["inspect", token]);
    let claims = &inspected["claims"];
    assert_eq!(claims["sub"], "user:17");
    assert_eq!(claims["aud"], "https://api.example");
    assert_eq!(claims["scope"], "read write");
    assert_eq!(claims["email"], "ada@example.org");
    let time = |name: &str| {
        let format = time::format_description::well_known::Rfc3339;
        time::OffsetDateTime::parse(claims[name].as_str().unwrap(), &format).unwrap()
    };
    assert_eq!(time("exp") - time("iat"), time::Duration::seconds(90));
}

#[test]
fn claims_and_tokens_are_read_from_the_standard_input() {
    let program = with_settings();
    let options = ["issue", "--config", "paseto.toml", "--claims", "-"];
    let token = program.run_with(&options, r#"{"plan": "pro"}"#).stdout;
    assert!(token.ends_with('\n'), "{token:?}");
    let printed = program.run_with(&["verify", "-", "--config", "paseto.toml"], &token);
    assert_eq!(printed.json()["plan"], "pro");
    program.write("token", &token);
    let from_file = ["verify", "--token-file", "token", "--config", "paseto.toml"];
    assert_eq!(program.run(&from_file).stdout, printed.stdout);
}

#[test]
fn claims_that_an_issuer_rejects_are_wrong_arguments() {
    let program = with_settings();
    let issue = ["issue", "--config", "paseto.toml"];
    let cases: [(&[&str], &str, i32, &str); 6] = [
        (&["--scope", "a b"], "", 2, "scope"),
        (&["--ttl", "0s"], "", 2, "expected 1 second to 100 years"),
        (&["--ttl=-5m"], "", 2, "`--ttl`: expected a number with the unit"),
        (&["--ttl", "90"], "", 2, "`--ttl`: expected a number with the unit"),
        (&["--claims", "-"], r#"{"exp": "later"}"#, 2, "`exp`"),
        (&["--claims", "-"], "[]", 3, "expected a JSON object"),
    ];
    for (options, input, code, problem) in cases {
        let printed = program.run_with(&[&issue, options].concat(), input);
        assert_eq!(printed.code, code, "{options:?} {printed:?}");
        assert!(printed.stderr.contains(problem), "{options:?} {printed:?}");
        assert_eq!(printed.stdout, "", "{options:?}");
    }
}

#[test]
fn verified_token_is_accepted_and_tampered_token_is_rejected() {
    let program = with_settings();
    let token = token(&program);
    let verified = program.json(&["verify", &token, "--config", "paseto.toml"]);
    assert_eq!(verified["verified"], true);
    assert_eq!(verified["issuer"], ISSUER);
    assert_eq!(verified["kid"], secret().kid());
    assert_eq!(verified["claims"]["sub"], "ada");

    let (body, footer) = token.rsplit_once('.').unwrap();
    let forged = format!("{}.{footer}", body.replacen("public.e", "public.f", 1));
    for arguments in [&["--json"][..], &[]] {
        let verify = ["verify", &forged, "--config", "paseto.toml"];
        let printed = program.run(&[&verify, arguments].concat());
        assert_eq!(printed.code, 1, "{printed:?}");
        assert!(printed.stderr.starts_with("rejected: bad_signature: "), "{printed:?}");
        if arguments.is_empty() {
            assert_eq!(printed.stdout, "");
        } else {
            let output = printed.json();
            assert_eq!(
                (&output["verified"], &output["kind"]),
                (&json!(false), &json!("bad_signature"))
            );
            assert_eq!(output["claims"], Value::Null);
        }
    }
}

#[test]
fn settings_are_the_table_of_the_role_or_the_whole_file() {
    let program = with_settings();
    let token = token(&program);
    let keys = format!("iss = \"{ISSUER}\"\npublic_keys = [\"{PUBLIC_PASERK}\"]\n");
    program.write("whole.toml", &keys);
    assert_eq!(program.run(&["verify", &token, "--config", "whole.toml"]).code, 0);

    program.write("issuer.toml", "[issuer]\niss = \"https://a\"\n");
    program.write("broken.toml", &format!("[verifier]\npublic_keys = \"{SECRET_PASERK}\"\n"));
    program.write("syntax.toml", &format!("{SECRET_PASERK}\n"));
    for (file, problem) in [
        ("issuer.toml", "no table `verifier`"),
        ("broken.toml", "public_keys"),
        ("syntax.toml", "syntax.toml"),
        ("missing.toml", "cannot read the file"),
    ] {
        let printed = program.run(&["verify", &token, "--config", file]);
        assert_eq!(printed.code, 3, "{file} {printed:?}");
        assert!(printed.stderr.contains(problem), "{file} {printed:?}");
        assert!(!printed.contains("k4.secret.tMv7"), "{file} {printed:?}");
    }
}

#[test]
fn inspected_token_is_never_called_verified() {
    let program = with_settings();
    let forged = sign(&secret(), br#"{"sub":"ada\u001b[31m\u202e","exp":1}"#, b"any footer", b"");
    for token in [token(&program), forged.clone(), tampered(&forged)] {
        let printed = program.run(&["inspect", &token]);
        assert_eq!(printed.code, 0, "{printed:?}");
        assert!(printed.stderr.contains("nothing is verified"), "{printed:?}");
        let printed = program.run(&["inspect", &token, "--json"]);
        assert!(printed.stderr.contains("nothing is verified"), "{printed:?}");
        assert_eq!(printed.json()["verified"], false, "{printed:?}");
    }
}

/// The terminal would execute an escape sequence in a claim.
#[test]
fn control_characters_of_a_token_are_escaped() {
    let program = CommandLine::new();
    let payload = "{\"a\u{9b}31m\":\"\u{202e}\u{7f}\u{e0041}\"}";
    let token = sign(&secret(), payload.as_bytes(), "\u{9b}f".as_bytes(), b"");
    for arguments in [&["inspect", &*token][..], &["inspect", &*token, "--json"]] {
        let printed = program.run(arguments);
        let is_escaped = |c: char| c == '\n' || c.is_ascii_graphic() || c == ' ';
        assert!(printed.stdout.chars().all(is_escaped), "{printed:?}");
    }
    let inspected = program.json(&["inspect", &token]);
    assert_eq!(inspected["claims"], json!({ "a\u{9b}31m": "\u{202e}\u{7f}\u{e0041}" }));
    assert_eq!(inspected["footer"], "\u{9b}f");
}

#[test]
fn inspect_shows_why_each_verifier_rejects_a_token() {
    let program = CommandLine::new();
    let problem = |payload: &[u8], footer: &[u8]| {
        let token = sign(&secret(), payload, footer, b"");
        program.json(&["inspect", &token])["problem"].clone()
    };
    let kid = json!({ "kid": secret().kid() }).to_string();
    assert_eq!(problem(br#"{"sub":"ada"}"#, kid.as_bytes()), Value::Null);
    let twice = problem(br#"{"sub":"ada","sub":"eve"}"#, kid.as_bytes());
    assert!(twice.as_str().unwrap().contains("occurs twice"), "{twice}");
    let footer = problem(br#"{"sub":"ada"}"#, br#"{"kid":1}"#);
    assert!(footer.as_str().unwrap().contains("`kid` of the footer"), "{footer}");
}

#[test]
fn inspect_shows_cbor_and_the_footer_of_an_encrypted_token() {
    let program = CommandLine::new();
    let mut payload = Vec::new();
    ciborium::into_writer(&json!({ "sub": "ada" }), &mut payload).unwrap();
    let inspected = program.json(&["inspect", &sign(&secret(), &payload, b"", b"")]);
    assert_eq!(inspected["claims"], json!({ "sub": "ada" }));
    assert_eq!(inspected["problem"], Value::Null);

    let inspected = program.json(&["inspect", "v4.local.AAAA.eyJraWQiOiJhIn0"]);
    assert_eq!(inspected["header"], "v4.local");
    assert_eq!(inspected["footer"], json!({ "kid": "a" }));
    assert_eq!(inspected["claims"], Value::Null);
}

#[test]
fn a_string_that_is_no_token_is_rejected_without_its_text() {
    let program = CommandLine::new();
    for text in
        ["eyJhbGciOiJIUzI1NiJ9.e30.AAAA", "v3.public.AAAA", "v4.public.AAAA", "secret-text", ""]
    {
        let printed = program.run(&["inspect", text]);
        assert_eq!(printed.code, 1, "{text} {printed:?}");
        assert_eq!(printed.stdout, "", "{text}");
        assert!(text.is_empty() || !printed.stderr.contains(text), "{text} {printed:?}");
    }
}

#[test]
fn secret_keys_in_arguments_are_rejected_without_their_text() {
    let program = with_settings();
    let pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2Vw";
    let within = format!("--sub={SECRET_PASERK}");
    for arguments in [
        &["inspect", SECRET_PASERK][..],
        &["issue", "--config", "paseto.toml", &within],
        &["verify", LOCAL_PASERK, "--config", "paseto.toml", "--json"],
        &[pem],
        &["keys", "generate", "--help", SECRET_PASERK],
    ] {
        let printed = program.run(arguments);
        assert_eq!(printed.code, 2, "{printed:?}");
        assert!(printed.stderr.contains("history of the shell"), "{printed:?}");
        for part in ["tMv7Q99M", "cHFyc3R1", "MC4CAQ"] {
            assert!(!printed.contains(part), "{printed:?}");
        }
    }
}

#[test]
fn wrong_arguments_are_named_without_their_values() {
    let program = with_settings();
    let cases: [(&[&str], &str); 15] = [
        (&[], "expected a command"),
        (&["inspekt"], "expected a command"),
        (&["keys"], "expected `keys` with"),
        (&["inspect"], "expected a TOKEN"),
        (&["inspect", "v4.public.AAAA", "value-1"], "more than one argument"),
        (&["inspect", "v4.public.AAAA", "--token-file", "value-1"], "both given"),
        (&["verify", "v4.public.AAAA"], "expected `--config FILE`"),
        (&["verify", "-", "--config", "-"], "two arguments read the standard input"),
        (&["issue", "--config", "-", "--claims", "-"], "two arguments read the standard input"),
        (&["verify", "v4.public.AAAA", "--config"], "`--config` needs a value"),
        (&["issue", "--password=value-1"], "unknown option `--password`: passwords are read"),
        (&["keys", "generate", "--print=value-1"], "`--print` has no value"),
        (&["issue", "-x"], "unknown option `-x`"),
        (&["issue", "value-1"], "accepts only options"),
        (&["issue", "--config", "value-1", "--config", "value-1"], "`--config` is given twice"),
    ];
    for (arguments, problem) in cases {
        let printed = program.run(arguments);
        assert_eq!(printed.code, 2, "{arguments:?} {printed:?}");
        assert!(printed.stderr.contains(problem), "{arguments:?} {printed:?}");
        assert!(!printed.contains("value-1"), "{arguments:?} {printed:?}");
    }
    let printed = program.run(&["verify", "--json"]);
    assert!(printed.json()["error"].as_str().unwrap().starts_with("expected `--config"));
    assert_eq!(printed.code, 2);
}

#[test]
fn each_command_has_a_help_text() {
    let program = CommandLine::new();
    let all = program.run(&["--help"]);
    assert_eq!((all.code, &*all.stderr), (0, ""));
    for code in ["0  success", "1  the token is rejected", "2  the arguments", "3  a file"] {
        assert!(all.stdout.contains(code), "{code}");
    }
    let keys = ["generate", "rotate", "remove", "list", "wrap", "unwrap"];
    let commands = keys.map(|word| format!("keys {word}")).into_iter();
    for command in commands.chain(["inspect", "verify", "explain", "issue"].map(str::to_owned)) {
        assert!(all.stdout.contains(&format!("\n  {command} ")), "{command}");
        let words: Vec<_> = command.split(' ').chain(["--help"]).collect();
        let help = program.run(&words);
        assert_eq!((help.code, &*help.stderr), (0, ""), "{command}");
        assert!(help.stdout.contains(&format!("Usage: paseto {command} ")), "{command}");
        assert!(help.stdout.lines().all(|line| line.chars().count() <= 100), "{command}");
    }
}
