use names::Algorithm;

/// Which of the hexadecimal parts of digests, listed for each algorithm alone, come after a text.
#[derive(Debug, PartialEq, Eq)]
pub enum After<'a> {
    /// All of them.
    All,
    /// Those whose hexadecimal part comes after this.
    Hex(&'a str),
    /// None of them.
    None,
}

/// Which of an algorithm's digests come after `text`, as texts; `None` comes before all.
pub fn after(text: Option<&str>, algorithm: Algorithm) -> After<'_> {
    let Some(text) = text else { return After::All };
    let prefix = [algorithm.as_str(), ":"].concat();
    match text.strip_prefix(prefix.as_str()) {
        Some(hex) => After::Hex(hex),
        None if *text < *prefix => After::All,
        None => After::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_ordered_as_texts() {
        use Algorithm::{Sha256, Sha512};
        assert_eq!(after(None, Sha512), After::All);
        assert_eq!(after(Some("sha256:ab"), Sha256), After::Hex("ab"));
        assert_eq!(after(Some("sha256:ab"), Sha512), After::All);
        assert_eq!(after(Some("sha512:ab"), Sha256), After::None);
        assert_eq!(after(Some("a"), Sha256), After::All);
        assert_eq!(after(Some("sha3"), Sha256), After::None);
        assert_eq!(after(Some("z"), Sha512), After::None);
    }
}
