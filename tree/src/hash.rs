//! The hash over an upload's bytes, and its state kept with the session so that nobody has to read them again.

use names::{Algorithm, Digest};
use sha2::digest::common::hazmat::{SerializableState, SerializedState};
use sha2::{Digest as _, Sha256, Sha512};

/// What a kept state begins with; the number is the format's.
const MAGIC_SHA256: &[u8] = b"pierhead sha256 1\n";
const MAGIC_SHA512: &[u8] = b"pierhead sha512 1\n";

/// A hash function at work.
#[derive(Clone)]
pub enum Hash {
    /// SHA-256.
    Sha256(Sha256),
    /// SHA-512.
    Sha512(Sha512),
}

impl Hash {
    /// Over no bytes yet.
    pub fn new(algorithm: Algorithm) -> Hash {
        match algorithm {
            Algorithm::Sha256 => Hash::Sha256(Sha256::new()),
            Algorithm::Sha512 => Hash::Sha512(Sha512::new()),
        }
    }

    /// Which one it is.
    pub fn algorithm(&self) -> Algorithm {
        match self {
            Hash::Sha256(_) => Algorithm::Sha256,
            Hash::Sha512(_) => Algorithm::Sha512,
        }
    }

    /// Goes on with more bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Hash::Sha256(hash) => hash.update(bytes),
            Hash::Sha512(hash) => hash.update(bytes),
        }
    }

    /// What they hash to.
    pub fn digest(self) -> Digest {
        match self {
            Hash::Sha256(hash) => Digest::from_raw(Algorithm::Sha256, &hash.finalize()),
            Hash::Sha512(hash) => Digest::from_raw(Algorithm::Sha512, &hash.finalize()),
        }
    }
}

/// The digest of bytes that are all there.
pub fn digest_of(algorithm: Algorithm, bytes: &[u8]) -> Digest {
    let mut hash = Hash::new(algorithm);
    hash.update(bytes);
    hash.digest()
}

/// When states were kept that may be believed: those of another time may tell of bytes that a crash has taken. What it
/// is made of is the store's business.
pub type Time = [u8; 32];

/// Of a state that is kept with bytes that survive a crash: it holds at any time.
pub const ALWAYS: Time = [0; 32];

/// A state after `offset` bytes, as it is kept.
pub fn encode(time: &Time, offset: u64, hash: &Hash) -> Vec<u8> {
    let mut text = Vec::with_capacity(512);
    text.extend_from_slice(match hash {
        Hash::Sha256(_) => MAGIC_SHA256,
        Hash::Sha512(_) => MAGIC_SHA512,
    });
    text.extend_from_slice(time);
    text.extend_from_slice(&offset.to_le_bytes());
    match hash {
        Hash::Sha256(hash) => text.extend_from_slice(&hash.serialize()),
        Hash::Sha512(hash) => text.extend_from_slice(&hash.serialize()),
    }
    let check = Sha256::digest(&text);
    text.extend_from_slice(&check);
    text
}

/// The offset and the state; `None` when it is damaged, of another time or of another format.
pub fn decode(time: &Time, text: &[u8]) -> Option<(u64, Hash)> {
    let (text, check) = text.split_last_chunk::<32>()?;
    if *Sha256::digest(text) != *check {
        return None;
    }
    let parts = |magic| {
        let rest = text.strip_prefix(magic)?.strip_prefix(time)?;
        let (offset, state) = rest.split_first_chunk::<8>()?;
        Some((u64::from_le_bytes(*offset), state))
    };
    if let Some((offset, state)) = parts(MAGIC_SHA256) {
        let state = SerializedState::<Sha256>::try_from(state).ok()?;
        return Some((offset, Hash::Sha256(Sha256::deserialize(&state).ok()?)));
    }
    let (offset, state) = parts(MAGIC_SHA512)?;
    let state = SerializedState::<Sha512>::try_from(state).ok()?;
    Some((offset, Hash::Sha512(Sha512::deserialize(&state).ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(algorithm: Algorithm, bytes: &[u8]) -> Hash {
        let mut hash = Hash::new(algorithm);
        hash.update(bytes);
        hash
    }

    #[test]
    fn a_state_goes_on_where_it_was_kept() {
        let time = [7; 32];
        for algorithm in Algorithm::ALL {
            for length in [0, 1, 63, 64, 127, 128, 1000] {
                let bytes = vec![b'x'; length];
                let kept = encode(&time, length as u64, &hash(algorithm, &bytes));
                let (offset, mut found) = decode(&[7; 32], &kept).unwrap();
                assert_eq!((offset, found.algorithm()), (length as u64, algorithm));
                found.update(b"y");
                assert_eq!(found.digest(), digest_of(algorithm, &[&bytes[..], b"y"].concat()));
            }
        }
    }

    #[test]
    fn a_damaged_state_and_one_of_another_time_are_none() {
        let time = [7; 32];
        for algorithm in Algorithm::ALL {
            let kept = encode(&time, 5, &hash(algorithm, b"hello"));
            assert!(decode(&[0; 32], &kept).is_none());
            assert!(decode(&time, &[]).is_none());
            assert!(decode(&time, &kept[..kept.len() - 1]).is_none());
            for at in 0..kept.len() {
                let mut damaged = kept.clone();
                damaged[at] ^= 1;
                assert!(decode(&time, &damaged).is_none(), "{at}");
            }
        }
    }
}
