use names::Digest;
use std::collections::HashSet;

/// A digest's first 32 bytes: all of a SHA-256 one.
pub type Key = [u8; 32];

/// For sets and maps of very many.
pub fn key(digest: &Digest) -> Key {
    let nibble = |letter: u8| match letter {
        b'0'..=b'9' => letter - b'0',
        _ => letter - b'a' + 10,
    };
    let mut key = Key::default();
    for (byte, pair) in key.iter_mut().zip(digest.hex().as_bytes().chunks_exact(2)) {
        *byte = nibble(pair[0]) << 4 | nibble(pair[1]);
    }
    key
}

/// A set of digests. Of two that begin alike, which nobody can make, it takes one for the other: that keeps something.
#[derive(Default)]
pub struct Marks(HashSet<Key>);

impl Marks {
    /// Whether it was not in it.
    pub fn insert(&mut self, digest: &Digest) -> bool {
        self.0.insert(key(digest))
    }

    /// Puts some in it.
    pub fn extend<'a>(&mut self, digests: impl IntoIterator<Item = &'a Digest>) {
        self.0.extend(digests.into_iter().map(key));
    }

    /// Whether it is in it.
    pub fn has(&self, digest: &Digest) -> bool {
        self.0.contains(&key(digest))
    }

    /// How many are in it.
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_what_the_digest_spells() {
        let hex: String = (0..32).map(|byte| format!("{:02x}", byte * 8)).collect();
        let digest: Digest = format!("sha256:{hex}").parse().expect("a digest");
        assert_eq!(key(&digest), std::array::from_fn::<u8, 32, _>(|at| at as u8 * 8));
        let longer: Digest = format!("sha512:{hex}{}", "ab".repeat(32)).parse().expect("a digest");
        assert_eq!(key(&longer), key(&digest));
    }
}
