//! Blobs that nothing names, with the holds on them.

use super::{PIECES, Run, repositories};
use crate::backend::Wait;
use crate::error::CollectError;
use crate::{since, waited};
use garbage::{Garbage, Key, key};
use names::{Algorithm, Digest, RepositoryName};
use std::collections::HashMap;

/// A repository's hold on a blob.
struct Hold {
    /// Which of the repositories.
    repository: u32,
    /// As what it is held, where that is not the digest of its bytes.
    alias: Option<Digest>,
}

/// The holds on blobs that nothing names.
type Holds = HashMap<Key, Vec<Hold>>;

impl Run<'_> {
    pub(super) fn sweep(&mut self, repositories: &[RepositoryName]) -> Result<(), CollectError> {
        let mut holds = Holds::new();
        for (number, repository) in repositories.iter().enumerate() {
            self.holds(number as u32, repository, &mut holds)?;
        }
        let (mut pieces, mut directories) = (Vec::new(), 0);
        for algorithm in Algorithm::ALL {
            let all = layout::in_directory(layout::BLOBS, algorithm.as_str());
            for part in repositories::names(self.inner, &all)? {
                for digest in self.digests(&layout::in_directory(&all, &part), algorithm)? {
                    // What someone has put elsewhere is nobody's.
                    if !digest.hex().starts_with(&part) {
                        continue;
                    }
                    let Some(piece) = self.garbage(&digest)? else { continue };
                    pieces.push(piece);
                    directories += 1 + holds.get(&key(&digest)).map_or(0, Vec::len);
                    if directories >= PIECES {
                        self.remove(std::mem::take(&mut pieces), repositories, &mut holds)?;
                        directories = 0;
                    }
                }
            }
        }
        self.remove(pieces, repositories, &mut holds)
    }

    /// Adds a repository's holds on what nothing names.
    fn holds(
        &mut self,
        number: u32,
        repository: &RepositoryName,
        holds: &mut Holds,
    ) -> Result<(), CollectError> {
        for algorithm in Algorithm::ALL {
            let layers = layout::in_directory(&layout::layers(repository), algorithm.as_str());
            for digest in self.digests(&layers, algorithm)? {
                let link = layout::in_directory(&layout::layer(repository, &digest), layout::LINK);
                let Some(link) = waited(self.inner.link(&link, Wait::May))? else { continue };
                let content = link.digest;
                if self.needed.has(&digest) {
                    self.needed.insert(&content);
                } else if self.how.is_leased(since(link.renewed)) {
                    self.leased.insert(&content);
                }
                if !self.needed.has(&content) && !self.leased.has(&content) {
                    let alias = Some(digest).filter(|digest| *digest != content);
                    holds.entry(key(&content)).or_default().push(Hold { repository: number, alias });
                }
            }
        }
        Ok(())
    }

    /// A blob, if it is garbage.
    fn garbage(&mut self, digest: &Digest) -> Result<Option<Garbage>, CollectError> {
        if self.needed.has(digest) {
            return Ok(None);
        }
        let data = layout::in_directory(&layout::blob(digest), layout::DATA);
        let Some(stamp) = waited(self.inner.backend.stat(&data, None, Wait::May))? else { return Ok(None) };
        if self.leased.has(digest) || self.how.is_young(since(stamp.modified())) {
            self.found.young_blobs += 1;
            return Ok(None);
        }
        Ok(Some(Garbage::Blob { digest: digest.clone(), size: stamp.size }))
    }

    fn remove(
        &mut self,
        pieces: Vec<Garbage>,
        repositories: &[RepositoryName],
        holds: &mut Holds,
    ) -> Result<(), CollectError> {
        if self.how.dry_run || pieces.is_empty() {
            self.report(&pieces);
            return Ok(());
        }
        let mut gone = Vec::new();
        let removed = self.excluding(|run| {
            for piece in pieces {
                if run.remove_blob(&piece, repositories, holds)? {
                    gone.push(piece);
                }
            }
            Ok(())
        });
        self.report(&gone);
        removed
    }

    pub(super) fn report(&mut self, pieces: &[Garbage]) {
        for piece in pieces {
            self.found.add(piece);
            (self.each)(piece);
        }
    }

    /// Removes a blob and all holds on it, unless someone needs it meanwhile. Nobody stores anything now.
    fn remove_blob(
        &mut self,
        piece: &Garbage,
        repositories: &[RepositoryName],
        holds: &mut Holds,
    ) -> Result<bool, CollectError> {
        let Garbage::Blob { digest, .. } = piece else { return Ok(false) };
        let holds = holds.remove(&key(digest)).unwrap_or_default();
        let layers: Vec<String> = holds
            .iter()
            .map(|hold| {
                layout::layer(&repositories[hold.repository as usize], hold.alias.as_ref().unwrap_or(digest))
            })
            .collect();
        let is_named = |digest: &Digest| self.needed.has(digest);
        if is_named(digest) || holds.iter().filter_map(|hold| hold.alias.as_ref()).any(is_named) {
            return Ok(false);
        }
        let backend = &self.inner.backend;
        for layer in &layers {
            let link = layout::in_directory(layer, layout::LINK);
            let stamp = waited(backend.stat(&link, None, Wait::May))?;
            if stamp.is_some_and(|stamp| self.how.is_leased(since(stamp.modified()))) {
                self.found.young_blobs += 1;
                return Ok(false);
            }
        }
        let directory = layout::blob(digest);
        let data = layout::in_directory(&directory, layout::DATA);
        if waited(backend.stat(&data, None, Wait::May))?
            .is_none_or(|stamp| self.how.is_young(since(stamp.modified())))
        {
            return Ok(false);
        }
        // A hold without bytes is none, and what comes back is garbage again: whatever part of this a crash leaves is harmless.
        for directory in layers.iter().chain([&directory]) {
            self.inner.backend.set_aside(directory, &mut self.aside)?;
        }
        Ok(true)
    }
}
