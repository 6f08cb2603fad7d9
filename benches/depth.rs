//! Places of the stack: where a signature check has its stack decides over a fifth of its time.
//!
//! A processor waits where what it reads has the same last twelve bits of the address as what it has just written, and a table or a constant
//! of the program may have those of a variable. Which places are bad depends on the build alone, and a thread's calls come out at
//! the same place each time: no subject is to owe its figure to one that happens to be a good one.

use std::hint::black_box;

/// How many places are tried, over the 4,096 bytes after which they are the same again.
pub(crate) const DEPTHS: usize = 16;

/// Calls this so many steps deeper on the stack, each of some 256 bytes.
pub(crate) fn deeper<T>(steps: usize, call: impl FnOnce() -> T) -> T {
    let (mut call, mut outcome) = (Some(call), None);
    descend(steps, &mut || outcome = call.take().map(|call| call()));
    outcome.expect("it was called")
}

#[inline(never)]
fn descend(steps: usize, call: &mut dyn FnMut()) {
    let step = black_box([0_u8; 224]);
    if steps == 0 {
        call()
    } else {
        descend(steps - 1, call)
    }
    black_box(&step);
}
