//! An htpasswd file's text, read as distribution reads it: lines `user:hash`, comments that begin with `#`, and of
//! several lines for one user the last. Only bcrypt is taken.
#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

/// A user's password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What bcrypt made of it.
    pub hash: Arc<str>,
}

/// The users of a file.
#[derive(Clone, Debug, Default)]
pub struct Users {
    entries: HashMap<String, Entry>,
}

/// bcrypt's cost where there is no entry: distribution's, and htpasswd's is 5.
pub const COST: u32 = 10;

/// The cost of a hash, if bcrypt made it in a way that is taken here: `$2y$10$` and 53 characters. What only looks like
/// one would be refused sooner than a wrong password, and so tell who is a user.
fn cost(hash: &str) -> Option<u32> {
    let taken = ["$2a$", "$2b$", "$2y$"].iter().any(|kind| hash.starts_with(kind));
    let parts: bcrypt::HashParts = hash.parse().ok().filter(|_| taken)?;
    Some(parts.get_cost()).filter(|cost| (4..=31).contains(cost))
}

/// A hash that no password has, of this cost.
fn dummy(cost: u32) -> String {
    format!("$2b${cost:02}$......................{}", ".".repeat(31))
}

impl Users {
    /// Whether this is the password of that user. Takes as long for a user that nobody knows.
    pub fn verify(&self, user: &str, password: &[u8]) -> Option<&Entry> {
        let (entry, dummy) = (self.entry(user), dummy(self.dummy_cost(user)));
        let right = bcrypt::verify(password, entry.map_or(&*dummy, |entry| &entry.hash));
        entry.filter(|_| right.unwrap_or(false))
    }

    /// What a comparison costs if nobody has this name: as much as with one of the entries. The name decides which, and so does
    /// what is secret in each of them; a name then always takes the same time, as a user's does, in each process and
    /// mostly also after a change of the file. Were it one cost for all of them, another would tell that someone is a user.
    fn dummy_cost(&self, user: &str) -> u32 {
        let mark = |entry: &&Entry| {
            let mut hasher = DefaultHasher::new();
            (&entry.hash, user).hash(&mut hasher);
            hasher.finish()
        };
        self.entries.values().min_by_key(mark).and_then(|entry| cost(&entry.hash)).unwrap_or(COST)
    }

    /// The users of a file, and what is wrong with its lines.
    pub fn parse(text: &str) -> (Users, Vec<String>) {
        let (mut entries, mut problems) = (HashMap::<String, Entry>::new(), Vec::new());
        // Some editors begin a file with it: it is no part of the first user's name.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for (at, line) in text.lines().enumerate() {
            let (line, number) = (line.trim(), at + 1);
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let Some((user, hash)) = line.split_once(':') else {
                problems.push(format!("line {number}: no colon after the user's name; it is passed over"));
                continue;
            };
            if entries.remove(user).is_some() {
                problems.push(format!("line {number}: this user had a line before, which no longer counts"));
            }
            if cost(hash).is_none() {
                problems.push(format!(
                    "line {number}: not a password of the kind bcrypt, and never accepted; make it with htpasswd -B"
                ));
                continue;
            }
            entries.insert(user.into(), Entry { hash: hash.into() });
        }
        (Users { entries }, problems)
    }

    /// Whether there is nobody.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// A user's entry.
    pub fn entry(&self, user: &str) -> Option<&Entry> {
        self.entries.get(user)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "$2y$05$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01232";

    fn parse(text: &str) -> (Users, String) {
        let (users, problems) = Users::parse(text);
        (users, problems.join("\n"))
    }

    #[test]
    fn comments_empty_lines_and_crlf_are_no_users() {
        let text = format!("# people\r\n\r\nalice:{HASH}\r\n   \n  bob:{HASH}  \n#carol:{HASH}\n");
        let (users, problems) = parse(&text);
        assert_eq!(problems, "");
        assert_eq!(users.entry("alice").expect("a user").hash.as_ref(), HASH);
        assert_eq!(users.entry("bob"), users.entry("alice"));
        assert_eq!(users.entries.len(), 2);
    }

    #[test]
    fn of_two_lines_for_one_user_the_last_counts_even_if_it_is_never_accepted() {
        let other = HASH.replace("$05$", "$06$");
        let (users, problems) = parse(&format!("alice:{HASH}\nalice:{other}\nbob:{HASH}\nbob:plain\n"));
        assert_eq!(users.entry("alice").expect("a user").hash.as_ref(), other);
        assert_eq!(users.entry("bob"), None);
        assert!(problems.contains("line 2: this user had a line before"), "{problems}");
        assert!(problems.contains("line 4: not a password of the kind bcrypt"), "{problems}");
    }

    #[test]
    fn every_other_kind_is_reported_with_its_line_and_without_what_it_says() {
        for hash in [
            "{SHA}5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8",
            "$apr1$salt$hash",
            "$5$rounds=5000$salt$hash",
            "secret",
            "",
            "$2x$05$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234",
            "$2y$99$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234",
            "$2y$05$short",
            "$2y$05$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01233",
            "$2y$05$abcdefghijklmnopqrstu:ABCDEFGHIJKLMNOPQRSTUVWXYZ01232",
            "$2y$05$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01232:x",
        ] {
            let (users, problems) = parse(&format!("\nalice:{hash}\n"));
            assert_eq!(users.entry("alice"), None, "{hash}");
            assert!(problems.starts_with("line 2: not a password"), "{problems}");
            assert!(hash.is_empty() || !problems.contains(hash), "{problems}");
        }
        assert!(parse("secret\n").1.starts_with("line 1: no colon"));
    }

    #[test]
    fn the_password_of_an_entry_is_right_and_no_other() {
        let (users, _) = parse("bob:$2y$05$qH2FQE5picqtD3pGgJiluOiIG/PfGy6x/QAukYAhN1OH2SGYf/JYa\n");
        assert!(users.verify("bob", b"builder").is_some());
        assert!(users.verify("bob", b"Builder").is_none());
        assert!(users.verify("alice", b"builder").is_none());
    }

    #[test]
    fn a_mark_of_the_byte_order_is_no_part_of_the_first_name() {
        let (users, problems) = parse(&format!("\u{feff}alice:{HASH}\n"));
        assert!(users.entry("alice").is_some(), "{problems}");
        assert_eq!(parse(&format!("\u{feff}# people\nbob:{HASH}\n")).1, "");
    }

    #[test]
    fn nobody_costs_as_much_as_somebody_and_each_name_always_the_same() {
        let other = HASH.replace("$05$", "$06$");
        let text = format!("a:{HASH}\nb:{other}\nc:{}\n", other.replace("ABC", "abc"));
        let costs = |text: &str| -> Vec<u32> {
            let (users, _) = parse(text);
            (0..300).map(|number| users.dummy_cost(&format!("nobody{number}"))).collect()
        };
        let found = costs(&text);
        let cheap = found.iter().filter(|cost| **cost == 5).count();
        assert!((50..150).contains(&cheap) && found.iter().all(|cost| [5, 6].contains(cost)), "{found:?}");
        assert_eq!(costs(&text), found, "as in another process, or in another instance");
        // Of a new line most names know nothing, and none changes to the cost of another line.
        let more = costs(&format!("{text}d:{}\n", HASH.replace("$05$", "$07$")));
        assert!(found.iter().zip(&more).all(|(before, after)| before == after || *after == 7));
        assert_eq!(parse("").0.dummy_cost("a"), COST);
        assert_eq!(cost(&dummy(6)), Some(6));
        assert_eq!(parse(&format!("a:{HASH}")).0.verify("b", b""), None);
    }
}
