//! A server of key sets on this machine, with all the faults of a server.

use std::fmt;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use paseto_actix::PublicKey;
use paseto_actix::key_set::KeySet;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::certificates::Certificates;

/// The maximum time until the client sends a request. After that, the test fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the server sends after it has read a request.
#[derive(Clone, Debug)]
pub enum Reply {
    /// This response. Then the server closes the connection.
    Response(Vec<u8>),
    /// This beginning of a response, then bytes until the client closes the connection.
    Endless(Vec<u8>),
    /// This beginning of a response, then a byte every 10 milliseconds.
    Slow(Vec<u8>),
    /// Nothing, until the client closes the connection.
    Silence,
}

/// Returns a response with this status line, these headers and this body.
pub fn response(status: &str, headers: &[&str], body: &str) -> Reply {
    let length = format!("Content-Length: {}", body.len());
    let mut head = format!("HTTP/1.1 {status}\r\n");
    for header in headers.iter().chain([&length.as_str(), &"Connection: close"]) {
        head += &format!("{header}\r\n");
    }
    Reply::Response(format!("{head}\r\n{body}").into_bytes())
}

/// Returns a response with this JSON document.
pub fn json(body: &str) -> Reply {
    response("200 OK", &["Content-Type: application/json"], body)
}

/// Returns a response with the key set of this issuer.
pub fn key_set(issuer: &str, keys: &[PublicKey]) -> Reply {
    json(&KeySet::new(issuer, keys.iter().cloned()).expect("a key set").to_json())
}

/// A server. It stops when it is dropped.
pub struct KeyServer {
    address: SocketAddr,
    scheme: &'static str,
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    tls: Option<Arc<ServerConfig>>,
}

struct State {
    reply: Reply,
    /// The heads of the requests.
    requests: Vec<String>,
    /// The number of body bytes that `Reply::Endless` has sent.
    sent: usize,
    is_held: bool,
    /// The number of replies that a held server may send.
    permits: usize,
    is_closed: bool,
}

impl KeyServer {
    /// Starts a server without TLS.
    pub fn start(reply: Reply) -> Self {
        Self::start_with(reply, None)
    }

    /// Starts a server with TLS.
    pub fn start_tls(reply: Reply, files: &Certificates) -> Self {
        let read = |path| fs::read(path).expect("a file");
        let certificate = CertificateDer::from_pem_slice(&read(&files.certificate)).expect("PEM");
        let key = PrivateKeyDer::from_pem_slice(&read(&files.key)).expect("PEM");
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("protocol versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .expect("a certificate and its key");
        Self::start_with(reply, Some(Arc::new(config)))
    }

    fn start_with(reply: Reply, tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let scheme = if tls.is_some() { "https" } else { "http" };
        let state = State {
            reply,
            requests: Vec::new(),
            sent: 0,
            is_held: false,
            permits: 0,
            is_closed: false,
        };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new(), tls });
        let server = Self { address, scheme, shared: Arc::clone(&shared) };
        thread::spawn(move || {
            for connection in listener.incoming() {
                if shared.lock().is_closed {
                    return;
                }
                let shared = Arc::clone(&shared);
                // A client may close the connection at any time.
                thread::spawn(move || shared.serve(connection.ok()?));
            }
        });
        server
    }

    /// Returns the URL of the key set.
    pub fn url(&self) -> String {
        self.url_of("127.0.0.1")
    }

    /// Returns the URL of the key set with another name of this host.
    pub fn url_of(&self, host: &str) -> String {
        format!("{}://{host}:{}/keys.json", self.scheme, self.address.port())
    }

    /// Sets the reply to the next requests.
    pub fn reply(&self, reply: Reply) {
        self.shared.lock().reply = reply;
    }

    /// Reads requests from now on, but does not reply until [`release`](Self::release).
    pub fn hold(&self) {
        self.shared.lock().is_held = true;
    }

    /// Sends the replies.
    pub fn release(&self) {
        self.shared.lock().is_held = false;
        self.shared.changed.notify_all();
    }

    /// Sends one reply. The server stays held.
    pub fn release_one(&self) {
        self.shared.lock().permits += 1;
        self.shared.changed.notify_all();
    }

    /// Returns the number of requests.
    pub fn hits(&self) -> usize {
        self.shared.lock().requests.len()
    }

    /// Returns the head of the last request.
    pub fn last_request(&self) -> String {
        self.shared.lock().requests.last().cloned().unwrap_or_default()
    }

    /// Returns the number of body bytes that [`Reply::Endless`] has sent.
    pub fn sent(&self) -> usize {
        self.shared.lock().sent
    }

    /// Waits until the server has read this number of requests.
    #[track_caller]
    pub fn wait_for_hits(&self, hits: usize) {
        let state = self.shared.lock();
        let is_early = |state: &mut State| state.requests.len() < hits;
        let (state, timeout) =
            self.shared.changed.wait_timeout_while(state, PATIENCE, is_early).expect("no panic");
        assert!(!timeout.timed_out(), "{} of {hits} requests", state.requests.len());
    }
}

impl Drop for KeyServer {
    fn drop(&mut self) {
        self.shared.lock().is_closed = true;
        self.shared.changed.notify_all();
        // Wake the thread that accepts connections.
        let _ = TcpStream::connect(self.address);
    }
}

impl fmt::Debug for KeyServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyServer").field("url", &self.url()).finish_non_exhaustive()
    }
}

trait Stream: Read + Write {}
impl<S: Read + Write> Stream for S {}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic")
    }

    fn serve(&self, connection: TcpStream) -> Option<()> {
        connection.set_read_timeout(Some(PATIENCE)).ok()?;
        let stream: Box<dyn Stream> = match &self.tls {
            Some(config) => {
                let tls = ServerConnection::new(Arc::clone(config)).ok()?;
                Box::new(StreamOwned::new(tls, connection))
            }
            None => Box::new(connection),
        };
        let mut stream = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if stream.read_line(&mut head).ok()? == 0 {
                return None;
            }
        }
        let reply = self.next_reply(head)?;
        let stream = stream.get_mut();
        match reply {
            Reply::Response(bytes) => stream.write_all(&bytes).ok()?,
            Reply::Silence => {
                let _ = stream.read(&mut [0]);
            }
            Reply::Endless(head) => {
                stream.write_all(&head).ok()?;
                loop {
                    stream.write_all(&[b' '; 64 * 1024]).ok()?;
                    self.lock().sent += 64 * 1024;
                }
            }
            Reply::Slow(head) => {
                stream.write_all(&head).ok()?;
                loop {
                    stream.write_all(b" ").ok()?;
                    stream.flush().ok()?;
                    thread::sleep(Duration::from_millis(10));
                }
            }
        }
        stream.flush().ok()
    }

    /// Records the request, and waits while the server is held. Returns `None` if it is closed.
    fn next_reply(&self, head: String) -> Option<Reply> {
        let mut state = self.lock();
        state.requests.push(head);
        self.changed.notify_all();
        let must_wait = |state: &mut State| state.is_held && state.permits == 0 && !state.is_closed;
        let mut state = self.changed.wait_while(state, must_wait).expect("no panic");
        state.permits = state.permits.saturating_sub(1);
        (!state.is_closed).then(|| state.reply.clone())
    }
}
