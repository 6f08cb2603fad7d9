//! Fetches a key set once.

use std::panic;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use tokio::runtime;
use tokio::runtime::Runtime;

use super::KeySet;
use super::http::{Answer, HttpSource};
use super::source::Call;
use crate::error::quote;

/// How long a document without `max-age` is used before the next fetch.
const DEFAULT_MAX_AGE: Duration = Duration::from_secs(5 * 60);

/// The limits of the fetches of one source.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FetchLimits {
    /// The maximum time of one fetch.
    pub(crate) timeout: Duration,
    /// How long keys are used after the last successful fetch.
    pub(crate) max_staleness: time::Duration,
}

/// A fetched key set.
pub(crate) struct Fetched {
    pub(crate) keys: KeySet,
    /// The time until the next fetch.
    pub(crate) max_age: Duration,
}

/// Why a key set is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FetchReason {
    /// The regular fetch.
    Due,
    /// A token has an unknown key. The document in a cache may be too old.
    UnknownKey,
}

/// Fetches the key set of one issuer.
pub(crate) struct Fetch {
    issuer: String,
    method: Method,
    timeout: Duration,
}

enum Method {
    /// With the keys of the last document, for a response `304`.
    Http {
        source: Box<HttpSource>,
        last: Option<KeySet>,
    },
    Call {
        call: Box<Call>,
        runtime: Option<Runtime>,
    },
}

impl Fetch {
    pub(super) fn from_url(issuer: &str, source: HttpSource, timeout: Duration) -> Self {
        let method = Method::Http { source: Box::new(source), last: None };
        Self { issuer: issuer.to_owned(), method, timeout }
    }

    pub(super) fn from_call(issuer: &str, call: Box<Call>, timeout: Duration) -> Self {
        let method = Method::Call { call, runtime: None };
        Self { issuer: issuer.to_owned(), method, timeout }
    }

    /// Fetches the key set. Blocks for at most the timeout, unless a closure blocks.
    ///
    /// # Errors
    ///
    /// The cause, for the log.
    pub(crate) fn run(&mut self, reason: FetchReason) -> Result<Fetched, String> {
        let Self { issuer, method, timeout } = self;
        // After a panic, the next fetch starts again with a new connection or a new future.
        panic::catch_unwind(AssertUnwindSafe(|| match method {
            Method::Http { source, last } => fetch_url(issuer, source, last, *timeout, reason),
            Method::Call { call, runtime } => {
                let keys = await_call(call, runtime, *timeout)?;
                check_issuer(issuer, &keys)?;
                Ok(Fetched { keys, max_age: DEFAULT_MAX_AGE })
            }
        }))
        .unwrap_or_else(|_| Err("the source panicked".to_owned()))
    }
}

impl Drop for Fetch {
    fn drop(&mut self) {
        // A blocking task of the closure must not delay the end of the thread.
        if let Method::Call { runtime, .. } = &mut self.method
            && let Some(runtime) = runtime.take()
        {
            runtime.shutdown_background();
        }
    }
}

fn fetch_url(
    issuer: &str,
    source: &mut HttpSource,
    last: &mut Option<KeySet>,
    timeout: Duration,
    reason: FetchReason,
) -> Result<Fetched, String> {
    let (answer, max_age) = source.get(timeout, reason)?;
    let max_age = max_age.unwrap_or(DEFAULT_MAX_AGE);
    match (answer, last.as_ref()) {
        (Answer::NotModified, Some(keys)) => Ok(Fetched { keys: keys.clone(), max_age }),
        (Answer::NotModified, None) => Err("the server sent `304` without a document".to_owned()),
        (Answer::Document { body, tag }, _) => {
            let keys = KeySet::from_json(&body).map_err(|error| error.to_string())?;
            check_issuer(issuer, &keys)?;
            *last = Some(keys.clone());
            source.set_tag(tag);
            Ok(Fetched { keys, max_age })
        }
    }
}

fn await_call(
    call: &Call,
    runtime: &mut Option<Runtime>,
    timeout: Duration,
) -> Result<KeySet, String> {
    let started = match runtime.take() {
        Some(runtime) => runtime,
        None => runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| format!("could not start the runtime: {error}"))?,
    };
    let runtime = runtime.insert(started);
    match runtime.block_on(async { tokio::time::timeout(timeout, call()).await }) {
        Ok(Ok(keys)) => Ok(keys),
        Ok(Err(error)) => Err(quote(&error.to_string())),
        Err(_) => Err(format!("the source did not respond within {} s", timeout.as_secs_f64())),
    }
}

fn check_issuer(expected: &str, keys: &KeySet) -> Result<(), String> {
    if keys.issuer() == expected {
        return Ok(());
    }
    Err(format!("expected issuer {}, found {}", quote(expected), quote(keys.issuer())))
}
