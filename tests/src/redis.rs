//! A Redis server that a test starts.

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

/// The environment variable with the server's program, such as that of Valkey. Default:
/// `redis-server`.
const SERVER: &str = "PASETO_ACTIX_REDIS_SERVER";

/// A running Redis server. It keeps its data over restarts. When this value is dropped, the server
/// is killed and its files are removed.
#[derive(Debug)]
pub struct Redis {
    program: OsString,
    port: u16,
    folder: PathBuf,
    /// Additional arguments of this server.
    arguments: Vec<String>,
    server: Option<Child>,
}

impl Redis {
    /// Starts a server on a free port of 127.0.0.1. Returns `None` if Redis is missing.
    #[track_caller]
    pub fn start() -> Option<Self> {
        let mut redis = Self::found()?;
        redis.restart(&[]);
        Some(redis)
    }

    /// Moves the times of all keys back, as if this time had passed.
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

    /// Starts a cluster of one server. The server owns all slots and rejects commands across slots.
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

    /// Starts a server that also accepts TLS. Returns the server, its TLS URL and the certificate
    /// of the authority.
    #[track_caller]
    pub fn tls() -> Option<(Self, String, PathBuf)> {
        let mut redis = Self::found()?;
        let tls = Certificates::of_localhost(&redis.folder);
        let (port, path) =
            (free_port(), |path: &Path| path.to_str().expect("a path in UTF-8").to_owned());
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

    /// Returns the URL of the server.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// Closes the connections of all clients, as the server does with idle connections.
    pub fn end_connections(&self) {
        let ended: u32 =
            self.command(&["CLIENT", "KILL", "TYPE", "normal"]).parse().expect("how many");
        assert_ne!(ended, 0, "no client was connected");
    }

    /// Starts a proxy to this server that can lose responses.
    pub fn lossy_proxy(&self) -> LossyProxy {
        LossyProxy::to(self.port)
    }

    /// Kills the server if it runs, and starts it with these additional arguments.
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
            assert!(
                start.elapsed() < Duration::from_secs(20),
                "the server did not return `{words}`"
            );
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Kills the server, as in a crash.
    pub fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            // Both fail only if the server has already exited.
            let _ = server.kill();
            let _ = server.wait();
        }
    }

    /// Suspends or resumes the server.
    pub fn hang(&self, hang: bool) {
        let server = self.server.as_ref().expect("a running server");
        let signal = if hang { "-STOP" } else { "-CONT" };
        let status = Command::new("kill")
            .args([signal, &server.id().to_string()])
            .status()
            .expect("the command `kill`");
        assert!(status.success());
    }

    /// Returns the response of the server to a command.
    pub fn command(&self, command: &[&str]) -> String {
        let output = Command::new("redis-cli")
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string()])
            .args(command)
            .output()
            .expect("redis-cli beside redis-server");
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }
}

/// A proxy to a server. On request it drops the next response and closes the connection. The server
/// has then executed the command.
#[derive(Debug)]
pub struct LossyProxy {
    port: u16,
    loses: Arc<AtomicBool>,
}

impl LossyProxy {
    fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let proxy =
            Self { port: listener.local_addr().expect("an address").port(), loses: Arc::default() };
        let loses = Arc::clone(&proxy.loses);
        thread::spawn(move || {
            for client in listener.incoming() {
                let server = TcpStream::connect(("127.0.0.1", server));
                let (Ok(client), Ok(server)) = (client, server) else { return };
                let ends =
                    (client.try_clone().expect("a socket"), server.try_clone().expect("a socket"));
                thread::spawn(move || forward(ends.0, ends.1, || false));
                let loses = Arc::clone(&loses);
                thread::spawn(move || {
                    forward(server, client, || loses.swap(false, Ordering::SeqCst))
                });
            }
        });
        proxy
    }

    /// Returns the URL of the proxy.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// Drops the next response.
    pub fn lose(&self) {
        self.loses.store(true, Ordering::SeqCst);
    }

    /// Returns whether the response has been dropped.
    pub fn has_lost(&self) -> bool {
        !self.loses.load(Ordering::SeqCst)
    }
}

/// Forwards bytes until either end is closed or a response is dropped. Then closes both ends.
fn forward(mut from: TcpStream, mut to: TcpStream, loses: impl Fn() -> bool) {
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
        // The end may already be closed.
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
