//! A Redis of this run's own.

use std::{
    env, fs,
    io::{Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

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
        let port =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port").local_addr().expect("an address").port();
        let folder = env::temp_dir().join(format!("paseto-actix-benches-{}-{port}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        let server = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", "", "--appendonly", "yes", "--dir"])
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
