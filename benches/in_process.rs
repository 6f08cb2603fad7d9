//! The time of calls without HTTP: verification, issuing, encryption and decryption.

mod issue;
mod local;
mod verify;

use crate::group::Group;
use crate::keys::KeySet;
use crate::selection::Run;

pub(crate) fn measure(run: &Run) -> Vec<Group> {
    let keys = KeySet::generate();
    vec![
        verify::first_sight(run, &keys),
        verify::repeated(run, &keys),
        issue::measure(run, &keys),
        local::measure(run),
    ]
}
