/// A page of descriptors as it is put together: a JSON array. One text, because a page of a thousand is copied from hand to
/// hand.
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

    /// The array, and the digest of its last descriptor where there was one that had no place.
    pub fn finish(mut self) -> (String, Option<String>) {
        self.descriptors.push(']');
        (self.descriptors, self.last.filter(|_| self.is_full))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(limit: usize, room: usize) -> (String, Option<String>) {
        let mut page = DescriptorPage::new(limit, room);
        let _ = page.push("a", "{}") && page.push("b", "{}") && page.push("c", "{}");
        page.finish()
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
