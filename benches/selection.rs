//! The options of a comparison, and the subjects that it selects.

use std::path::PathBuf;

/// The options of a comparison.
pub(crate) struct Run {
    /// Calls each subject once and checks its response.
    pub(crate) brief: bool,
    /// Selects the subjects whose group and name contain this text. `None` selects all subjects.
    pub(crate) only: Option<String>,
    /// Counts the instructions of a request instead of measuring times.
    pub(crate) instructions: bool,
    pub(crate) chart: PathBuf,
    pub(crate) markdown: Option<PathBuf>,
}

impl Run {
    /// Returns whether the subject with this name is selected.
    pub(crate) fn wants(&self, group: &str, name: &str) -> bool {
        self.only.as_deref().is_none_or(|only| format!("{group}: {name}").contains(only))
    }
}
