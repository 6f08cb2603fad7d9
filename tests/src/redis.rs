//! A real Redis server of a test's own.

use std::{
    env,
    ffi::OsString,
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{certificates::Certificates, require::found_or_skipped};

/// The environment variable with the server's program, where that is not `redis-server`: a Valkey, for one.
const SERVER: &str = "PASETO_ACTIX_REDIS_SERVER";

/// A running Redis that keeps what it was told over restarts. It is killed, and its files are removed, when this is dropped.
#[derive(Debug)]
pub struct Redis {
    program: OsString,
    port: u16,
    folder: PathBuf,
    /// What this one is started with beyond what all are.
    arguments: Vec<String>,
    server: Option<Child>,
}

impl Redis {
    /// Starts one on a free port of 127.0.0.1; `None` where there is none to start.
    #[track_caller]
    pub fn start() -> Option<Self> {
        let mut redis = Self::found()?;
        redis.restart(&[]);
        Some(redis)
    }

    /// Starts one that is a whole cluster: all slots are its own, and it refuses what goes across them.
    #[track_caller]
    pub fn cluster() -> Option<Self> {
        let mut redis = Self::found()?;
        redis.arguments = ["--cluster-enabled", "yes", "--cluster-port"].map(str::to_owned).into();
        redis.arguments.push(free_port().to_string());
        redis.restart(&[]);
        assert_eq!(redis.command(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]), "OK");
        redis.wait_for("cluster_state:ok", &["CLUSTER", "INFO"]);
        Some(redis)
    }

    /// Starts one that speaks TLS too: there is its URL for that, and the certificate of who signed the server's own.
    #[track_caller]
    pub fn tls() -> Option<(Self, String, PathBuf)> {
        let mut redis = Self::found()?;
        let tls = Certificates::of_localhost(&redis.folder);
        let (port, path) = (free_port(), |path: &Path| path.to_str().expect("a path of text").to_owned());
        redis.arguments = vec![
            "--tls-port".to_owned(),
            port.to_string(),
            "--tls-cert-file".to_owned(),
            path(&tls.certificate),
            "--tls-key-file".to_owned(),
            path(&tls.key),
            "--tls-ca-cert-file".to_owned(),
            path(&tls.authority),
            "--tls-auth-clients".to_owned(),
            "no".to_owned(),
        ];
        redis.restart(&[]);
        Some((redis, format!("rediss://127.0.0.1:{port}/"), tls.authority))
    }

    #[track_caller]
    fn found() -> Option<Self> {
        let program = env::var_os(SERVER).unwrap_or_else(|| "redis-server".into());
        let is_there = Command::new(&program).arg("--version").stdout(Stdio::null()).status().is_ok();
        found_or_skipped(is_there.then_some(()), "redis", "redis-server")?;
        let port = free_port();
        let folder = env::temp_dir().join(format!("paseto-actix-redis-{}-{port}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        Some(Self { program, port, folder, arguments: Vec::new(), server: None })
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// Kills the server, if it runs, and starts it again, with these arguments too.
    pub fn restart(&mut self, arguments: &[&str]) {
        self.kill();
        let server = Command::new(&self.program)
            .args(["--bind", "127.0.0.1", "--port", &self.port.to_string(), "--save", ""])
            .args(["--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction"])
            .arg("--dir")
            .arg(&self.folder)
            .args(&self.arguments)
            .args(arguments)
            .stdout(Stdio::null())
            .spawn()
            .expect("the program was found before");
        self.server = Some(server);
        self.wait_for("PONG", &["PING"]);
    }

    fn wait_for(&self, words: &str, command: &[&str]) {
        let start = Instant::now();
        while !self.command(command).contains(words) {
            assert!(start.elapsed() < Duration::from_secs(20), "the server does not say `{words}`");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Ends the server as a crash does.
    pub fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            // Both fail only where it has ended by itself.
            let _ = server.kill();
            let _ = server.wait();
        }
    }

    /// Makes the server stand still, or go on.
    pub fn hang(&self, hang: bool) {
        let server = self.server.as_ref().expect("a running server");
        let signal = if hang { "-STOP" } else { "-CONT" };
        let status =
            Command::new("kill").args([signal, &server.id().to_string()]).status().expect("the command `kill`");
        assert!(status.success());
    }

    /// What the server answers to a command.
    pub fn command(&self, command: &[&str]) -> String {
        let output = Command::new("redis-cli")
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string()])
            .args(command)
            .output()
            .expect("redis-cli beside redis-server");
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port()
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
        let _ = fs::remove_dir_all(&self.folder);
    }
}
