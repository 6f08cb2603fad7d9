//! Child processes that run this program, and the processor cores of processes.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::{env, io, thread};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The core of the servers.
pub(crate) const SERVER_CORE: usize = 0;
/// The core of the client.
pub(crate) const CLIENT_CORE: usize = 1;

/// A child process. It is killed when this value is dropped.
pub(crate) struct ChildProcess {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl ChildProcess {
    /// Starts this program with these arguments, and sends the input as one line of JSON. `wrapper`
    /// is the command that starts it, for example `taskset`, or is empty.
    pub(crate) fn start(wrapper: &[&str], arguments: &[&str], input: &impl Serialize) -> Self {
        let program = env::current_exe().expect("the path of this program");
        let mut command = match wrapper {
            [] => Command::new(program),
            [wrapper, its_arguments @ ..] => {
                let mut command = Command::new(wrapper);
                command.args(its_arguments).arg(program);
                command
            }
        };
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("a child process");
        let output = BufReader::new(child.stdout.take().expect("its output"));
        let mut child = Self { child, output };
        let mut line = serde_json::to_vec(input).expect("JSON");
        line.push(b'\n');
        child
            .child
            .stdin
            .as_mut()
            .expect("its input")
            .write_all(&line)
            .expect("a child that reads");
        child
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until the process has exited. Panics if it has failed.
    pub(crate) fn wait(mut self) {
        assert!(
            self.child.wait().expect("a child process").success(),
            "a child process has failed"
        );
    }

    /// Returns the next line of its output.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("UTF-8");
        line.trim_end().to_owned()
    }
}

impl Drop for ChildProcess {
    fn drop(&mut self) {
        // Both calls fail only if the process has already exited.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads the input that the parent process has sent.
pub(crate) fn input<T: DeserializeOwned>() -> T {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).expect("a line");
    serde_json::from_str(&line).expect("JSON")
}

/// Exits this process when its parent process has exited.
pub(crate) fn exit_with_parent() {
    thread::spawn(|| {
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        std::process::exit(0);
    });
}

/// Returns whether a program can be started. Calls it with this argument.
pub(crate) fn is_installed(program: &str, argument: &str) -> bool {
    let mut command = Command::new(program);
    command.arg(argument).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Returns whether the servers and the client can have their own cores.
pub(crate) fn can_pin() -> bool {
    is_installed("taskset", "--version")
        && thread::available_parallelism().is_ok_and(|cores| cores.get() > CLIENT_CORE)
}

/// Pins this thread to one core. Call it in the first thread of the process.
pub(crate) fn pin_to(core: usize) {
    let mut command = Command::new("taskset");
    command.args(["-cp", &core.to_string(), &std::process::id().to_string()]).stdout(Stdio::null());
    assert!(command.status().expect("taskset").success());
}
