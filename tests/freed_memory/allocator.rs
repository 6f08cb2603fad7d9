//! An allocator that keeps freed blocks while it records.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::{ptr, slice};

/// The number of blocks that the allocator can keep.
const CAPACITY: usize = 1 << 18;

#[global_allocator]
static ALLOCATOR: KeepFreed = KeepFreed;
pub(crate) static IS_RECORDING: AtomicBool = AtomicBool::new(false);
pub(crate) static STEP: AtomicUsize = AtomicUsize::new(0);
static COUNT: AtomicUsize = AtomicUsize::new(0);
static FREED: [Block; CAPACITY] = [const { Block::new() }; CAPACITY];

/// A freed block, and the number of the step that freed it.
struct Block {
    address: AtomicUsize,
    size: AtomicUsize,
    step: AtomicUsize,
}

impl Block {
    const fn new() -> Self {
        Self { address: AtomicUsize::new(0), size: AtomicUsize::new(0), step: AtomicUsize::new(0) }
    }
}

/// The system allocator with a record of freed blocks.
///
/// The default `realloc` copies a block and then calls `dealloc`, so the old block is kept too.
struct KeepFreed;

// SAFETY: `System` allocates each block. A kept block is never returned to `System`, so a later
// block cannot have its address.
unsafe impl GlobalAlloc for KeepFreed {
    /// Zeros the block, so that the search never reads bytes of an earlier owner.
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the contract of the caller is the contract of this function.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if IS_RECORDING.load(SeqCst)
            && let Some(entry) = FREED.get(COUNT.fetch_add(1, SeqCst))
        {
            entry.step.store(STEP.load(Relaxed), Relaxed);
            entry.size.store(layout.size(), Relaxed);
            entry.address.store(block.expose_provenance(), SeqCst);
        } else {
            // SAFETY: `System` allocated the block with this layout.
            unsafe { System.dealloc(block, layout) };
        }
    }
}

/// Returns the freed blocks, each with the number of its step.
pub(crate) fn freed() -> impl Iterator<Item = (usize, &'static [u8])> {
    let count = COUNT.load(SeqCst);
    assert!(count <= CAPACITY, "{count} blocks were freed: increase `CAPACITY`");
    FREED[..count].iter().map(|entry| {
        let address = ptr::with_exposed_provenance(entry.address.load(SeqCst));
        // SAFETY: the block has this size, its bytes were zeroed at first, its owner has freed it,
        // and the allocator has kept it.
        (entry.step.load(Relaxed), unsafe {
            slice::from_raw_parts(address, entry.size.load(Relaxed))
        })
    })
}
