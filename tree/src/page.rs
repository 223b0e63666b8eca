use names::Digest;

/// Some names, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The names.
    pub names: Vec<String>,
    /// Whether there are names after these.
    pub more: bool,
}

/// Which of a subject's referrers are wanted.
#[derive(Clone, Debug)]
pub struct ReferrersQuery {
    /// What they are about; there need be no such manifest.
    pub subject: Digest,
    /// Only those of this type.
    pub artifact_type: Option<String>,
    /// Only those whose digest comes after this text.
    pub after: Option<String>,
    /// How many at most.
    pub limit: usize,
    /// How many bytes the page has at most; the first descriptor always fits.
    pub room: usize,
}

/// Some of a subject's referrers, by digest.
#[derive(Clone, Debug)]
pub struct ReferrersPage {
    /// Their descriptors: a JSON array. One text, because a page of a thousand is copied from hand to hand.
    pub descriptors: String,
    /// The digest of the last of them, where there are more after it.
    pub more: Option<String>,
}

/// A page of descriptors as it is put together.
pub struct DescriptorPage {
    descriptors: String,
    count: usize,
    last: Option<String>,
    is_full: bool,
    limit: usize,
    room: usize,
}

impl DescriptorPage {
    /// An empty page for `limit` descriptors and `room` bytes at most; the first descriptor always fits.
    pub fn new(limit: usize, room: usize) -> DescriptorPage {
        DescriptorPage { descriptors: "[".into(), count: 0, last: None, is_full: false, limit, room }
    }

    /// Adds the descriptor of this digest; `false` when it has no place any more, and the page is full.
    pub fn push(&mut self, digest: impl Into<String>, descriptor: &str) -> bool {
        let too_long = self.count > 0 && self.descriptors.len() + descriptor.len() + 2 > self.room;
        if self.count == self.limit || too_long {
            self.is_full = true;
            return false;
        }
        if self.count > 0 {
            self.descriptors.push(',');
        }
        self.descriptors.push_str(descriptor);
        self.count += 1;
        self.last = Some(digest.into());
        true
    }

    /// The page; there is more where there was a descriptor that had no place.
    pub fn finish(mut self) -> ReferrersPage {
        self.descriptors.push(']');
        ReferrersPage { descriptors: self.descriptors, more: self.last.filter(|_| self.is_full) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(limit: usize, room: usize) -> (String, Option<String>) {
        let mut page = DescriptorPage::new(limit, room);
        let _ = page.push("a", "{}") && page.push("b", "{}") && page.push("c", "{}");
        let ReferrersPage { descriptors, more } = page.finish();
        (descriptors, more)
    }

    #[test]
    fn a_page_ends_where_it_has_as_many_or_is_as_long_as_it_may() {
        let told = |text: &str, more: Option<&str>| (text.to_owned(), more.map(ToOwned::to_owned));
        assert_eq!(page(3, 10), told("[{},{},{}]", None));
        assert_eq!(page(2, 10), told("[{},{}]", Some("b")));
        assert_eq!(page(3, 9), told("[{},{}]", Some("b")));
        assert_eq!(page(3, 0), told("[{}]", Some("a")));
        assert_eq!(page(0, 10), told("[]", None));
    }
}
