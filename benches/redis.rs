//! A Redis server for one run.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::folder::Folder;
use crate::process::is_installed;

/// A Redis server. It is killed when this value is dropped.
pub(crate) struct Redis {
    server: Child,
    port: u16,
    /// The files of the server.
    _folder: Folder,
}

impl Redis {
    /// Starts a server on a free port of 127.0.0.1. Returns `None` if it is not installed.
    pub(crate) fn start() -> Option<Self> {
        if !is_installed("redis-server", "--version") {
            return None;
        }
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .expect("a port")
            .local_addr()
            .expect("an address")
            .port();
        let folder = Folder::create();
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
            .arg(folder.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed");
        let redis = Self { server, port, _folder: folder };
        let start = Instant::now();
        while redis.ping().is_none() {
            assert!(start.elapsed() < Duration::from_secs(20), "Redis does not respond");
            thread::sleep(Duration::from_millis(10));
        }
        Some(redis)
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// Sends a command and returns the response.
    pub(crate) fn command(&self, command: &[&str]) -> String {
        let output =
            Command::new("redis-cli").args(["-p", &self.port.to_string()]).args(command).output();
        let output = output.expect("redis-cli is installed with redis-server");
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    /// Returns the value of a line of `INFO`.
    fn info(&self, name: &str) -> String {
        let info = self.command(&["INFO"]);
        let value = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        value.expect("a line of INFO").trim().to_owned()
    }

    pub(crate) fn version(&self) -> String {
        self.info("redis_version")
    }

    /// Returns the bytes that the server has allocated, without the buffers of the clients and of
    /// the append-only file.
    pub(crate) fn used_memory(&self) -> f64 {
        let [used, clients, log] = ["used_memory", "mem_clients_normal", "mem_aof_buffer"]
            .map(|name| self.info(name).parse::<f64>().expect("a number"));
        used - clients - log
    }

    /// Returns the bytes of the only key, or 0 if there is no key.
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
        let mut response = [0; 7];
        connection.read_exact(&mut response).ok()?;
        (&response == b"+PONG\r\n").then_some(())
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // The calls fail only if the server has already exited.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
