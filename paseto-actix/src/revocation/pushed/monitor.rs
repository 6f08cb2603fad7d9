use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use futures_util::future::select;
use redis::RedisResult;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::super::results::Moment;
use super::answers::Answers;
use crate::clock::Clock;
use crate::redis::{Proof, RedisConnection, Tracker, without_arguments};

/// Keeps the connection to Redis, and renews the lease.
pub(super) struct Monitor {
    connection: RedisConnection,
    answers: Arc<Answers>,
    clock: Arc<dyn Clock>,
}

/// The number of renewals within the bound.
const RENEWALS: u32 = 4;
/// The delays between attempts to connect.
const MIN_BACKOFF: Duration = Duration::from_millis(20);
const MAX_BACKOFF: Duration = Duration::from_secs(1);

impl Monitor {
    pub(super) fn new(
        connection: RedisConnection,
        answers: Arc<Answers>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { connection, answers, clock }
    }

    /// Starts the thread. It ends when the sender of `stop` is dropped. Without the thread, each
    /// request queries Redis.
    pub(super) fn start(self, stop: oneshot::Receiver<Infallible>) {
        let run = move || match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => {
                runtime.block_on(select(pin!(self.run()), stop));
            }
            Err(error) => tracing::error!(%error, "cannot start the runtime of pushed revocations"),
        };
        let thread = thread::Builder::new().name("paseto-redis-push".to_owned()).spawn(run);
        if let Err(error) = thread {
            tracing::error!(%error, "cannot start the thread `paseto-redis-push`");
        }
    }

    async fn run(&self) {
        let (mut backoff, mut is_logged) = (MIN_BACKOFF, false);
        for attempt in 0.. {
            let mut live_since = None;
            let error = match self.connect(attempt).await {
                Ok(tracker) => self.renew_until_lost(tracker, &mut live_since).await,
                Err(error) => error,
            };
            // The message handler has already invalidated the results if the connection was lost.
            self.answers.end_lease();
            if !is_logged || live_since.is_some() {
                let error = without_arguments(&error);
                tracing::warn!(error, "pushed revocations are lost: each request queries Redis");
                is_logged = true;
            }
            if live_since.is_some_and(|since: Instant| since.elapsed() > MAX_BACKOFF) {
                backoff = MIN_BACKOFF;
            }
            sleep(backoff).await;
            backoff = (backoff * 2).min(MAX_BACKOFF);
        }
    }

    async fn connect(&self, attempt: usize) -> RedisResult<Tracker> {
        let answers = Arc::clone(&self.answers);
        let on_invalidation = Arc::new(move |invalidation| answers.handle(invalidation));
        let tracker = Tracker::open(&self.connection, on_invalidation, attempt).await?;
        // A query before this line may have missed a revocation before the tracking started.
        self.answers.results.invalidate_all();
        Ok(tracker)
    }

    async fn renew_until_lost(
        &self,
        mut tracker: Tracker,
        live_since: &mut Option<Instant>,
    ) -> redis::RedisError {
        let (bound, servers) = (self.answers.bound(), Arc::new(tracker.servers()));
        let mut is_replicated = true;
        loop {
            let next = Instant::now() + bound / RENEWALS;
            let (requested, epoch) = (Moment::now(&*self.clock), self.answers.results.epoch());
            match timeout(bound, tracker.pass_fences(bound)).await {
                Ok(Ok(Proof::Given)) => {
                    self.answers.renew(requested, epoch, &servers);
                    if live_since.is_none() || !is_replicated {
                        live_since.get_or_insert_with(Instant::now);
                        tracing::info!("pushed revocations are in use");
                    }
                    is_replicated = true;
                }
                Ok(Ok(Proof::NotReplicated)) => {
                    if is_replicated {
                        tracing::warn!(
                            "pushed revocations: too few replicas confirm writes (`min_replicas`)"
                        );
                    }
                    is_replicated = false;
                }
                Ok(Err(error)) => return error,
                Err(elapsed) => return io::Error::from(elapsed).into(),
            }
            if timeout_at(next, tracker.lost()).await.is_ok() {
                return io::Error::from(io::ErrorKind::ConnectionReset).into();
            }
        }
    }
}
