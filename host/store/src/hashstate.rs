//! The hash function's state over an upload's bytes, kept with the session so that nobody has to read them again.

use sha2::digest::common::hazmat::{SerializableState, SerializedState};
use sha2::{Digest, Sha256};

/// What a kept state begins with; the number is the format's.
const MAGIC: &[u8] = b"pierhead sha256 1\n";

/// Names the time since the machine was started. The kernel keeps what a killed process has written; of what a
/// machine that lost its power had not synced, nobody knows what is left. So a state counts only in the boot in which
/// it was kept.
pub(crate) struct Boot([u8; 32]);

impl Boot {
    /// The one we are in. Where the kernel does not say, it is one that nobody else is in: then states are kept for
    /// this process only.
    pub fn current() -> Boot {
        let id = std::fs::read("/proc/sys/kernel/random/boot_id")
            .ok()
            .or_else(|| Some(crate::files::random_id().ok()?.as_str().into()));
        Boot(Sha256::digest(id.unwrap_or_default()).into())
    }
}

/// A state after `offset` bytes, as it is kept.
pub(crate) fn encode(boot: &Boot, offset: u64, hash: &Sha256) -> Vec<u8> {
    let mut text = Vec::with_capacity(256);
    text.extend_from_slice(MAGIC);
    text.extend_from_slice(&boot.0);
    text.extend_from_slice(&offset.to_le_bytes());
    text.extend_from_slice(&hash.serialize());
    let check = Sha256::digest(&text);
    text.extend_from_slice(&check);
    text
}

/// The offset and the state; `None` when it is damaged, of another boot or of another format.
pub(crate) fn decode(boot: &Boot, text: &[u8]) -> Option<(u64, Sha256)> {
    let (text, check) = text.split_last_chunk::<32>()?;
    if *Sha256::digest(text) != *check {
        return None;
    }
    let rest = text.strip_prefix(MAGIC)?.strip_prefix(&boot.0)?;
    let (offset, state) = rest.split_first_chunk::<8>()?;
    let state = SerializedState::<Sha256>::try_from(state).ok()?;
    Some((u64::from_le_bytes(*offset), Sha256::deserialize(&state).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_goes_on_where_it_was_kept() {
        let boot = Boot::current();
        for length in [0, 1, 63, 64, 1000] {
            let bytes = vec![b'x'; length];
            let kept = encode(&boot, length as u64, &Sha256::new_with_prefix(&bytes));
            let (offset, hash) = decode(&Boot::current(), &kept).unwrap();
            assert_eq!(offset, length as u64);
            assert_eq!(
                hash.chain_update(b"y").finalize(),
                Sha256::new_with_prefix(&bytes).chain_update(b"y").finalize()
            );
        }
    }

    #[test]
    fn a_damaged_state_and_one_of_another_boot_are_none() {
        let boot = Boot::current();
        let kept = encode(&boot, 5, &Sha256::new_with_prefix("hello"));
        assert!(decode(&Boot([0; 32]), &kept).is_none());
        assert!(decode(&boot, &[]).is_none());
        assert!(decode(&boot, &kept[..kept.len() - 1]).is_none());
        for at in 0..kept.len() {
            let mut damaged = kept.clone();
            damaged[at] ^= 1;
            assert!(decode(&boot, &damaged).is_none(), "{at}");
        }
    }
}
