use std::time::{Duration, Instant};

/// The remaining attempts of a request.
pub(super) struct Budget {
    /// After a lost connection.
    pub(super) repetitions: u32,
    /// By `MOVED` and `ASK`.
    pub(super) redirections: u32,
    /// Until when to repeat a request that servers cannot execute at the moment.
    until: Instant,
    /// The next pause before that. It doubles.
    pause: Duration,
}

/// The first pause before a request is sent to a server that did not accept it.
pub(super) const MIN_PAUSE: Duration = Duration::from_millis(10);

/// The longest pause.
const MAX_PAUSE: Duration = Duration::from_millis(160);

impl Budget {
    /// `timeout` is that of the request. A part of it remains, so that the error has the cause.
    pub(super) fn new(timeout: Duration) -> Self {
        let until = Instant::now() + timeout * 3 / 4;
        Self { repetitions: 1, redirections: 5, until, pause: MIN_PAUSE }
    }

    /// Takes the next pause, unless too little time remains.
    pub(super) fn pause(&mut self) -> Option<Duration> {
        let pause = self.pause;
        self.pause = (2 * pause).min(MAX_PAUSE);
        (Instant::now() + pause < self.until).then_some(pause)
    }
}

/// Takes one of the remaining attempts, if there is one.
pub(super) fn take(attempts: &mut u32) -> bool {
    attempts.checked_sub(1).map(|rest| *attempts = rest).is_some()
}
