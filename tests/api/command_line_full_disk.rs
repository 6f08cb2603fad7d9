//! `paseto keys` on a full disk: the process may not write files of more than 512 bytes or 1 KiB,
//! depending on the shell.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use paseto_actix_tests::command_line::CommandLine;

use crate::command_line_keys::{paserks, write_keys};

/// Without a byte, and with a part of the new file.
const LIMITS: [u32; 2] = [0, 1];

#[test]
fn key_file_is_unchanged_if_the_disk_is_full() {
    let program = CommandLine::new();
    let mut times = [Some("2999-01-01T00:00:00Z"); 12];
    times[0] = Some("2020-01-01T00:00:00Z");
    let kids = write_keys(&program, "keys.json", &times);
    let path = program.path("keys.json");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let before = program.read("keys.json");
    assert!(before.len() > 1024);
    for limit in LIMITS {
        for arguments in [
            &["keys", "rotate", "keys.json", "--force"][..],
            &["keys", "remove", "keys.json", &kids[1]],
        ] {
            let printed = program.run_with_full_disk(arguments, limit);
            assert_eq!(printed.code, 3, "{printed:?}");
            assert!(printed.stderr.contains("cannot replace the file: "), "{printed:?}");
            assert!(printed.stderr.contains("File too large"), "{printed:?}");
            assert!(!printed.contains("k4.secret"), "{printed:?}");
            assert_eq!(program.read("keys.json"), before, "{arguments:?}");
            assert_eq!(program.files(), ["keys.json"], "{arguments:?}");
        }
    }
    program.json(&["keys", "rotate", "keys.json", "--force"]);
    assert_eq!(paserks(&program, "keys.json").len(), 13);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
}

#[test]
fn no_part_of_a_new_key_file_stays_if_the_disk_is_full() {
    let program = CommandLine::new();
    let printed = program.run_with_full_disk(&["keys", "generate", "keys.json"], 0);
    assert_eq!(printed.code, 3, "{printed:?}");
    assert!(printed.stderr.contains("cannot create the file: "), "{printed:?}");
    assert!(printed.stderr.contains("File too large"), "{printed:?}");
    assert_eq!(program.files(), [""; 0]);
    program.json(&["keys", "generate", "keys.json"]);
    assert_eq!(paserks(&program, "keys.json").len(), 1);
}
