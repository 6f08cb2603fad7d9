//! The process of a Redis server, a node of a cluster, or a sentinel.

use std::ffi::{OsStr, OsString};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{env, fs, process, thread};

use crate::certificates::Certificates;
use crate::require::found_or_skipped;
use crate::resp::Resp;

/// The environment variable with the server's program, such as that of Valkey. Default:
/// `redis-server`.
const SERVER: &str = "PASETO_ACTIX_REDIS_SERVER";

/// The maximum time until a server does what a test waits for. Other programs may use the machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Returns the program of the server. Returns `None` if it is missing.
#[track_caller]
pub(crate) fn server_program() -> Option<OsString> {
    let program = env::var_os(SERVER).unwrap_or_else(|| "redis-server".into());
    let is_there = Command::new(&program).arg("--version").stdout(Stdio::null()).status().is_ok();
    found_or_skipped(is_there.then_some(program), "redis", "redis-server")
}

/// Returns a new folder for the files of servers.
pub(crate) fn new_folder() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let folder = env::temp_dir().join(format!("paseto-actix-redis-{}-{number}", process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    folder
}

/// Returns a free port of 127.0.0.1. It is below the ports that the system gives to outgoing
/// connections: otherwise, a connection could take the port of a killed server.
pub(crate) fn free_port() -> u16 {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    loop {
        // Processes that run at the same time start at different ports.
        let number = process::id().wrapping_mul(64) + COUNT.fetch_add(1, Ordering::Relaxed);
        let port = 10_000 + u16::try_from(number % 20_000).expect("a small number");
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

/// Waits until the condition is met.
#[track_caller]
pub(crate) fn wait_until(what: &str, is_met: impl FnMut() -> bool) {
    wait_or_panic(what, is_met, String::new);
}

/// Waits until the condition is met. Otherwise, panics with a description of the state.
#[track_caller]
pub(crate) fn wait_or_panic(
    what: &str,
    mut is_met: impl FnMut() -> bool,
    describe: impl Fn() -> String,
) {
    let start = Instant::now();
    while !is_met() {
        assert!(start.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}\n{}", describe());
        thread::sleep(Duration::from_millis(10));
    }
}

/// A server on a port of 127.0.0.1. It is killed when this value is dropped.
#[derive(Debug)]
pub(crate) struct RedisServer {
    program: OsString,
    port: u16,
    folder: PathBuf,
    arguments: Vec<OsString>,
    password: Option<String>,
    running: Mutex<Option<Running>>,
}

#[derive(Debug)]
struct Running {
    process: Child,
    is_suspended: bool,
}

impl RedisServer {
    /// Returns a server that is not started yet. It keeps its data over restarts, in this folder.
    pub(crate) fn new(program: &OsStr, folder: &Path) -> Self {
        let port = free_port();
        let mut server = Self::with_arguments(program, folder, port);
        let (port, log) = (port.to_string(), format!("{port}.log"));
        server.add_arguments(&["--bind", "127.0.0.1", "--port", &port, "--logfile", &log]);
        server.add_arguments(&["--appendonly", "yes", "--appendfsync", "always", "--save", ""]);
        server.add_arguments(&["--appenddirname", &format!("{port}.aof"), "--dir"]);
        server.arguments.push(folder.into());
        server.add_arguments(&["--dbfilename", &format!("{port}.rdb")]);
        server.add_arguments(&["--maxmemory-policy", "noeviction"]);
        server
    }

    /// Returns a sentinel that is not started yet. It writes to its configuration.
    pub(crate) fn sentinel(program: &OsStr, folder: &Path, settings: &str) -> Self {
        let port = free_port();
        let file = folder.join(format!("{port}.conf"));
        let dir = folder.display();
        let own = format!("port {port}\nbind 127.0.0.1\ndir {dir}\nlogfile {port}.log\n");
        fs::write(&file, own + settings).expect("a file");
        let mut server = Self::with_arguments(program, folder, port);
        server.arguments = vec![file.into(), "--sentinel".into()];
        server
    }

    fn with_arguments(program: &OsStr, folder: &Path, port: u16) -> Self {
        Self {
            program: program.to_owned(),
            port,
            folder: folder.to_owned(),
            arguments: Vec::new(),
            password: None,
            running: Mutex::new(None),
        }
    }

    pub(crate) fn add_arguments(&mut self, arguments: &[&str]) {
        self.arguments.extend(arguments.iter().map(OsString::from));
    }

    /// Accepts TLS on a second port, and returns the port.
    pub(crate) fn add_tls(&mut self, tls: &Certificates) -> u16 {
        let (port, path) = (free_port(), |path: &Path| path.display().to_string());
        self.add_arguments(&["--tls-port", &port.to_string(), "--tls-auth-clients", "no"]);
        self.add_arguments(&["--tls-cert-file", &path(&tls.certificate)]);
        self.add_arguments(&["--tls-key-file", &path(&tls.key)]);
        self.add_arguments(&["--tls-ca-cert-file", &path(&tls.authority)]);
        port
    }

    /// Sets the password of clients and replicas.
    pub(crate) fn set_password(&mut self, password: &str) {
        self.add_arguments(&["--requirepass", password, "--masterauth", password]);
        self.password = Some(password.to_owned());
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    fn running(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether the server is started and not suspended.
    pub(crate) fn responds(&self) -> bool {
        self.running().as_ref().is_some_and(|running| !running.is_suspended)
    }

    /// Kills the server if it runs. Starts it with these additional arguments, without waiting.
    pub(crate) fn spawn(&self, additional: &[&str]) {
        self.kill();
        let process = Command::new(&self.program)
            .args(&self.arguments)
            .args(additional)
            .stdout(Stdio::null())
            .spawn()
            .expect("the program was found before");
        *self.running() = Some(Running { process, is_suspended: false });
    }

    /// Waits until the server replies.
    #[track_caller]
    pub(crate) fn wait_until_started(&self) {
        // Another process may have taken the port, and may reply too.
        let id = self.running().as_ref().expect("a started server").process.id();
        wait_until(&format!("the start of port {}", self.port), || {
            let mut running = self.running();
            let process = &mut running.as_mut().expect("a started server").process;
            if let Ok(Some(status)) = process.try_wait() {
                let log = fs::read_to_string(self.folder.join(format!("{}.log", self.port)));
                panic!("the server has ended, {status}:\n{}", log.unwrap_or_default());
            }
            drop(running);
            let info = self.command(&["INFO", "server"]);
            // A server that loads its data replies to `INFO`, but not to `PING`.
            info.contains(&format!("process_id:{id}\r\n")) && self.command(&["PING"]) == "PONG"
        });
    }

    /// Kills the server, as in a crash.
    pub(crate) fn kill(&self) {
        if let Some(mut running) = self.running().take() {
            // Both fail only if the server has already exited.
            let _ = running.process.kill();
            let _ = running.process.wait();
        }
    }

    /// Suspends or resumes the server. The connections of a suspended server stay open, as if the
    /// network were cut.
    pub(crate) fn suspend(&self, suspend: bool) {
        let mut running = self.running();
        let running = running.as_mut().expect("a running server");
        let signal = if suspend { "-STOP" } else { "-CONT" };
        let status = Command::new("kill")
            .args([signal, &running.process.id().to_string()])
            .status()
            .expect("the command `kill`");
        assert!(status.success());
        running.is_suspended = suspend;
    }

    /// Returns a new connection.
    pub(crate) fn connect(&self) -> Option<Resp> {
        Resp::open(self.port, self.password.as_deref()).ok()
    }

    /// Returns the reply to a command, in the format of `redis-cli`. It is empty if the server does
    /// not reply.
    pub(crate) fn command(&self, command: &[&str]) -> String {
        self.connect().and_then(|mut to| to.send(command).ok()).unwrap_or_default()
    }

    /// Waits until the reply to a command contains these words.
    #[track_caller]
    pub(crate) fn wait_for(&self, words: &str, command: &[&str]) {
        wait_until(&format!("`{words}` of `{}`", command.join(" ")), || {
            self.command(command).contains(words)
        });
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}
