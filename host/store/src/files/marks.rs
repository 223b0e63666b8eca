//! Entries that a crash could still take away.

use super::Files;
use crate::error::Error;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Directories that this process gave entries which no sync has made to last yet: how many. Who builds on such an
/// entry syncs the directory too, whoever made it.
#[derive(Default)]
pub(super) struct Unsynced(Mutex<HashMap<String, usize>>);

impl Unsynced {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Of the directories above `key`, those that are marked.
    fn above(&self, key: &str, found: &mut BTreeSet<String>) {
        let marked = self.lock();
        let mut at = key;
        while !marked.is_empty() && !at.is_empty() {
            at = layout::split(at).0;
            if marked.contains_key(at) {
                found.insert(at.to_owned());
            }
        }
    }
}

/// The marks of one who makes entries. They stay until a [`sync`](Marks::sync) has succeeded.
pub(super) struct Marks<'a> {
    files: &'a Files,
    /// Whether there will be a sync.
    durable: bool,
    marked: Vec<String>,
}

impl<'a> Marks<'a> {
    pub fn new(files: &'a Files, durable: bool) -> Marks<'a> {
        Marks { files, durable, marked: Vec::new() }
    }

    /// To be called before `directory` is given an entry.
    pub fn mark(&mut self, directory: &str) {
        if self.durable {
            *self.files.unsynced.lock().entry(directory.to_owned()).or_default() += 1;
            self.marked.push(directory.to_owned());
        }
    }

    /// Makes the entries survive a crash, with all above `keys` that others have not synced yet, and what is in
    /// `directories`.
    pub fn sync(&mut self, keys: &[String], mut directories: BTreeSet<String>) -> Result<(), Error> {
        if !self.durable {
            return Ok(());
        }
        let unsynced = &self.files.unsynced;
        directories.extend(self.marked.iter().cloned());
        for key in keys.iter().chain(&self.marked) {
            unsynced.above(key, &mut directories);
        }
        for directory in directories {
            // One that has gone has no entries.
            if let Some(fd) = self.files.directory(&directory)? {
                rustix::fs::fsync(&fd)
                    .map_err(|error| Error::new("sync the directory", &directory, error))?;
            }
        }
        let mut marked = unsynced.lock();
        for directory in self.marked.drain(..) {
            if let Some(count) = marked.get_mut(&directory) {
                *count -= 1;
                if *count == 0 {
                    marked.remove(&directory);
                }
            }
        }
        Ok(())
    }
}
