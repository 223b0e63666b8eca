use names::Digest;
use protocol::manifest::References;
use tree::PutManifest;

/// What others need is told in lines. A child's begins with this.
const CHILD: &str = "child ";

/// Something that is about to be needed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Needed {
    /// Whose bytes.
    pub digest: Digest,
    /// Whether it is needed with all that it names, if it is a manifest: an index names it as one.
    pub is_child: bool,
}

impl From<&Digest> for Needed {
    fn from(digest: &Digest) -> Needed {
        Needed { digest: digest.clone(), is_child: false }
    }
}

/// What a manifest names, also what is not checked for: it may be there.
pub fn named_by(manifest: &PutManifest) -> Vec<Needed> {
    let references = References::find(&manifest.bytes);
    let blobs = manifest.blobs.iter().chain(&references.needed).chain([&manifest.digest]).map(Needed::from);
    let children = manifest.manifests.iter().chain(&references.children);
    blobs.chain(children.map(|digest| Needed { is_child: true, ..digest.into() })).collect()
}

/// A text that says what is needed, a line for each.
pub fn lines(needed: &[Needed]) -> String {
    let mut lines = String::new();
    for Needed { digest, is_child } in needed {
        lines.extend([if *is_child { CHILD } else { "" }, digest.as_str(), "\n"]);
    }
    lines
}

/// What such a text says. A line that says nothing was cut off: whoever wrote it has stored nothing.
pub fn told(text: &str) -> impl Iterator<Item = Needed> {
    text.lines().filter_map(|line| {
        let (is_child, digest) = match line.strip_prefix(CHILD) {
            Some(digest) => (true, digest),
            None => (false, line),
        };
        Some(Needed { digest: digest.parse().ok()?, is_child })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_what_was_said_and_half_a_line_is_nothing() {
        let digest = |byte: &str| format!("sha256:{}", byte.repeat(32)).parse::<Digest>().expect("a digest");
        let said = vec![
            Needed { digest: digest("ab"), is_child: true },
            Needed { digest: digest("cd"), is_child: false },
        ];
        let text = lines(&said);
        assert_eq!(told(&text).collect::<Vec<_>>(), said);
        assert_eq!(told(&text[..text.len() - 9]).collect::<Vec<_>>(), said[..1]);
        assert_eq!(told("\n\nchild \n").count(), 0);
    }
}
