use names::{Algorithm, Digest};

/// Links longer than this are none.
pub const MAX_LINK: u64 = 1024;

/// The digest in a link; `None` where there is none in it. Editors end a file with a newline; a crash of another program
/// may have left an empty one.
pub fn digest_in_link(bytes: &[u8]) -> Option<Digest> {
    std::str::from_utf8(bytes).ok()?.trim_ascii_end().parse().ok()
}

/// The digest that a directory named by its hexadecimal part stands for; `None` where that is none.
pub fn digest_of_name(algorithm: Algorithm, hex: &str) -> Option<Digest> {
    [algorithm.as_str(), ":", hex].concat().parse().ok()
}

/// Whether a link to `content` can be a hold on `digest`: distribution keeps what it got under a SHA-512 digest by its
/// SHA-256 one. Of one algorithm, other bytes are other bytes.
pub fn may_stand_for(content: &Digest, digest: &Digest) -> bool {
    content == digest || content.algorithm() != digest.algorithm()
}

/// Whether bytes that are linked among the layers can be a manifest, as in very old trees: not every layer is one.
pub fn looks_like_a_manifest(bytes: &[u8]) -> bool {
    let mark = b"\"schemaVersion\"";
    bytes.windows(mark.len()).any(|window| window == mark)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_a_digest_and_perhaps_the_end_of_a_line() {
        let text = format!("sha256:{}", "ab".repeat(32));
        for ending in ["", "\n", "\r\n"] {
            let link = [&text, ending].concat();
            assert_eq!(digest_in_link(link.as_bytes()).map(|digest| digest.to_string()), Some(text.clone()));
        }
        for link in [&b""[..], b"\n", b"sha256:ab", b"\xff"] {
            assert_eq!(digest_in_link(link), None);
        }
    }

    #[test]
    fn a_link_of_the_same_algorithm_is_to_the_same_bytes() {
        let digest = |algorithm: &str, length: usize| -> Digest {
            format!("{algorithm}:{}", "ab".repeat(length)).parse().expect("a digest")
        };
        let other: Digest = format!("sha256:{}", "cd".repeat(32)).parse().expect("a digest");
        assert!(may_stand_for(&digest("sha256", 32), &digest("sha256", 32)));
        assert!(may_stand_for(&digest("sha256", 32), &digest("sha512", 64)));
        assert!(!may_stand_for(&other, &digest("sha256", 32)));
    }
}
