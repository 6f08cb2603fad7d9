//! Tests `paseto keys rotate`.

use std::collections::BTreeSet;
use std::fs;

use paseto_actix::{PublicKey, SecretKey};
use paseto_actix_tests::command_line::CommandLine;
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use crate::command_line_keys::{paserks, write_keys};

fn ago(duration: Duration) -> String {
    (OffsetDateTime::now_utc() - duration).format(&Rfc3339).unwrap()
}

#[test]
fn rotation_announces_a_new_key_and_keeps_the_active_key() {
    let program = CommandLine::new();
    program.json(&["keys", "generate", "keys.json"]);
    let old = paserks(&program, "keys.json");
    let rotated = program.run(&["keys", "rotate", "keys.json", "--json"]);
    assert!(!rotated.contains("k4.secret"), "{rotated:?}");
    let rotated = rotated.json();
    let new = paserks(&program, "keys.json");
    assert_eq!((new.len(), &new[0]), (2, &old[0]));
    let key = SecretKey::from_paserk(&new[1]).unwrap();
    assert_eq!(rotated["added"], key.kid());
    let public = PublicKey::from_paserk(rotated["public"].as_str().unwrap()).unwrap();
    assert_eq!(public.kid(), key.kid());

    let at = OffsetDateTime::parse(rotated["activates_at"].as_str().unwrap(), &Rfc3339).unwrap();
    let delay = at - OffsetDateTime::now_utc();
    assert!(delay <= Duration::HOUR && delay > Duration::minutes(50), "{delay}");
    let listed = program.json(&["keys", "list", "keys.json"]);
    let states = [&listed["keys"][0]["state"], &listed["keys"][1]["state"]];
    assert_eq!(states, ["active", "announced"]);
}

#[test]
fn key_without_a_delay_is_active_immediately() {
    let program = CommandLine::new();
    program.json(&["keys", "generate", "keys.json", "--kind", "local"]);
    program.json(&["keys", "rotate", "keys.json", "--in", "0s"]);
    let listed = program.json(&["keys", "list", "keys.json"]);
    let states = [&listed["keys"][0]["state"], &listed["keys"][1]["state"]];
    assert_eq!(states, ["retired", "active"]);
}

#[test]
fn second_announced_key_needs_force() {
    let program = CommandLine::new();
    for waiting in [Some("2999-01-01T00:00:00Z"), None] {
        let kids = write_keys(&program, "keys.json", &[Some("2020-01-01T00:00:00Z"), waiting]);
        let before = program.read("keys.json");
        let printed = program.run(&["keys", "rotate", "keys.json"]);
        assert_eq!(printed.code, 3, "{printed:?}");
        assert!(printed.stderr.contains(&kids[1]), "{printed:?}");
        assert!(printed.stderr.contains(waiting.unwrap_or("without a time")), "{printed:?}");
        assert_eq!(program.read("keys.json"), before);
        program.json(&["keys", "rotate", "keys.json", "--force"]);
        assert_eq!(paserks(&program, "keys.json").len(), 3);
    }
}

/// `list` shows the same time as the time from which `rotate` removes the key.
#[test]
fn retired_keys_are_removed_after_the_lifetime_of_their_tokens() {
    let program = CommandLine::new();
    for (retired, max_ttl, is_removed) in [
        (Duration::seconds(3600 + 290), Some("1h"), false),
        (Duration::seconds(3600 + 320), Some("1h"), true),
        (Duration::days(30), None, false),
        (Duration::days(31), None, true),
    ] {
        let active_since = ago(retired);
        let times = [Some("2020-01-01T00:00:00Z"), Some(&*active_since)];
        let kids = write_keys(&program, "keys.json", &times);
        let options: Vec<_> = max_ttl.map(|ttl| ["--max-ttl", ttl]).into_iter().flatten().collect();
        let listed = program.json(&[&["keys", "list", "keys.json"], &*options].concat());
        let removable_from = listed["keys"][0]["removable_from"].as_str().unwrap();
        let removable_from = OffsetDateTime::parse(removable_from, &Rfc3339).unwrap();
        assert_eq!(removable_from <= OffsetDateTime::now_utc(), is_removed, "{retired}");
        let rotated = program.json(&[&["keys", "rotate", "keys.json"], &*options].concat());
        let removed = rotated["removed"].as_array().unwrap();
        assert_eq!(!removed.is_empty(), is_removed, "{retired} {rotated}");
        assert!(removed.iter().all(|kid| *kid == kids[0]));
        assert_eq!(paserks(&program, "keys.json").len(), 3 - removed.len(), "{retired}");
    }
}

/// Makes each key of the file older. Keys whose activation is not known have the time 1970.
fn make_older(program: &CommandLine, age: Duration) {
    let mut content: Value = serde_json::from_str(&program.read("keys.json")).unwrap();
    for key in content["keys"].as_array_mut().unwrap() {
        let time = OffsetDateTime::parse(key["activates_at"].as_str().unwrap(), &Rfc3339).unwrap();
        if time.year() > 1970 {
            key["activates_at"] = json!((time - age).format(&Rfc3339).unwrap());
        }
    }
    program.write("keys.json", &content.to_string());
}

#[test]
fn monthly_rotations_of_a_year_need_no_option() {
    for kind in ["local", "secret"] {
        let program = CommandLine::new();
        program.json(&["keys", "generate", "keys.json", "--kind", kind]);
        for month in 1..=12 {
            let printed = program.run(&["keys", "rotate", "keys.json"]);
            assert_eq!((printed.code, &*printed.stderr), (0, ""), "{month} {printed:?}");
            make_older(&program, Duration::days(31));
        }
        assert!(paserks(&program, "keys.json").len() <= 3, "{kind}");
    }
}

#[test]
fn rotation_warns_before_the_file_is_full() {
    let program = CommandLine::new();
    program.json(&["keys", "generate", "keys.json", "--kind", "local"]);
    for keys in 2..=8 {
        let printed = program.run(&["keys", "rotate", "keys.json", "--in", "0s"]);
        assert_eq!(printed.code, 0, "{keys} {printed:?}");
        let warning = format!("has {keys} of at most 8 keys");
        assert_eq!(printed.stderr.contains(&warning), keys >= 7, "{keys} {printed:?}");
        let listed = program.run(&["keys", "list", "keys.json"]);
        assert_eq!(listed.stderr, printed.stderr, "{keys}");
    }
    let printed = program.run(&["keys", "rotate", "keys.json", "--in", "0s"]);
    assert_eq!(printed.code, 3, "{printed:?}");
    assert!(printed.stderr.contains("at most 8 keys"), "{printed:?}");
}

/// A lock file of its own could be a link to another file, or belong to another user.
#[cfg(unix)]
#[test]
fn rotation_ignores_a_planted_lock_file() {
    let program = CommandLine::new();
    program.json(&["keys", "generate", "keys.json"]);
    std::os::unix::fs::symlink("target", program.path("keys.json.lock")).unwrap();
    program.json(&["keys", "rotate", "keys.json"]);
    assert_eq!(program.files(), ["keys.json", "keys.json.lock"]);
}

#[test]
fn rotations_at_the_same_time_lose_no_key() {
    let program = CommandLine::new();
    program.json(&["keys", "generate", "keys.json"]);
    let rotations = program.run_at_once(&["keys", "rotate", "keys.json", "--force", "--json"], 12);
    let mut added = BTreeSet::new();
    for printed in rotations {
        assert_eq!(printed.code, 0, "{printed:?}");
        added.insert(printed.json()["added"].as_str().unwrap().to_owned());
    }
    let keys = paserks(&program, "keys.json");
    let kids: BTreeSet<_> =
        keys.iter().map(|key| SecretKey::from_paserk(key).unwrap().kid().to_owned()).collect();
    assert_eq!((kids.len(), added.len()), (13, 12));
    assert!(added.is_subset(&kids));
    assert_eq!(program.files(), ["keys.json"]);
}

/// Only one of several cron jobs adds a key.
#[test]
fn rotations_at_the_same_time_add_one_key_without_force() {
    let program = CommandLine::new();
    program.json(&["keys", "generate", "keys.json"]);
    let rotations = program.run_at_once(&["keys", "rotate", "keys.json"], 4);
    let mut codes: Vec<_> = rotations.iter().map(|printed| printed.code).collect();
    codes.sort_unstable();
    assert_eq!(codes, [0, 3, 3, 3]);
    assert_eq!(paserks(&program, "keys.json").len(), 2);
}

/// A process that was killed leaves its new file.
#[test]
fn new_file_of_a_killed_rotation_is_replaced() {
    let program = CommandLine::new();
    program.json(&["keys", "generate", "keys.json"]);
    program.write(".keys.json.new", "half of a file");
    program.json(&["keys", "rotate", "keys.json"]);
    assert_eq!(paserks(&program, "keys.json").len(), 2);
    assert_eq!(program.files(), ["keys.json"]);
}

/// The old file stays complete while the new file is written, so a reader that has opened the old
/// file still reads all of it.
#[cfg(unix)]
#[test]
fn rotation_replaces_the_file_and_does_not_write_into_it() {
    use std::io::Read;

    let program = CommandLine::new();
    program.json(&["keys", "generate", "keys.json"]);
    let before = program.read("keys.json");
    let mut reader = fs::File::open(program.path("keys.json")).unwrap();
    program.json(&["keys", "rotate", "keys.json"]);
    let mut content = String::new();
    reader.read_to_string(&mut content).unwrap();
    assert_eq!(content, before);
    assert_ne!(program.read("keys.json"), before);
}

/// Rotation keeps the group that a service reads the file with, and removes the access of others.
#[cfg(unix)]
#[test]
fn rotated_file_gives_no_access_to_other_users() {
    use std::os::unix::fs::PermissionsExt;

    let program = CommandLine::new();
    program.json(&["keys", "generate", "keys.json"]);
    for (before, after) in [(0o600, 0o600), (0o666, 0o640), (0o640, 0o640), (0o400, 0o600)] {
        let path = program.path("keys.json");
        fs::set_permissions(&path, fs::Permissions::from_mode(before)).unwrap();
        program.json(&["keys", "rotate", "keys.json", "--force"]);
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode, after, "{before:o}: {mode:o}");
    }
}

/// Some platforms publish secrets as a link to the file of the current version.
#[cfg(unix)]
#[test]
fn rotation_replaces_the_target_of_a_symbolic_link() {
    let program = CommandLine::new();
    program.json(&["keys", "generate", "keys.json"]);
    std::os::unix::fs::symlink("keys.json", program.path("link")).unwrap();
    program.json(&["keys", "rotate", "link"]);
    assert!(fs::symlink_metadata(program.path("link")).unwrap().is_symlink());
    assert_eq!(paserks(&program, "keys.json").len(), 2);
    assert_eq!(program.files(), ["keys.json", "link"]);
}

#[test]
fn failed_rotation_changes_no_file() {
    let program = CommandLine::new();
    let mut times = vec![Some("2020-01-01T00:00:00Z")];
    times.resize(64, Some("2999-01-01T00:00:00Z"));
    write_keys(&program, "full.json", &times);
    let before = program.read("full.json");
    let printed = program.run(&["keys", "rotate", "full.json", "--force"]);
    assert_eq!(printed.code, 3, "{printed:?}");
    assert!(printed.stderr.contains("at most 64 keys"), "{printed:?}");
    assert_eq!(program.read("full.json"), before);
    assert_eq!(program.files(), ["full.json"]);

    assert_eq!(program.run(&["keys", "rotate", "missing.json"]).code, 3);
    assert_eq!(program.run(&["keys", "rotate", "full.json", "--in", "soon"]).code, 2);
    assert_eq!(program.files(), ["full.json"]);
}
