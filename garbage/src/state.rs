//! What who collects garbage in a bucket says to all others (docs/decisions/0018).

use names::Digest;
use std::collections::BTreeSet;
use std::time::Duration;

/// A collection of which nothing was heard for so long removes nothing any more: it was killed, or will find out that it is
/// late. Longer than a signature of S3's is good for (15 minutes), so that a request of its can be under way no more: see
/// `RELIED_ON` of the one who collects.
pub const ABANDONED_AFTER: Duration = Duration::from_secs(20 * 60);

/// How many bytes this has at most.
pub const MAX_STATE: u64 = 256 << 10;

/// How a collection stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// A name that no other has. Of none at all it is empty.
    pub run: String,
    /// Whether it goes on.
    pub is_under_way: bool,
    /// How often it has said so: no two texts of it are the same.
    pub turn: u64,
    /// What is being removed at this moment: digests of blobs, and of manifests of whatever repository. Whoever finds here what
    /// he has just said that he needs waits until it is here no more, and looks whether it is still there.
    pub condemned: BTreeSet<Digest>,
}

impl State {
    /// Whether one of which was heard so long ago counts as killed.
    pub fn is_abandoned(heard: Duration) -> bool {
        heard > ABANDONED_AFTER
    }

    /// As it lies in the bucket.
    pub fn encode(&self) -> String {
        let word = if self.is_under_way { COLLECTING } else { OVER };
        let mut text = format!("{} {word} {}\n", self.run, self.turn);
        for digest in &self.condemned {
            text.extend([digest.as_str(), "\n"]);
        }
        text
    }

    /// What that says; `None` of what is no such thing.
    pub fn decode(bytes: &[u8]) -> Option<State> {
        let mut lines = std::str::from_utf8(bytes).ok()?.lines();
        let (run, rest) = lines.next()?.split_once(' ')?;
        let (word, turn) = rest.split_once(' ')?;
        let is_under_way = match word {
            COLLECTING => true,
            OVER => false,
            _ => return None,
        };
        // It becomes a part of a key.
        if run.is_empty() || !run.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let condemned = lines.map(|line| line.parse().ok()).collect::<Option<_>>()?;
        Some(State { run: run.to_owned(), is_under_way, turn: turn.parse().ok()?, condemned })
    }
}

const COLLECTING: &str = "collecting";
const OVER: &str = "over";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_read_as_it_was_written_and_nothing_else_is_one() {
        let digest: Digest = format!("sha256:{}", "ab".repeat(32)).parse().expect("a digest");
        for (is_under_way, condemned) in [(true, [digest].into()), (true, [].into()), (false, [].into())] {
            let state = State { run: "0f".into(), is_under_way, turn: 7, condemned };
            assert_eq!(State::decode(state.encode().as_bytes()), Some(state));
        }
        for text in
            ["", "0f", "0f over", "0f busy 1\n", " over 1\n", "../x over 1\n", "0f collecting 1\nsha256:ab\n"]
        {
            assert_eq!(State::decode(text.as_bytes()), None, "{text}");
        }
    }
}
