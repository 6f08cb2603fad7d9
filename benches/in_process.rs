//! What calls cost within one process, without HTTP: verifying, issuing, sealing and opening.

mod issue;
mod local;
mod verify;

use crate::arguments::Run;
use crate::group::Group;
use crate::keys::Keys;

pub(crate) fn measure(run: &Run) -> Vec<Group> {
    let keys = Keys::generate();
    vec![
        verify::first_sight(run, &keys),
        verify::repeated(run, &keys),
        issue::measure(run, &keys),
        local::measure(run),
    ]
}
