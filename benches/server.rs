//! A server process with one worker.

use std::fs;
use std::future::{Future, poll_fn};
use std::net::Ipv4Addr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Service;
use actix_web::rt::System;
use actix_web::{App, HttpServer};

use crate::apps::Setting;
use crate::depth::deeper;
use crate::process::{ChildProcess, SERVER_CORE};
use crate::subjects::Subject;
use crate::{apps, process};

/// The keep-alive timeout. It is longer than each run, because the connections of a subject are
/// idle between two rounds.
const KEEP_ALIVE: Duration = Duration::from_secs(3600);

/// A running server.
pub(crate) struct Server {
    child: ChildProcess,
    pub(crate) port: u16,
}

impl Server {
    /// Starts a server that handles requests at this stack depth (see `depth.rs`).
    pub(crate) fn start(
        subject: &Subject,
        setting: &Setting,
        is_pinned: bool,
        depth: usize,
    ) -> Self {
        let core = SERVER_CORE.to_string();
        let wrapper: &[&str] = if is_pinned { &["taskset", "-c", &core] } else { &[] };
        let mut child =
            ChildProcess::start(wrapper, &["serve", subject.name, &depth.to_string()], setting);
        let port = child.line().parse().expect("the server's port");
        Self { child, port }
    }

    /// Returns the processor time of all threads since the start of the server. Returns `None` if
    /// the system does not report it.
    pub(crate) fn busy(&self) -> Option<Duration> {
        let threads = fs::read_dir(format!("/proc/{}/task", self.child.id())).ok()?;
        let busy = threads.map(|thread| {
            let text = fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
            text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
        });
        busy.sum()
    }
}

/// Runs in the child process. Serves requests until the parent process exits.
pub(crate) fn serve(subject: &'static Subject, depth: usize) {
    let setting: Arc<Setting> = Arc::new(process::input());
    process::exit_with_parent();
    let app = move || {
        let app = App::new().configure(|config| apps::configure(subject.app, &setting, config));
        app.wrap_fn(move |req, service| {
            let response = service.call(req);
            async move {
                let mut response = pin!(response);
                poll_fn(|cx| deeper(depth, || response.as_mut().poll(cx))).await
            }
        })
    };
    // The first request of a connection can be sent minutes after the connection was opened.
    let server = HttpServer::new(app)
        .workers(1)
        .keep_alive(KEEP_ALIVE)
        .client_request_timeout(Duration::ZERO);
    let server = server.disable_signals();
    let server = server.bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    println!("{}", server.addrs()[0].port());
    System::new().block_on(server.run()).expect("a server");
}
