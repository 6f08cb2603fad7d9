//! Tests the commands of `paseto` that create, list and remove keys.

use std::fs;

use paseto_actix::{LocalKey, PublicKey, SecretKey};
use paseto_actix_tests::command_line::CommandLine;
use serde_json::{Value, json};

/// Returns the keys in a key file.
pub(crate) fn paserks(program: &CommandLine, file: &str) -> Vec<String> {
    let content: Value = serde_json::from_str(&program.read(file)).unwrap();
    let keys = content["keys"].as_array().unwrap();
    keys.iter().map(|key| key["paserk"].as_str().unwrap().to_owned()).collect()
}

/// Writes a key file with new signing keys that become active at these times. Returns their IDs.
pub(crate) fn write_keys(
    program: &CommandLine,
    file: &str,
    activations: &[Option<&str>],
) -> Vec<String> {
    let keys: Vec<_> = activations.iter().map(|_| SecretKey::generate()).collect();
    let entries: Vec<_> = keys
        .iter()
        .zip(activations)
        .map(|(key, time)| match time {
            Some(time) => json!({ "paserk": *key.to_paserk(), "activates_at": time }),
            None => json!({ "paserk": *key.to_paserk() }),
        })
        .collect();
    program.write(file, &json!({ "version": 1, "keys": entries }).to_string());
    keys.iter().map(|key| key.kid().to_owned()).collect()
}

#[test]
fn generated_file_has_one_active_key_and_the_output_no_secret() {
    let program = CommandLine::new();
    for (kind, file) in [("secret", "a.json"), ("local", "b.json")] {
        let printed = program.run(&["keys", "generate", file, "--kind", kind, "--json"]);
        assert_eq!((printed.code, &*printed.stderr), (0, ""), "{printed:?}");
        assert!(!printed.contains("k4.secret") && !printed.contains("k4.local"), "{printed:?}");
        let [paserk] = &*paserks(&program, file) else { panic!("expected one key") };
        let (kid, public) = match kind {
            "secret" => {
                let key = SecretKey::from_paserk(paserk).unwrap();
                (key.kid().to_owned(), json!(key.public_key().to_paserk()))
            }
            _ => (LocalKey::from_paserk(paserk).unwrap().kid().to_owned(), Value::Null),
        };
        assert_eq!(printed.json(), json!({ "file": file, "kid": kid, "public": public }));
        let listed = program.json(&["keys", "list", file]);
        let expected =
            json!({ "kid": kid, "state": "active", "activates_at": null, "removable_from": null });
        assert_eq!(listed, json!({ "keys": [expected] }));
    }
    assert_eq!(program.files(), ["a.json", "b.json"]);
}

#[test]
fn commands_for_key_files_never_print_a_key() {
    let program = CommandLine::new();
    for (file, kind) in [("a.json", "secret"), ("b.json", "local")] {
        for form in [&[][..], &["--json"]] {
            let run = |arguments: &[&str]| {
                let printed = program.run(&[&["keys"], arguments, form].concat());
                assert_eq!(printed.code, 0, "{arguments:?} {printed:?}");
                assert!(printed.stdout.contains("k4."), "{arguments:?} {printed:?}");
                for paserk in paserks(&program, file) {
                    assert!(!printed.contains(&paserk[10..30]), "{arguments:?} {printed:?}");
                }
            };
            let _ = fs::remove_file(program.path(file));
            run(&["generate", file, "--kind", kind]);
            run(&["rotate", file, "--in", "0s"]);
            run(&["list", file]);
            let listed = program.json(&["keys", "list", file]);
            run(&["remove", file, listed["keys"][0]["kid"].as_str().unwrap()]);
        }
    }
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_a_generated_file() {
    use std::os::unix::fs::PermissionsExt;

    let program = CommandLine::new();
    program.json(&["keys", "generate", "keys.json"]);
    let mode = fs::metadata(program.path("keys.json")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600, "{mode:o}");
}

#[test]
fn generate_never_changes_an_existing_file() {
    let program = CommandLine::new();
    program.write("file", "text");
    for file in ["file", "no-folder/file"] {
        let printed = program.run(&["keys", "generate", file]);
        assert_eq!(printed.code, 3, "{printed:?}");
        assert!(printed.stderr.contains("cannot create the file"), "{printed:?}");
    }
    assert_eq!(program.read("file"), "text");
    assert_eq!(program.files(), ["file"]);
}

/// A symbolic link could lead to a file that another user reads.
#[cfg(unix)]
#[test]
fn generate_does_not_follow_a_symbolic_link() {
    let program = CommandLine::new();
    std::os::unix::fs::symlink(program.path("target"), program.path("link")).unwrap();
    assert_eq!(program.run(&["keys", "generate", "link"]).code, 3);
    assert_eq!(program.files(), ["link"]);
}

#[test]
fn keys_are_printed_only_with_the_option_print() {
    let program = CommandLine::new();
    let printed = program.run(&["keys", "generate"]);
    assert_eq!((printed.code, &*printed.stdout), (2, ""), "{printed:?}");
    assert_eq!(program.run(&["keys", "generate", "file", "--print"]).code, 2);
    assert_eq!(program.run(&["keys", "generate", "--print", "--kind", "public"]).code, 2);
    assert_eq!(program.files(), [""; 0]);

    let printed = program.json(&["keys", "generate", "--print"]);
    let secret = SecretKey::from_paserk(printed["secret"].as_str().unwrap()).unwrap();
    let public = PublicKey::from_paserk(printed["public"].as_str().unwrap()).unwrap();
    assert_eq!((public.kid(), secret.public_key().kid()), (secret.kid(), secret.kid()));
    assert_eq!(printed["kid"], secret.kid());
    let text = program.run(&["keys", "generate", "--print", "--kind", "local"]).stdout;
    let (first, second) = text.split_once('\n').unwrap();
    let local = LocalKey::from_paserk(first.strip_prefix("local ").unwrap()).unwrap();
    assert_eq!(second, format!("kid   {}\n", local.kid()));
}

#[test]
fn list_shows_states_and_times_without_secrets() {
    let program = CommandLine::new();
    let times = [
        Some("2020-01-01T00:00:00Z"),
        Some("2020-02-01T00:00:00Z"),
        Some("2999-01-01T00:00:00Z"),
        None,
    ];
    let kids = write_keys(&program, "keys.json", &times);
    let printed = program.run(&["keys", "list", "keys.json", "--max-ttl", "1h", "--json"]);
    let keys = printed.json()["keys"].as_array().unwrap().clone();
    let column = |name: &str| keys.iter().map(|key| key[name].clone()).collect::<Vec<_>>();
    assert_eq!(column("kid"), kids);
    assert_eq!(column("state"), ["retired", "active", "announced", "announced"]);
    assert_eq!(column("activates_at"), times.map(|time| json!(time)));
    let removable = [Some("2020-02-01T01:05:05Z"), Some("2999-01-01T01:05:05Z"), None, None];
    assert_eq!(column("removable_from"), removable.map(|time| json!(time)));
    let text = program.run(&["keys", "list", "keys.json"]);
    assert_eq!(text.stdout.lines().count(), 4, "{text:?}");
    assert!(!printed.contains("k4.secret") && !text.contains("k4.secret"), "{text:?}");
}

#[test]
fn list_shows_unknown_only_for_times_in_the_past() {
    let program = CommandLine::new();
    let epoch = Some("1970-01-01T00:00:00Z");
    write_keys(&program, "keys.json", &[epoch, epoch, None]);
    let text = program.run(&["keys", "list", "keys.json"]).stdout;
    let times: Vec<_> = text
        .lines()
        .map(|line| line.split_whitespace().filter(|word| matches!(*word, "unknown" | "-")))
        .map(Iterator::collect::<Vec<_>>)
        .collect();
    assert_eq!(times, [["unknown", "unknown"], ["unknown", "-"], ["-", "-"]], "{text}");
}

/// The file is written before the output, so the error must not read as if nothing has changed.
#[cfg(target_os = "linux")]
#[test]
fn error_of_the_output_names_the_written_file() {
    use paseto_actix_tests::process::Process;

    let program = CommandLine::new();
    let mut keys = 0;
    let cases: [(&str, &[&str], usize); 4] = [
        ("generate", &[], 1),
        ("rotate", &["--json"], 1),
        ("list", &[], 0),
        ("rotate", &["--force"], 1),
    ];
    for (command, options, added) in cases {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut run = Process::example_command("paseto");
        run.args(["keys", command]).arg(program.path("keys.json")).args(options);
        let output = run.stdout(full).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(3), "{command} {stderr}");
        assert!(stderr.contains("cannot write the output"), "{command} {stderr}");
        assert_eq!(stderr.contains("keys.json is written, but"), added == 1, "{command} {stderr}");
        keys += added;
        assert_eq!(paserks(&program, "keys.json").len(), keys, "{command}");
    }
}

#[cfg(unix)]
#[test]
fn list_warns_if_other_users_can_access_the_file() {
    use std::os::unix::fs::PermissionsExt;

    let program = CommandLine::new();
    program.json(&["keys", "generate", "keys.json"]);
    assert_eq!(program.run(&["keys", "list", "keys.json"]).stderr, "");
    // The group of a service may read the file.
    for (mode, is_warned) in [(0o640, false), (0o604, true), (0o620, true), (0o602, true)] {
        let permissions = fs::Permissions::from_mode(mode);
        fs::set_permissions(program.path("keys.json"), permissions).unwrap();
        let printed = program.run(&["keys", "list", "keys.json"]);
        assert_eq!(printed.code, 0, "{printed:?}");
        let warning = format!("permissions {mode:04o}");
        assert_eq!(printed.stderr.contains(&warning), is_warned, "{printed:?}");
        assert_eq!(printed.stderr.is_empty(), !is_warned, "{printed:?}");
    }
}

#[test]
fn broken_key_files_are_rejected_without_their_content() {
    let program = CommandLine::new();
    write_keys(&program, "keys.json", &[Some("2020-01-01T00:00:00Z")]);
    let good = program.read("keys.json");
    let cases = [
        ("empty", String::new()),
        ("cut", good[..good.len() - 5].to_owned()),
        ("field", good.replace("\"version\"", "\"extra\":1,\"version\"")),
        ("version", good.replace("\"version\":1", "\"version\":2")),
        ("long", good.clone() + &" ".repeat(64 * 1024)),
        ("paserk", good.replace("k4.secret.", "k4.secret.AA")),
    ];
    for (name, content) in cases {
        assert_ne!(content, good, "{name}");
        program.write(name, &content);
        for command in ["list", "rotate"] {
            let printed = program.run(&["keys", command, name]);
            assert_eq!((printed.code, &*printed.stdout), (3, ""), "{name} {printed:?}");
            assert!(printed.stderr.contains(name), "{name} {printed:?}");
            assert!(!printed.contains(&paserks(&program, "keys.json")[0][10..30]), "{printed:?}");
        }
        assert_eq!(program.read(name), content, "{name}");
    }
}

#[test]
fn remove_removes_a_key_that_is_not_active() {
    let program = CommandLine::new();
    let times = [Some("2020-01-01T00:00:00Z"), Some("2020-02-01T00:00:00Z")];
    let kids = write_keys(&program, "keys.json", &times);
    let before = program.read("keys.json");
    for (arguments, code) in [
        (&["keys", "remove", "keys.json"][..], 2),
        (&["keys", "remove", "keys.json", &kids[1]], 3),
        (&["keys", "remove", "keys.json", "k4.pid.stranger"], 3),
        (&["keys", "remove", "missing.json", &kids[0]], 3),
    ] {
        assert_eq!(program.run(arguments).code, code, "{arguments:?}");
        assert_eq!(program.read("keys.json"), before, "{arguments:?}");
    }
    let removed = program.json(&["keys", "remove", "keys.json", &kids[0]]);
    assert_eq!(removed, json!({ "removed": [kids[0]] }));
    let listed = program.json(&["keys", "list", "keys.json"]);
    assert_eq!(listed["keys"][0]["kid"], kids[1]);
    assert_eq!(listed["keys"][1], Value::Null);
}
