//! What was logged.

use std::{
    fmt::{self, Write},
    sync::{Arc, LazyLock, Mutex},
};

use tracing::{
    Dispatch, Event, Subscriber,
    field::{Field, Visit},
    span,
    subscriber::DefaultGuard,
};
use tracing_subscriber::{
    Layer,
    layer::{Context, SubscriberExt},
    registry,
};

/// As long as there is but one subscriber, `tracing` asks that of the current thread whether anybody cares for an event
/// that is new, and keeps the "no" of a thread without one, so that tests in other threads would make this one deaf. With
/// a second it asks all.
static SECOND: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(registry()));

/// Everything that this thread logs, at every level, until it is dropped.
pub struct Logs {
    lines: Arc<Mutex<Vec<String>>>,
    _guard: DefaultGuard,
}

impl Logs {
    /// Starts to listen.
    pub fn capture() -> Self {
        LazyLock::force(&SECOND);
        let lines = Arc::<Mutex<Vec<String>>>::default();
        let layer = Capture(Arc::clone(&lines));
        Self { lines, _guard: tracing::subscriber::set_default(registry().with(layer)) }
    }

    /// The lines so far: level, target, message and fields.
    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().expect("no panic while logging").clone()
    }

    /// How many lines have this text.
    pub fn count(&self, text: &str) -> usize {
        self.lines().iter().filter(|line| line.contains(text)).count()
    }

    /// How many signatures were checked.
    pub fn signature_checks(&self) -> usize {
        self.count("checking a signature")
    }
}

impl fmt::Debug for Logs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.lines()).finish()
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
        write!(self.0, " {}={value:?}", field.name()).expect("a String takes everything");
    }
}
