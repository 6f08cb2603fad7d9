//! A Redis of this run's own.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use crate::process::is_there;

/// It is ended, and its files are removed, when this is dropped.
pub(crate) struct Redis {
    server: Child,
    port: u16,
    folder: PathBuf,
}

impl Redis {
    /// Starts one on a free port of 127.0.0.1; `None` where there is none to start.
    pub(crate) fn start() -> Option<Self> {
        if !is_there("redis-server", "--version") {
            return None;
        }
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .expect("a port")
            .local_addr()
            .expect("an address")
            .port();
        let folder =
            env::temp_dir().join(format!("paseto-actix-benches-{}-{port}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        let server = Command::new("redis-server")
            .args([
                "--bind",
                "127.0.0.1",
                "--port",
                &port.to_string(),
                "--save",
                "",
                "--appendonly",
                "yes",
                "--dir",
            ])
            .arg(&folder)
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server was found before");
        let redis = Self { server, port, folder };
        let start = Instant::now();
        while redis.ping().is_none() {
            assert!(start.elapsed() < Duration::from_secs(20), "Redis does not answer");
            thread::sleep(Duration::from_millis(10));
        }
        Some(redis)
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// The answer of the server to a command.
    pub(crate) fn command(&self, command: &[&str]) -> String {
        let output =
            Command::new("redis-cli").args(["-p", &self.port.to_string()]).args(command).output();
        let output = output.expect("redis-cli beside redis-server");
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    /// The value of a line of `INFO`.
    fn info(&self, name: &str) -> String {
        let info = self.command(&["INFO"]);
        let value = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        value.expect("a line of INFO").trim().to_owned()
    }

    pub(crate) fn version(&self) -> String {
        self.info("redis_version")
    }

    /// The bytes that the server has allocated, without the buffers of clients and of the log.
    pub(crate) fn used_memory(&self) -> f64 {
        let [used, clients, log] = ["used_memory", "mem_clients_normal", "mem_aof_buffer"]
            .map(|name| self.info(name).parse::<f64>().expect("a number"));
        used - clients - log
    }

    /// The bytes of the only key; 0 without a key.
    pub(crate) fn key_memory(&self) -> f64 {
        match &*self.command(&["KEYS", "*"]) {
            "" => 0.0,
            key => {
                self.command(&["MEMORY", "USAGE", key, "SAMPLES", "0"]).parse().expect("one key")
            }
        }
    }

    fn ping(&self) -> Option<()> {
        let mut connection = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).ok()?;
        connection.write_all(b"PING\r\n").ok()?;
        let mut answer = [0; 7];
        connection.read_exact(&mut answer).ok()?;
        (&answer == b"+PONG\r\n").then_some(())
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // All fail only where it has ended by itself.
        let _ = self.server.kill();
        let _ = self.server.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}
