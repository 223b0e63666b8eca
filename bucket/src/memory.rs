use std::sync::atomic::{AtomicU64, Ordering};

/// How much uploads keep in memory, all together.
pub struct Memory {
    limit: u64,
    held: AtomicU64,
}

impl Memory {
    /// For as much as this, before uploads have to do with little.
    pub fn new(limit: u64) -> Memory {
        Memory { limit, held: AtomicU64::new(0) }
    }

    /// Whether each is to do with as little as it can.
    pub fn is_pressed(&self) -> bool {
        self.held.load(Ordering::Relaxed) > self.limit
    }
}

/// What one upload keeps.
pub struct Share {
    memory: &'static Memory,
    bytes: u64,
}

impl Share {
    /// Nothing yet.
    pub fn new(memory: &'static Memory) -> Share {
        Share { memory, bytes: 0 }
    }

    /// So many bytes it is now.
    pub fn set(&mut self, bytes: u64) {
        self.memory.held.fetch_add(bytes.wrapping_sub(self.bytes), Ordering::Relaxed);
        self.bytes = bytes;
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.set(0);
    }
}
