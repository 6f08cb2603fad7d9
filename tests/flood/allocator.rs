//! An allocator that counts the allocated bytes.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

#[global_allocator]
static ALLOCATOR: Counting = Counting;
static ALLOCATED: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

/// The system allocator with a count of the bytes.
///
/// The default `realloc` calls `alloc` and `dealloc`, so it is counted too.
struct Counting;

// SAFETY: `System` allocates and frees each block.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let allocated = ALLOCATED.fetch_add(layout.size(), Relaxed) + layout.size();
        MOST.fetch_max(allocated, Relaxed);
        // SAFETY: the contract of the caller is the contract of this function.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        ALLOCATED.fetch_sub(layout.size(), Relaxed);
        // SAFETY: `System` allocated the block with this layout.
        unsafe { System.dealloc(block, layout) };
    }
}

/// The growth of the allocated memory since the start, in bytes.
pub(crate) struct Growth(usize);

impl Growth {
    pub(crate) fn start() -> Self {
        let allocated = ALLOCATED.load(Relaxed);
        MOST.store(allocated, Relaxed);
        Self(allocated)
    }

    /// Asserts that the memory never grew by more than this number of bytes.
    #[track_caller]
    pub(crate) fn assert_at_most(&self, bytes: usize) {
        let most = MOST.load(Relaxed).saturating_sub(self.0);
        println!("the memory grew by {most} bytes, expected at most {bytes}");
        assert!(most <= bytes, "the memory grew by {most} bytes, expected at most {bytes}");
    }
}
