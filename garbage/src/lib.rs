//! What garbage is: what those who collect it, and those who store things meanwhile, agree on, in a directory and in a
//! bucket (docs/decisions/0016 and 0018). Pure: no I/O.
#![forbid(unsafe_code)]

mod graph;
mod marks;
mod needed;
mod state;
pub mod unknown;

pub use graph::{Graph, Revision};
pub use marks::{Key, Marks, key};
pub use needed::{Needed, lines, named_by, told};
pub use state::{ABANDONED_AFTER, MAX_STATE, State};

use names::{Digest, RepositoryName};
use std::time::Duration;

/// How old a lease is when it is renewed: a write for what is asked for again and again, but not each time. A lease is a
/// link's age: when a client was last told that there is what it leads to.
pub const RENEWED_AFTER: Duration = Duration::from_secs(600);

/// What garbage is.
#[derive(Clone, Copy, Debug)]
pub struct Collection {
    /// Whether it is only found, and nothing is written at all.
    pub dry_run: bool,
    /// Whether manifests are garbage that no tag leads to: not itself, not through an index, and not as what it is about.
    pub delete_untagged: bool,
    /// What was pushed, or asked for as clients do before they push, less long ago is none. Zero is for those who know that
    /// nobody pushes.
    pub grace: Duration,
}

impl Collection {
    /// Whether what was stored so long ago stays for that alone.
    pub fn is_young(&self, age: Duration) -> bool {
        age < self.grace
    }

    /// Whether a lease that was renewed so long ago is younger than the grace. It may have been used for as long as it is not
    /// renewed each time, twice: once more where that failed.
    pub fn is_leased(&self, age: Duration) -> bool {
        !self.grace.is_zero() && age < self.grace + 2 * RENEWED_AFTER
    }
}

/// Whether a name cannot be that of a repository, with whatever registry: file systems make such ones (`.snapshot`,
/// `lost+found`, `@eaDir`).
pub fn is_nobodys(component: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    component.starts_with('.') || !component.bytes().all(allowed)
}

/// A piece of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Garbage {
    /// A repository's manifest, without its bytes.
    Manifest {
        /// The repository.
        repository: RepositoryName,
        /// Its digest.
        digest: Digest,
    },
    /// Bytes, with all holds on them.
    Blob {
        /// Their digest.
        digest: Digest,
        /// How many they are.
        size: u64,
    },
}

/// What came of a collection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// How many blobs and manifests are needed.
    pub needed: usize,
    /// How many blobs would be garbage if they were older.
    pub young_blobs: usize,
    /// How many manifests would be.
    pub young_manifests: usize,
    /// How many manifests were garbage.
    pub manifests: usize,
    /// How many blobs were.
    pub blobs: usize,
    /// How many bytes they had.
    pub bytes: u64,
}

impl Collected {
    /// A piece is gone.
    pub fn add(&mut self, piece: &Garbage) {
        match piece {
            Garbage::Manifest { .. } => self.manifests += 1,
            Garbage::Blob { size, .. } => {
                self.blobs += 1;
                self.bytes += size;
            }
        }
    }
}
