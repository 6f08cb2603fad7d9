//! A real Redis server of a test's own.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs, io, thread};

use crate::certificates::Certificates;
use crate::require::found_or_skipped;

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

    /// Moves the times of all keys back, as if this much time had passed.
    #[track_caller]
    pub fn advance(&self, by: time::Duration) {
        let script = "for _, key in ipairs(redis.call('KEYS', '*')) do
            if redis.call('TYPE', key).ok == 'hash' then
                local fields = redis.call('HGETALL', key)
                for i = 1, #fields, 2 do
                    local family = cmsgpack.unpack(fields[i + 1])
                    for j = 3, 5 do family[j] = family[j] - ARGV[1] * 1000 end
                    redis.call('HSET', key, fields[i], cmsgpack.pack(family))
                end
            end
            redis.call('PEXPIREAT', key, redis.call('PEXPIRETIME', key) - ARGV[1])
        end
        return 'moved'";
        assert_eq!(
            self.command(&["EVAL", script, "0", &by.whole_milliseconds().to_string()]),
            "moved"
        );
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
        let (port, path) =
            (free_port(), |path: &Path| path.to_str().expect("a path of text").to_owned());
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
        let is_there =
            Command::new(&program).arg("--version").stdout(Stdio::null()).status().is_ok();
        found_or_skipped(is_there.then_some(()), "redis", "redis-server")?;
        let port = free_port();
        let folder =
            env::temp_dir().join(format!("paseto-actix-redis-{}-{port}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        Some(Self { program, port, folder, arguments: Vec::new(), server: None })
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// Ends the connections of all clients, as the server does with those that are idle for long.
    pub fn end_connections(&self) {
        let ended: u32 =
            self.command(&["CLIENT", "KILL", "TYPE", "normal"]).parse().expect("how many");
        assert_ne!(ended, 0, "no client was connected");
    }

    /// Another way to this server, on which answers can be lost.
    pub fn lossy_way(&self) -> LossyWay {
        LossyWay::to(self.port)
    }

    /// Kills the server, if it runs, and starts it again, with these arguments too.
    pub fn restart(&mut self, arguments: &[&str]) {
        self.kill();
        let server = Command::new(&self.program)
            .args(["--bind", "127.0.0.1", "--port", &self.port.to_string(), "--save", ""])
            .args([
                "--appendonly",
                "yes",
                "--appendfsync",
                "always",
                "--maxmemory-policy",
                "noeviction",
            ])
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
        let status = Command::new("kill")
            .args([signal, &server.id().to_string()])
            .status()
            .expect("the command `kill`");
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

/// A way to a server that loses an answer when told so, and the connection with it: the server has done what it was told then.
#[derive(Debug)]
pub struct LossyWay {
    port: u16,
    loses: Arc<AtomicBool>,
}

impl LossyWay {
    fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let way =
            Self { port: listener.local_addr().expect("an address").port(), loses: Arc::default() };
        let loses = Arc::clone(&way.loses);
        thread::spawn(move || {
            for client in listener.incoming() {
                let server = TcpStream::connect(("127.0.0.1", server));
                let (Ok(client), Ok(server)) = (client, server) else { return };
                let ends =
                    (client.try_clone().expect("a socket"), server.try_clone().expect("a socket"));
                thread::spawn(move || pass(ends.0, ends.1, || false));
                let loses = Arc::clone(&loses);
                thread::spawn(move || pass(server, client, || loses.swap(false, Ordering::SeqCst)));
            }
        });
        way
    }

    /// Where it begins.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// Loses the next answer.
    pub fn lose(&self) {
        self.loses.store(true, Ordering::SeqCst);
    }

    /// Whether the answer that was to be lost was.
    pub fn has_lost(&self) -> bool {
        !self.loses.load(Ordering::SeqCst)
    }
}

/// Passes on what comes, until either end is closed or something is to be lost; then both are.
fn pass(mut from: TcpStream, mut to: TcpStream, loses: impl Fn() -> bool) {
    let mut buffer = [0; 4096];
    let mut step = || -> io::Result<bool> {
        let length = from.read(&mut buffer)?;
        if length == 0 || loses() {
            return Ok(false);
        }
        to.write_all(&buffer[..length]).map(|()| true)
    };
    while matches!(step(), Ok(true)) {}
    for end in [from, to] {
        // It may be closed by now.
        let _ = end.shutdown(Shutdown::Both);
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
