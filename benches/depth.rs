//! Stack depths. The address of the stack changes the time of a signature check by more than a
//! fifth.
//!
//! A processor can stall if a load has the same last twelve address bits as a recent store (4 KiB
//! aliasing). A table or a constant of the program can have the same last bits as a local variable.
//! The bad depths depend only on the build, and a thread makes each call at the same depth. So a
//! round measures all subjects at one depth, and the rounds use different depths. Otherwise the
//! figure of a subject would depend on the luck of one depth.

use std::hint::black_box;

/// The number of depths. They cover 4,096 bytes, after which the aliasing repeats.
pub(crate) const DEPTHS: usize = 16;

/// Calls the closure this number of steps deeper on the stack. A step is about 256 bytes.
pub(crate) fn deeper<T>(steps: usize, call: impl FnOnce() -> T) -> T {
    let (mut call, mut outcome) = (Some(call), None);
    descend(steps, &mut || outcome = call.take().map(|call| call()));
    outcome.expect("descend calls it")
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
