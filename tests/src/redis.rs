//! A real Redis server of a test's own.

use std::{
    env, fs,
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::require::found_or_skipped;

/// A running Redis that keeps what it was told over restarts. It is killed, and its files are removed, when this is dropped.
#[derive(Debug)]
pub struct Redis {
    port: u16,
    folder: PathBuf,
    server: Option<Child>,
}

impl Redis {
    /// Starts one on a free port of 127.0.0.1; `None` where there is none to start.
    #[track_caller]
    pub fn start() -> Option<Self> {
        let is_there = Command::new("redis-server").arg("--version").stdout(Stdio::null()).status().is_ok();
        found_or_skipped(is_there.then_some(()), "redis", "redis-server")?;
        let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
        let folder = env::temp_dir().join(format!("paseto-actix-redis-{}-{port}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        let mut redis = Self { port, folder, server: None };
        redis.restart(&[]);
        Some(redis)
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// Kills the server, if it runs, and starts it again, with these arguments too.
    pub fn restart(&mut self, arguments: &[&str]) {
        self.kill();
        let server = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--port", &self.port.to_string(), "--save", ""])
            .args(["--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction"])
            .arg("--dir")
            .arg(&self.folder)
            .args(arguments)
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server was found before");
        self.server = Some(server);
        let start = Instant::now();
        while self.command(&["PING"]) != "PONG" {
            assert!(start.elapsed() < Duration::from_secs(20), "the server does not answer");
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

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
        let _ = fs::remove_dir_all(&self.folder);
    }
}
