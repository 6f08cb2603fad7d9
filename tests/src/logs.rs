//! Captures logs, and asserts that they contain no secret.

use std::collections::HashMap;
use std::fmt;
use std::fmt::Write;
use std::sync::{Arc, LazyLock, Mutex};

use base64ct::{Base64UrlUnpadded, Encoding};
use tracing::field::{Field, Visit};
use tracing::subscriber::DefaultGuard;
use tracing::{Dispatch, Event, Subscriber, span};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::{Layer, registry};

/// With one subscriber, `tracing` asks the subscriber of the current thread about a new event and
/// caches the result. A thread without a subscriber would then disable the event for the thread of
/// a test. With a second subscriber, `tracing` asks all subscribers.
static SECOND: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(registry()));

/// Captures all lines that this thread logs, at each level, until this value is dropped.
pub struct Logs {
    lines: Arc<Mutex<Vec<String>>>,
    _guard: DefaultGuard,
}

impl Logs {
    /// Starts to capture.
    pub fn capture() -> Self {
        LazyLock::force(&SECOND);
        let lines = Arc::<Mutex<Vec<String>>>::default();
        let layer = Capture(Arc::clone(&lines));
        Self { lines, _guard: tracing::subscriber::set_default(registry().with(layer)) }
    }

    /// Returns the captured lines: level, target, message and fields.
    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().expect("no panic while logging").clone()
    }

    /// Returns the number of lines that contain this text.
    pub fn count(&self, text: &str) -> usize {
        self.lines().iter().filter(|line| line.contains(text)).count()
    }

    /// Returns the number of signature checks.
    pub fn signature_checks(&self) -> usize {
        self.count("checking a signature")
    }

    /// Asserts that a line contains the text of each scenario, and that no line contains a part of
    /// a secret.
    #[track_caller]
    pub fn assert_no_secret(&self, scenarios: &[&str], secrets: &Secrets) {
        for scenario in scenarios {
            assert_ne!(self.count(scenario), 0, "expected a line with `{scenario}`: {self:#?}");
        }
        let lines = self.lines();
        assert!(!lines.is_empty(), "nothing was logged");
        for line in lines {
            secrets.assert_not_in(&line, "the log");
        }
    }
}

impl fmt::Debug for Logs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.lines()).finish()
    }
}

/// The number of consecutive characters of a secret that a line must not contain.
const PART_LEN: usize = 16;

/// Strings that logs must not contain. Each has a name for the failure message.
#[derive(Debug, Default)]
pub struct Secrets {
    parts: HashMap<Vec<u8>, &'static str>,
    short: Vec<(String, &'static str)>,
}

impl Secrets {
    /// Adds a key as PASERK, and its bytes as a list of numbers.
    pub fn key(&mut self, paserk: &str) {
        let text = paserk.rsplit('.').next().expect("a PASERK has three pieces");
        let bytes = Base64UrlUnpadded::decode_vec(text).expect("the base64 of a PASERK");
        self.add("a key", text);
        self.add("the bytes of a key", format!("{bytes:?}").trim_matches(['[', ']']));
    }

    /// Adds a token without its version and purpose.
    pub fn token(&mut self, token: &str) {
        let pieces: Vec<_> = token.split('.').filter(|piece| piece.len() >= PART_LEN).collect();
        assert!(!pieces.is_empty(), "too short for a token: {token}");
        pieces.iter().for_each(|piece| self.add("a token", piece));
    }

    /// Adds another secret. A secret below 16 characters must not occur as a whole.
    pub fn add(&mut self, name: &'static str, text: &str) {
        assert!(text.len() >= 8, "{name} may be in other texts by chance: {text}");
        if text.len() < PART_LEN {
            self.short.push((text.to_owned(), name));
        }
        self.parts.extend(text.as_bytes().windows(PART_LEN).map(|part| (part.to_vec(), name)));
    }

    /// Asserts that the text contains no part of a secret.
    #[track_caller]
    pub fn assert_not_in(&self, text: &str, case: &str) {
        let part = text.as_bytes().windows(PART_LEN).find_map(|part| self.parts.get(part));
        let short = self.short.iter().find(|(short, _)| text.contains(short)).map(|(_, name)| name);
        if let Some(name) = part.or(short) {
            panic!("{name} in {case}: {text}");
        }
    }
}

struct Capture(Arc<Mutex<Vec<String>>>);

impl Capture {
    fn push(&self, line: String) {
        self.0.lock().expect("no panic while logging").push(line);
    }
}

impl<S: Subscriber> Layer<S> for Capture {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut line = Line(format!("{} {}", event.metadata().level(), event.metadata().target()));
        event.record(&mut line);
        self.push(line.0);
    }

    fn on_new_span(&self, attributes: &span::Attributes<'_>, _: &span::Id, _: Context<'_, S>) {
        let mut line = Line(format!("span {}", attributes.metadata().name()));
        attributes.record(&mut line);
        self.push(line.0);
    }

    fn on_record(&self, _: &span::Id, values: &span::Record<'_>, _: Context<'_, S>) {
        let mut line = Line("span".to_owned());
        values.record(&mut line);
        self.push(line.0);
    }
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        write!(self.0, " {}={value:?}", field.name()).expect("writing to a String does not fail");
    }
}
