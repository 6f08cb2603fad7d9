//! The notices. Placeholder for a database.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use paseto_actix::time::OffsetDateTime;
use serde::Serialize;
use utoipa::ToSchema;

use crate::users::User;

/// The number of notices that the board keeps.
const CAPACITY: usize = 100;

/// The maximum length of a notice in characters.
pub(crate) const MAX_LEN: usize = 500;

/// A notice on the board.
#[derive(Clone, Serialize, ToSchema)]
pub(crate) struct Notice {
    pub(crate) id: u64,
    /// The email address of the author.
    pub(crate) author: String,
    pub(crate) text: String,
    /// In seconds since 1970.
    pub(crate) posted_at: i64,
}

#[derive(Clone, Default)]
pub(crate) struct Board(Arc<Mutex<Notices>>);

#[derive(Default)]
struct Notices {
    /// The ID of the newest notice, also after its removal. No other notice gets the same ID.
    last_id: u64,
    /// The newest notice is the first.
    list: VecDeque<Notice>,
}

/// The result of a removal.
pub(crate) enum Removal {
    Removed,
    NotFound,
    /// The notice belongs to another user.
    NotAllowed,
}

impl Board {
    /// Returns the notices, the newest first.
    pub(crate) fn notices(&self) -> Vec<Notice> {
        self.lock().list.iter().cloned().collect()
    }

    /// Adds a notice. Returns `None` if the text is empty or too long.
    pub(crate) fn post(&self, author: &str, text: &str) -> Option<Notice> {
        if text.is_empty() || text.chars().count() > MAX_LEN {
            return None;
        }
        let mut notices = self.lock();
        notices.last_id += 1;
        let notice = Notice {
            id: notices.last_id,
            author: author.to_owned(),
            text: text.to_owned(),
            posted_at: OffsetDateTime::now_utc().unix_timestamp(),
        };
        notices.list.truncate(CAPACITY - 1);
        notices.list.push_front(notice.clone());
        Some(notice)
    }

    /// Removes a notice. The author and an admin may remove it.
    pub(crate) fn remove(&self, id: u64, user: &User) -> Removal {
        let list = &mut self.lock().list;
        match list.iter().position(|notice| notice.id == id) {
            None => Removal::NotFound,
            Some(index) if user.may_remove(&list[index]) => {
                list.remove(index);
                Removal::Removed
            }
            Some(_) => Removal::NotAllowed,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Notices> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
