//! Tests the commands of `paseto` that encrypt keys with a password.

use std::fs;

use paseto_actix::SecretKey;
use paseto_actix_tests::command_line::CommandLine;
use paseto_actix_tests::keys::{LOCAL_PASERK, SECRET_PASERK, SECRET_PEM};
use serde_json::json;

const PASSWORD: &str = "correct horse battery staple";

fn with_keys() -> CommandLine {
    let program = CommandLine::new();
    program.write("secret", &format!("{SECRET_PASERK}\n"));
    program.write("local", LOCAL_PASERK);
    program.write("pem", SECRET_PEM);
    program.write("password", &format!("{PASSWORD}\n"));
    program
}

const UNWRAP: [&str; 5] = ["keys", "unwrap", "wrapped", "--password-file", "password"];

#[test]
fn wrapped_key_is_unwrapped_by_the_same_password() {
    let program = with_keys();
    for (file, kind, paserk) in [
        ("secret", "k4.secret-pw.", SECRET_PASERK),
        ("pem", "k4.secret-pw.", SECRET_PASERK),
        ("local", "k4.local-pw.", LOCAL_PASERK),
    ] {
        let wrapped = program.json(&["keys", "wrap", file, "--password-file", "password"]);
        let text = wrapped["wrapped"].as_str().unwrap();
        assert!(text.starts_with(kind), "{text}");
        assert!(!text.contains(&paserk[10..40]));
        program.write("wrapped", text);
        let unwrapped = program.json(&[&UNWRAP[..], &["--print"]].concat());
        assert_eq!(unwrapped, json!({ "key": paserk, "kid": wrapped["kid"] }));
        let text = program.run(&[&UNWRAP[..], &["--print"]].concat()).stdout;
        assert_eq!(text, format!("{paserk}\n"));
    }
}

#[test]
fn line_break_of_the_password_file_is_not_a_part_of_the_password() {
    let program = with_keys();
    let wrapped = program.run(&["keys", "wrap", "secret", "--password-file", "password"]).stdout;
    let key = SecretKey::from_paserk_with_password(wrapped.trim_end(), PASSWORD).unwrap();
    assert_eq!(*key.to_paserk(), *SECRET_PASERK);
}

#[test]
fn unwrapped_key_is_written_to_a_new_private_file() {
    let program = with_keys();
    program.write(
        "wrapped",
        &program.run(&["keys", "wrap", "secret", "--password-file", "password"]).stdout,
    );
    let printed = program.run(&[&UNWRAP[..], &["--out", "new"]].concat());
    assert_eq!(printed.code, 0, "{printed:?}");
    assert!(!printed.contains("k4.secret"), "{printed:?}");
    assert_eq!(program.read("new"), SECRET_PASERK);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;

        let mode = fs::metadata(program.path("new")).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600, "{mode:o}");
    }
    assert_eq!(program.run(&[&UNWRAP[..], &["--out", "new"]].concat()).code, 3, "existing file");

    fs::write(program.path("password"), "another password").unwrap();
    let printed = program.run(&[&UNWRAP[..], &["--print"]].concat());
    assert_eq!((printed.code, &*printed.stdout), (3, ""), "{printed:?}");
    assert!(printed.stderr.contains("password"), "{printed:?}");
    assert!(!printed.contains("another password"), "{printed:?}");
}

#[test]
fn commands_with_a_password_need_their_files() {
    let program = with_keys();
    let both = ["--out", "new", "--print"];
    for (arguments, code) in [
        (&["keys", "wrap", "secret"][..], 2),
        (&["keys", "wrap", "--password-file", "password"], 2),
        (&["keys", "wrap", "-", "--password-file", "-"], 2),
        (&["keys", "wrap", "missing", "--password-file", "password"], 3),
        (&["keys", "wrap", "password", "--password-file", "password"], 3),
        (&UNWRAP, 2),
        (&[&UNWRAP[..], &both].concat(), 2),
    ] {
        let printed = program.run(arguments);
        assert_eq!((printed.code, &*printed.stdout), (code, ""), "{arguments:?} {printed:?}");
        assert!(!printed.contains(PASSWORD), "{arguments:?} {printed:?}");
    }
}
