//! How much memory a piece of work takes at its peak: the one place here that needs unsafe code.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static HELD: Cell<usize> = const { Cell::new(0) };
    static PEAK: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator, counting for each thread what it holds. What one thread frees of another's is not
/// followed: nothing that is measured here crosses threads.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn grow(bytes: usize) {
    let held = HELD.get().wrapping_add(bytes);
    HELD.set(held);
    PEAK.set(PEAK.get().max(held));
}

fn shrink(bytes: usize) {
    HELD.set(HELD.get().saturating_sub(bytes));
}

// SAFETY: every call is handed on to the system's allocator as it came; the counters are plain cells without a
// destructor, so that to count neither allocates nor fails.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        // SAFETY: the caller's promise is ours.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        shrink(layout.size());
        // SAFETY: the caller's promise is ours.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Old and new exist side by side, as they do where a block cannot grow in place.
        grow(size);
        shrink(layout.size());
        // SAFETY: the caller's promise is ours.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

/// Does `work`, and tells the most bytes that this thread held during it, beyond what it held before.
pub fn peak<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = HELD.get();
    PEAK.set(before);
    let done = work();
    (done, PEAK.get() - before)
}

#[cfg(test)]
mod tests {
    use super::peak;

    #[test]
    fn the_peak_counts_what_was_freed_again() {
        let (length, bytes) = peak(|| vec![0_u8; 1 << 20].len() + vec![0_u8; 1 << 10].len());
        assert_eq!(length, (1 << 20) + (1 << 10));
        assert!((1 << 20..(1 << 20) + (1 << 12)).contains(&bytes), "{bytes}");
    }
}
