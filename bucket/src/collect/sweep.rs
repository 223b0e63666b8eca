//! Blobs that nothing names, with the holds on them.

use super::{CollectError, PIECES, Pages, Run, all, repository_name};
use garbage::{Garbage, Key, key};
use layout::Part;
use names::{Digest, RepositoryName};
use objects::blobs::data;
use std::collections::HashMap;

/// A repository's hold on a blob.
struct Hold {
    /// Which of the repositories.
    repository: u32,
    /// As what it is held, where that is not the digest of its bytes.
    alias: Option<Digest>,
}

/// The holds on blobs that nothing names.
#[derive(Default)]
struct Holds {
    repositories: Vec<RepositoryName>,
    on: HashMap<Key, Vec<Hold>>,
}

impl Run<'_> {
    pub(super) async fn sweep(&mut self) -> Result<(), CollectError> {
        let mut holds = self.holds().await?;
        let (mut pieces, mut count) = (Vec::new(), 0);
        let mut pages = Pages::new(self.bucket, layout::BLOBS);
        while let Some(page) = pages.next().await? {
            self.turn.beat().await?;
            for object in page {
                let Some(digest) = layout::blob_digest(&layout::in_directory(layout::BLOBS, &object.name))
                else {
                    continue;
                };
                if self.needed.has(&digest) {
                    continue;
                }
                if self.leased.has(&digest) || object.age.is_none_or(|age| self.how.is_young(age)) {
                    self.found.young_blobs += 1;
                    continue;
                }
                count += 1 + holds.on.get(&key(&digest)).map_or(0, Vec::len);
                pieces.push((digest, object.size));
                if count >= PIECES {
                    self.remove_blobs(std::mem::take(&mut pieces), &mut holds).await?;
                    count = 0;
                }
            }
        }
        self.remove_blobs(pieces, &mut holds).await
    }

    /// All holds on what nothing names.
    async fn holds(&mut self) -> Result<Holds, CollectError> {
        let mut holds = Holds::default();
        let mut aliases = Vec::new();
        let mut pages = Pages::new(self.bucket, layout::REPOSITORIES);
        while let Some(page) = pages.next().await? {
            self.turn.beat().await?;
            let mut layers = Vec::new();
            for object in page {
                let Some((spelled, rest)) = layout::repository_in(&object.name) else { continue };
                let Some(Part::Layer(digest)) = layout::part(rest) else { continue };
                if holds.repositories.last().is_none_or(|last| last.as_str() != spelled) {
                    let Some(name) = repository_name(spelled, rest)? else { continue };
                    holds.repositories.push(name);
                }
                let key = layout::in_directory(layout::REPOSITORIES, &object.name);
                layers.push((holds.repositories.len() - 1, key, digest, object));
            }
            let contents =
                all(layers.iter().map(|(_, key, digest, object)| self.content(key, digest, object.size)))
                    .await;
            for ((repository, _, digest, object), content) in layers.into_iter().zip(contents) {
                let Some(Some(content)) = content? else { continue };
                if digest != content {
                    aliases.push((digest.clone(), content.clone()));
                }
                if self.needed.has(&digest) {
                    continue;
                }
                if object.age.is_none_or(|age| self.how.is_leased(age)) {
                    self.leased.insert(&content);
                }
                if !self.needed.has(&content) && !self.leased.has(&content) {
                    let alias = Some(digest).filter(|digest| *digest != content);
                    let hold = Hold { repository: repository as u32, alias };
                    holds.on.entry(key(&content)).or_default().push(hold);
                }
            }
        }
        // What is needed as another digest may need more, as another one.
        loop {
            let is_new =
                |(alias, content): &&(Digest, Digest)| self.needed.has(alias) && !self.needed.has(content);
            let new: Vec<Digest> =
                aliases.iter().filter(is_new).map(|(_, content)| content.clone()).collect();
            if new.is_empty() {
                return Ok(holds);
            }
            self.expand_any(new).await?;
        }
    }

    /// Removes blobs and all holds on them, but for those that someone needs meanwhile.
    async fn remove_blobs(
        &mut self,
        pieces: Vec<(Digest, u64)>,
        holds: &mut Holds,
    ) -> Result<(), CollectError> {
        if pieces.is_empty() {
            return Ok(());
        }
        let of = |digest: &Digest| holds.on.get(&key(digest)).map(Vec::as_slice).unwrap_or_default();
        let aliases = pieces.iter().flat_map(|(digest, _)| of(digest)).filter_map(|hold| hold.alias.clone());
        let condemned = pieces.iter().map(|(digest, _)| digest.clone()).chain(aliases).collect();
        let said = self.turn.condemn(condemned).await?;
        self.hear(said).await?;
        let (mut gone, mut links, mut bytes) = (Vec::new(), Vec::new(), Vec::new());
        for (digest, size) in pieces {
            let held = holds.on.remove(&key(&digest)).unwrap_or_default();
            let as_which = |hold: &Hold| hold.alias.clone().unwrap_or_else(|| digest.clone());
            let is_needed =
                held.iter().map(as_which).chain([digest.clone()]).any(|digest| self.needed.has(&digest));
            if is_needed || self.leased.has(&digest) {
                continue;
            }
            links.extend(held.iter().map(|hold| {
                let layer = layout::layer(&holds.repositories[hold.repository as usize], &as_which(hold));
                layout::in_directory(&layer, layout::LINK)
            }));
            bytes.push(data(&digest));
            gone.push(Garbage::Blob { digest, size });
        }
        // A hold without bytes is none, and what comes back is garbage again: whatever part of this a crash leaves is harmless.
        self.turn.remove(links).await?;
        self.turn.remove(bytes).await?;
        self.turn.pardon().await?;
        self.report(&gone);
        Ok(())
    }
}
