//! A server that reaches its limit of open files.

use std::net::TcpStream;
use std::process::Command;

use paseto_actix_tests::command_line::CommandLine;
use paseto_actix_tests::http::send;
use paseto_actix_tests::process::Process;

/// The limit of the server. It has 30 to 40 open files before the first connection.
const LIMIT: u32 = 64;

#[test]
fn server_keeps_its_keys_and_answers_after_it_had_too_many_open_files() {
    let program = CommandLine::new();
    program.json(&["keys", "generate", "keys.json"]);
    let example = Process::example_command("auth_service");
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("ulimit -n {LIMIT}; exec \"$0\"")]).arg(example.get_program());
    shell.env("BIND", "127.0.0.1:0").env("KEY_FILE", program.path("keys.json"));
    let mut process = Process::start(&mut shell);
    let url = process.line_after("listening on ");
    let key_set = || send(&url, "GET", "/.well-known/paserk.json", &[], "");
    let keys = key_set();
    assert_eq!(keys.status, 200);

    // actix-web closes a connection that sends nothing after 5 seconds, and accepts the next ones.
    let address = url.strip_prefix("http://").unwrap();
    let connections: Vec<_> = (0..200).map(|_| TcpStream::connect(address).unwrap()).collect();
    // The server reads its key file every 10 seconds.
    let line = process.line_containing("the keys stay as they are");
    assert!(line.contains("Too many open files"), "{line}");
    drop(connections);
    assert_eq!(key_set().body, keys.body);
}
