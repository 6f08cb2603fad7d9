//! Random numbers that a seed determines.

/// Random numbers of the algorithm xorshift64.
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    /// Returns the numbers of a seed.
    pub fn new(seed: u64) -> Self {
        // The algorithm returns only zeros for a seed of zero.
        Self(seed.wrapping_add(1).max(1))
    }

    /// Returns a number below the limit.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % limit
    }
}
