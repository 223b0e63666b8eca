//! What lies in a directory, in order, a part of it remembered.

use crate::backend::{Fault, Listing, Stamp, Wait};
use crate::error::Error;
use crate::{Inner, Page};
use std::sync::Arc;

/// How many names are read of a directory at a time. So many are remembered, and memory grows no further, however many
/// there are.
const WINDOW: usize = 16 << 10;

/// Names of directories in one directory, in bytewise order, without a gap.
pub(crate) struct Window {
    /// The directory's, taken before it was read.
    stamp: Stamp,
    /// The names are those after this one.
    from: Option<Box<str>>,
    /// All of them.
    text: Box<str>,
    /// Where each ends in the text.
    ends: Box<[u32]>,
    /// Whether there are names after these.
    more: bool,
}

impl Window {
    fn new(from: Option<&str>, listing: Listing, wanted: impl Fn(&str) -> bool) -> Window {
        let (mut text, mut ends) = (String::new(), Vec::new());
        for name in listing.names.iter().filter(|name| wanted(name)) {
            text.push_str(name);
            ends.push(text.len() as u32);
        }
        let (text, ends) = (text.into(), ends.into());
        Window { stamp: listing.stamp, from: from.map(Into::into), text, ends, more: listing.more }
    }

    fn name(&self, at: usize) -> &str {
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[start as usize..self.ends[at] as usize]
    }

    /// The names after `after`, `limit` at most, and whether there are more; `None` where the window ends too early to
    /// tell, or begins too late.
    fn page(&self, after: Option<&str>, limit: usize) -> Option<Page> {
        // Nothing comes before every name.
        if self.from.as_deref() > after {
            return None;
        }
        let (mut first, mut end) = (0, self.ends.len());
        while let (Some(after), true) = (after, first < end) {
            let middle = first + (end - first) / 2;
            match self.name(middle) <= after {
                true => first = middle + 1,
                false => end = middle,
            }
        }
        let there = self.ends.len() - first;
        if there < limit && self.more {
            return None;
        }
        let names = (first..first + limit.min(there)).map(|at| self.name(at).to_owned()).collect();
        Some(Page { names, more: there > limit || self.more })
    }
}

impl Inner {
    /// The names that are `wanted` of directories in a directory, those after `after`, `limit` at most; `None` when
    /// there is no such directory. `wanted` is the same whenever the same directory is asked about. Lists shorter than
    /// `short` are not remembered.
    pub fn names(
        &self,
        directory: &str,
        after: Option<&str>,
        limit: usize,
        wanted: impl Fn(&str) -> bool,
        short: usize,
        wait: Wait,
    ) -> Result<Option<Page>, Fault> {
        if let Some(window) = self.lists.get(directory) {
            match self.backend.stat(directory, Some(&window.stamp), wait)? {
                Some(stamp) if stamp.same(&window.stamp) => {
                    if let Some(page) = window.page(after, limit) {
                        return Ok(Some(page));
                    }
                }
                Some(_) => {}
                None => {
                    self.lists.remove(directory);
                    return Ok(None);
                }
            }
        }
        if wait == Wait::Never {
            return Err(Fault::WouldWait);
        }
        let mut gathered: Option<Page> = None;
        loop {
            let last = gathered.as_ref().and_then(|found| found.names.last().cloned());
            let from = last.as_deref().or(after);
            let Some(window) = self.window(directory, from, &wanted, short)? else { return Ok(gathered) };
            let left = limit - gathered.as_ref().map_or(0, |found| found.names.len());
            let there = window.ends.len().min(left);
            let more = window.more || window.ends.len() > left;
            let found = gathered.get_or_insert(Page { names: Vec::new(), more });
            found.names.extend((0..there).map(|at| window.name(at).to_owned()));
            found.more = more;
            if there == left || !window.more {
                return Ok(gathered);
            }
        }
    }

    /// Reads a window that has names in it, if any are wanted after `from`.
    fn window(
        &self,
        directory: &str,
        from: Option<&str>,
        wanted: impl Fn(&str) -> bool,
        short: usize,
    ) -> Result<Option<Arc<Window>>, Error> {
        let mut last: Option<String> = None;
        loop {
            let start = last.as_deref().or(from);
            let Some(listing) = self.backend.list(directory, start, WINDOW)? else { return Ok(None) };
            let next = listing.names.last().cloned();
            let window = Arc::new(Window::new(start, listing, &wanted));
            if window.ends.is_empty() && window.more {
                last = next;
                continue;
            }
            if window.stamp.settled && window.ends.len() >= short {
                let weight = window.text.len() + window.ends.len() * size_of::<u32>();
                self.lists.put(directory, window.clone(), weight);
            }
            return Ok(Some(window));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(from: Option<&str>, names: &[&str], more: bool) -> Window {
        let stamp = Stamp { file: false, size: 0, object: (0, 0), changed: [(0, 0); 2], settled: true };
        let names = names.iter().map(|name| name.to_string()).collect();
        Window::new(from, Listing { names, more, stamp }, |name| name != "no")
    }

    fn page(window: &Window, after: Option<&str>, limit: usize) -> Option<(String, bool)> {
        window.page(after, limit).map(|page| (page.names.join(" "), page.more))
    }

    #[test]
    fn a_window_gives_the_pages_that_lie_in_it() {
        let whole = window(None, &["b", "d", "no", "x"], false);
        assert_eq!(page(&whole, None, 2), Some(("b d".into(), true)));
        assert_eq!(page(&whole, None, 3), Some(("b d x".into(), false)));
        assert_eq!(page(&whole, Some("b"), 9), Some(("d x".into(), false)));
        assert_eq!(page(&whole, Some("c"), 1), Some(("d".into(), true)));
        assert_eq!(page(&whole, Some("x"), 9), Some((String::new(), false)));
        assert_eq!(page(&whole, None, 0), Some((String::new(), true)));
        assert_eq!(page(&window(None, &[], false), Some("x"), 9), Some((String::new(), false)));
    }

    #[test]
    fn a_window_says_nothing_of_what_lies_outside() {
        let part = window(Some("d"), &["e", "f"], true);
        assert_eq!(page(&part, None, 1), None);
        assert_eq!(page(&part, Some("c"), 1), None);
        assert_eq!(page(&part, Some("d"), 1), Some(("e".into(), true)));
        assert_eq!(page(&part, Some("d"), 2), Some(("e f".into(), true)));
        assert_eq!(page(&part, Some("d"), 3), None);
        assert_eq!(page(&part, Some("f"), 1), None);
    }
}
