//! A simple mutator with a fixed seed, for the test of the gate. libFuzzer finds more, because it
//! measures the coverage.

/// Pieces that the formats of the targets have in common.
const PIECES: [&[u8]; 36] = [
    b"\"",
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b",",
    b".",
    b"=",
    b"&",
    b";",
    b" ",
    b"\n",
    b"\\",
    b"\\u0000",
    b"\\ud800",
    b"null",
    b"true",
    b"0",
    b"-1",
    b"1e999",
    b"18446744073709551616",
    b"\0",
    b"\xff",
    b"\xc3\xa9",
    b"\xf0\x9f\x98\x80",
    b"kid",
    b"iss",
    b"exp",
    b"k4.secret.",
    b"k4.local.",
    b"-----BEGIN ",
    b"v4.public.",
    b"\xa1",
    b"\x7f",
    b"\xc2\x01",
];

/// Returns numbers of a fixed sequence (xorshift64*).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Returns a number below `limit`, or 0 if `limit` is 0.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32;
        number as usize % limit.max(1)
    }

    /// Returns a change of one of the seeds.
    pub(crate) fn mutate(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let mut data = seeds[self.below(seeds.len())].clone();
        for _ in 0..=self.below(4) {
            let position = self.below(data.len() + 1);
            let end = (position + 1 + self.below(16)).min(data.len());
            match self.below(8) {
                0 if position < data.len() => data[position] ^= 1 << self.below(8),
                1 if position < data.len() => data[position] = self.below(256) as u8,
                2 => _ = data.drain(position..end),
                3 => data.extend_from_within(position..end),
                4 => data.truncate(position),
                5 | 6 => {
                    let piece = PIECES[self.below(PIECES.len())];
                    data.splice(position..position, piece.iter().copied());
                }
                _ => {
                    let other = &seeds[self.below(seeds.len())];
                    let start = self.below(other.len());
                    let part = other[start..].iter().take(1 + self.below(64)).copied();
                    let part: Vec<u8> = part.collect();
                    data.splice(position..position, part);
                }
            }
        }
        data
    }
}
