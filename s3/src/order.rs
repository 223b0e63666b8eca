//! Lists in the order of names, out of lists in the order of keys.
//!
//! S3 lists a level in the order of its keys, with the slash that ends a prefix: `v1-alpha/` comes before `v1/`, since
//! `-` and `.` sort before `/`. By name `v1` comes first. So a name can come late; but only one that is the beginning of
//! the last name that came, up to a character before the slash: those are asked for one by one.

use std::collections::BTreeSet;

/// A page of names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// In bytewise order, each greater than the one asked to start after.
    pub names: Vec<String>,
    /// Whether there are names after these.
    pub more: bool,
}

/// A page that is being put together.
#[derive(Debug)]
pub struct Gathering {
    after: String,
    limit: usize,
    names: BTreeSet<String>,
    /// The last that came, as S3 orders.
    last: String,
}

impl Gathering {
    /// For `limit` names after `after`. Whatever comes is to be listed from behind the key of that name on.
    pub fn new(after: Option<&str>, limit: usize) -> Gathering {
        Gathering {
            after: after.unwrap_or("").to_owned(),
            limit,
            names: BTreeSet::new(),
            last: String::new(),
        }
    }

    /// Takes what a page of S3's has, in any order: names, and prefixes with their slash.
    pub fn add(&mut self, listed: Vec<String>) {
        for name in listed {
            self.found(name.strip_suffix('/').unwrap_or(&name));
            if name > self.last {
                self.last = name;
            }
        }
    }

    /// Whether no other page of S3's has to be looked at.
    pub fn is_enough(&self) -> bool {
        self.names.len() > self.limit
    }

    /// The names that have not come and would belong to this page, if there are such prefixes. None when S3's list was
    /// read to its end.
    pub fn late(&self) -> Vec<String> {
        let name = self.last.strip_suffix('/').unwrap_or(&self.last);
        let ends =
            name.char_indices().filter(|(at, character)| *at > 0 && *character < '/').map(|(at, _)| at);
        let late =
            ends.map(|end| &name[..end]).filter(|name| **name > *self.after && !self.names.contains(*name));
        late.map(str::to_owned).collect()
    }

    /// Takes a name.
    pub fn found(&mut self, name: &str) {
        if *name > *self.after {
            self.names.insert(name.to_owned());
        }
        // More than these are never asked for.
        if self.names.len() > self.limit + 1 {
            self.names.pop_last();
        }
    }

    /// The page.
    pub fn page(mut self) -> Page {
        let more = self.is_enough();
        while self.is_enough() {
            self.names.pop_last();
        }
        Page { names: self.names.into_iter().collect(), more }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A level of a bucket: its keys and prefixes, as S3 orders them.
    struct Level(Vec<String>);

    impl Level {
        fn new(names: &[String], objects: &[String]) -> Level {
            let mut keys: Vec<_> =
                names.iter().map(|name| format!("{name}/")).chain(objects.iter().cloned()).collect();
            keys.sort();
            keys.dedup();
            Level(keys)
        }

        /// What a store does with it; and how many entries it looked at.
        fn page(&self, after: Option<&str>, limit: usize, per_page: usize) -> (Page, usize) {
            let mut gathering = Gathering::new(after, limit);
            let after = after.unwrap_or("");
            let mut rest: &[String] = &self.0[self.0.partition_point(|key| **key <= *after)..];
            let mut looked = 0;
            while !rest.is_empty() && !gathering.is_enough() {
                let (page, next) = rest.split_at(per_page.min(rest.len()));
                gathering.add(page.iter().rev().cloned().collect());
                looked += page.len();
                rest = next;
            }
            if !rest.is_empty() {
                for name in gathering.late() {
                    looked += 1;
                    if self.0.contains(&format!("{name}/")) {
                        gathering.found(&name);
                    }
                }
            }
            (gathering.page(), looked)
        }
    }

    /// xorshift64*.
    struct Random(u64);

    impl Random {
        fn below(&mut self, limit: u64) -> u64 {
            self.0 ^= self.0 >> 12;
            self.0 ^= self.0 << 25;
            self.0 ^= self.0 >> 27;
            self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % limit
        }

        fn name(&mut self) -> String {
            let length = 1 + self.below(5);
            (0..length).map(|_| char::from(b"a1.-_,/~"[self.below(6) as usize])).collect()
        }
    }

    fn model(names: &[String], after: Option<&str>, limit: usize) -> Page {
        let all: BTreeSet<_> = names.iter().filter(|name| ***name > *after.unwrap_or("")).cloned().collect();
        Page { more: all.len() > limit, names: all.into_iter().take(limit).collect() }
    }

    #[test]
    fn a_name_comes_before_the_longer_ones() {
        let names = ["v1", "v1-alpha", "v1.0", "v10", "v2"].map(String::from);
        let level = Level::new(&names, &[]);
        assert_eq!(level.0, ["v1-alpha/", "v1.0/", "v1/", "v10/", "v2/"]);
        for limit in 0..6 {
            for (per_page, after) in
                [(1, None), (2, Some("v1")), (9, Some("v1-")), (1, Some("v")), (3, Some("v10"))]
            {
                assert_eq!(
                    level.page(after, limit, per_page).0,
                    model(&names, after, limit),
                    "{limit} {after:?}"
                );
            }
        }
    }

    #[test]
    fn any_names_come_in_order_and_a_page_costs_what_it_holds() {
        let mut random = Random(0x5eed_5eed_5eed_5eed);
        for _ in 0..3000 {
            let many = random.below(60);
            let names: Vec<_> = (0..many).map(|_| random.name()).collect();
            let (objects, prefixes) = names.split_at(names.len() / 4);
            let level = Level::new(prefixes, objects);
            let after = (random.below(3) > 0).then(|| random.name());
            let (limit, per_page) = (random.below(12) as usize, 1 + random.below(12) as usize);
            let (page, looked) = level.page(after.as_deref(), limit, per_page);
            assert_eq!(
                page,
                model(&names, after.as_deref(), limit),
                "{names:?} {after:?} {limit} {per_page}"
            );
            // The name itself, an object and a prefix of the same name, and the late ones.
            assert!(looked <= 2 * (limit + per_page) + 8, "{looked} for {limit} by {per_page}");
        }
    }

    #[test]
    fn pages_follow_on_each_other() {
        let names: Vec<_> = (0..300)
            .map(|i| format!("{}.{}-{}", i % 7, i % 3, i))
            .chain(["1".into(), "1.0".into()])
            .collect();
        let level = Level::new(&names, &[]);
        let (mut all, mut after) = (Vec::new(), None::<String>);
        loop {
            let (page, _) = level.page(after.as_deref(), 9, 10);
            after = page.names.last().cloned();
            all.extend(page.names);
            if !page.more {
                break;
            }
        }
        assert_eq!(all, model(&names, None, 1000).names);
    }
}
