//! Servers that are killed, whose disk is full, or that may not write to their state file.

use std::process::{Command, Output};

use paseto_actix_tests::http::{Response, send};
use paseto_actix_tests::logins::{Keys, Server};
use paseto_actix_tests::state_file::StateFile;
use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_login_server");

fn start(file: &StateFile, keys: &Keys) -> Server {
    Server::start(PROGRAM, "shop", keys, ("STATE_FILE", file.path()))
}

fn post(server: &str, path: &str, headers: &[(&str, &str)]) -> Response {
    send(server, "POST", path, headers, "")
}

fn refresh(server: &str, token: &str) -> Response {
    post(server, "/refresh", &[("refresh-token", token)])
}

fn refresh_token(response: &Response) -> String {
    assert_eq!(response.status, 200, "{response:?}");
    let pair: Value = serde_json::from_str(&response.body).unwrap();
    pair["refresh_token"].as_str().unwrap().to_owned()
}

#[test]
fn killed_server_keeps_its_state() {
    let (file, keys) = (StateFile::new(), Keys::generate());
    let server = start(&file, &keys);
    let kept = refresh_token(&post(server.url(), "/token?user=ada", &[]));
    let ended = refresh_token(&post(server.url(), "/token?user=ada", &[]));
    assert_eq!(post(server.url(), "/end", &[("refresh-token", &ended)]).status, 200);
    let kept = refresh_token(&refresh(server.url(), &kept));
    // The next process starts before the old one ends.
    let next = start(&file, &keys);
    let kept = refresh_token(&refresh(next.url(), &kept));
    let moved = refresh_token(&post(next.url(), "/token?user=ada", &[]));
    let moved = refresh_token(&refresh(server.url(), &moved));
    server.kill();
    assert_eq!(refresh(next.url(), &ended).status, 400);
    let moved = refresh_token(&refresh(next.url(), &moved));
    next.kill();
    let server = start(&file, &keys);
    assert_eq!(refresh(server.url(), &ended).status, 400);
    for token in [kept, moved] {
        refresh_token(&refresh(server.url(), &token));
    }
}

/// A process may not write files of more than this size. So each write fails as on a full disk, but
/// for the first ones.
#[cfg(unix)]
#[test]
fn full_disk_rejects_requests_that_write() {
    use paseto_actix_tests::process::Process;

    let (file, keys) = (StateFile::new(), Keys::generate());
    start(&file, &keys).kill();
    // The unit of `ulimit -f` is 512 bytes or 1 KiB, depending on the shell.
    let limited = "trap '' XFSZ; ulimit -f 300; exec \"$1\"";
    let login_server = Server::command(PROGRAM, "shop", &keys);
    let mut shell = Command::new("sh");
    shell.args(["-c", limited, "sh", PROGRAM]).env("STATE_FILE", file.path());
    shell.envs(login_server.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let mut process = Process::start(&mut shell);
    let url = process.line_after("listening on ");
    // A small transaction can still fit after a larger one has failed.
    let log_in = || post(&url, "/token?user=ada", &[]);
    let mut last = refresh_token(&log_in());
    let failed = (0..500).map(|_| log_in()).find(|response| response.status != 200);
    assert_eq!(failed.map(|response| response.status), Some(503));
    let failed = (0..500).find_map(|_| {
        let response = refresh(&url, &last);
        if response.status != 200 {
            return Some(response.status);
        }
        last = refresh_token(&response);
        None
    });
    assert_eq!(failed, Some(503));
    assert_eq!(post(&url, "/end", &[("refresh-token", &last)]).status, 503);
    process.kill();

    let server = start(&file, &keys);
    refresh_token(&refresh(server.url(), &last));
}

/// Runs a server that fails at its start, as the user `nobody` if this user is `root`.
#[cfg(unix)]
fn fail_to_start(file: &StateFile) -> Output {
    use std::os::unix::fs::MetadataExt;
    use std::os::unix::process::CommandExt;

    let mut command = Server::command(PROGRAM, "shop", &Keys::generate());
    if std::fs::metadata(file.folder()).unwrap().uid() == 0 {
        command.uid(65534).gid(65534);
    }
    command.env("STATE_FILE", file.path()).output().unwrap()
}

#[cfg(unix)]
#[test]
fn file_and_folder_without_write_access_are_errors_at_the_start() {
    use std::fs::{Permissions, set_permissions};
    use std::os::unix::fs::PermissionsExt;

    let file = StateFile::new();
    set_permissions(file.folder(), Permissions::from_mode(0o555)).unwrap();
    let output = fail_to_start(&file);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("state.sqlite`: cannot create the file (Permission denied"), "{error}");

    set_permissions(file.folder(), Permissions::from_mode(0o777)).unwrap();
    start(&file, &Keys::generate()).kill();
    for mode in [0o444, 0o000] {
        set_permissions(file.path(), Permissions::from_mode(mode)).unwrap();
        let output = fail_to_start(&file);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && error.contains("state.sqlite`: "), "{error}");
        assert!(error.contains("grant the process"), "{error}");
    }
}
