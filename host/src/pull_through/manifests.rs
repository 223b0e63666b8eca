//! Manifests: one that is here under its digest is served, what a tag names is asked for.

use super::expiry::Wish;
use super::{PullThrough, unless_denied};
use crate::storage::Error;
use names::{Digest, Reference, RepositoryName, Tag};
use protocol::manifest as document;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};
use store::Manifest;
use tree::PutManifest;
use upstream::{Kind, Named};

/// How long the upstream registry is left alone by whoever can do without, after it did not answer: who pulls need not wait for it
/// again and again.
const LEFT_ALONE: Duration = Duration::from_secs(10);

impl PullThrough {
    /// A manifest, and whether it was here. One that was not is named by the tag from then on, where one is given.
    pub(super) async fn by_digest(
        &self,
        name: &RepositoryName,
        digest: &Digest,
        tag: Option<&Tag>,
    ) -> Result<(Option<Manifest>, bool), Error> {
        if let Some(found) = self.manifest_here(name, Reference::Digest(digest.clone())).await? {
            return Ok((Some(found), true));
        }
        // Who comes while it is fetched waits for it: each time it is asked for may count.
        let came = Instant::now();
        let turn = self.shared.manifests.of(format!("{name}@{digest}"));
        let _mine = turn.lock().await;
        if let Some(found) = self.manifest_here(name, Reference::Digest(digest.clone())).await? {
            return Ok((Some(found), true));
        }
        // Nor does everyone wait for a registry that answers nobody.
        if let Some((since, error)) = self.silence()
            && since > came
        {
            return Err(Error::Fetch(error));
        }
        let found = self.shared.upstream.manifest(name, &Reference::Digest(digest.clone())).await;
        match unless_denied(name, found).map_err(|error| self.heard(error))? {
            None => Ok((None, false)),
            Some(found) => Ok((Some(self.keep(name, found, tag).await?), false)),
        }
    }

    /// A manifest that is here. One whose bytes are damaged is not.
    async fn manifest_here(
        &self,
        name: &RepositoryName,
        wanted: Reference,
    ) -> Result<Option<Manifest>, Error> {
        let at = name.clone();
        match self.here(move |store| store.manifest(&at, &wanted)).await {
            Err(Error::Files(error @ store::Error::Corrupt { .. })) => {
                tracing::warn!(repository = %name, %error, "a damaged manifest is fetched again");
                Ok(None)
            }
            found => found,
        }
    }

    /// What a tag names there, or named last where that cannot be had, and whether it was here.
    pub(super) async fn by_tag(
        &self,
        name: &RepositoryName,
        tag: &Tag,
    ) -> Result<(Option<Manifest>, bool), Error> {
        let here = || self.manifest_here(name, Reference::Tag(tag.clone()));
        if self.silence().is_some_and(|(since, _)| since.elapsed() < LEFT_ALONE)
            && let Some(found) = here().await?
        {
            return Ok((Some(found), true));
        }
        let error = match self.by_tag_there(name, tag).await {
            Ok(found) => return Ok(found),
            Err(error) if error.is_upstreams() => self.heard(error),
            Err(error) => return Err(error),
        };
        match here().await? {
            Some(found) => {
                tracing::warn!(repository = %name, %tag, %error, "the upstream registry does not say what a tag names: served is what it named last");
                Ok((Some(found), true))
            }
            None => match error {
                Error::Upstream(error) => Ok((unless_denied(name, Err(error))?, false)),
                error => Err(error),
            },
        }
    }

    async fn by_tag_there(
        &self,
        name: &RepositoryName,
        tag: &Tag,
    ) -> Result<(Option<Manifest>, bool), Error> {
        let digest = match self.shared.upstream.resolve(name, tag).await? {
            None => return Ok((None, false)),
            Some(Named::Manifest(found)) => {
                return Ok((Some(self.keep(name, *found, Some(tag)).await?), false));
            }
            Some(Named::Digest(digest)) => digest,
        };
        self.spoken();
        let here = self.manifest_here(name, Reference::Tag(tag.clone())).await?;
        if let Some(here) = here.filter(|here| here.digest == digest) {
            return Ok((Some(here), true));
        }
        let (found, was_here) = self.by_digest(name, &digest, Some(tag)).await?;
        if let (Some(found), true) = (&found, was_here) {
            self.put(name, found, Some(tag)).await?;
        }
        Ok((found, was_here))
    }

    /// Keeps a manifest that was fetched. Where it cannot be kept, it is given on all the same.
    async fn keep(
        &self,
        name: &RepositoryName,
        found: upstream::Manifest,
        tag: Option<&Tag>,
    ) -> Result<Manifest, Error> {
        let upstream::Manifest { digest, media_type, bytes } = found;
        // Some say what it is, but not of it.
        let parsed = document::Manifest::parse(&bytes, media_type.as_deref())
            .or_else(|_| document::Manifest::parse(&bytes, None))
            .map_err(|why| upstream::Error::no_manifest(name.as_str(), digest.as_str(), &why.message))?;
        let media_type = (!parsed.says_type).then_some(parsed.media_type);
        let found = Manifest { digest, media_type, bytes };
        self.shared.counters.fetched("manifest", found.bytes.len() as u64);
        self.put(name, &found, tag).await?;
        Ok(found)
    }

    /// Puts a manifest where it can be found. That it cannot be kept is said in the log alone.
    async fn put(&self, name: &RepositoryName, manifest: &Manifest, tag: Option<&Tag>) -> Result<(), Error> {
        let Manifest { digest, media_type, bytes } = manifest.clone();
        let size = bytes.len() as u64;
        let tags = tag.into_iter().cloned().collect();
        let new = PutManifest { digest, bytes, media_type, blobs: Vec::new(), manifests: Vec::new(), tags };
        let (store, at) = (self.store.clone(), name.clone());
        match tokio::task::spawn_blocking(move || store.put_manifest(&at, new)).await? {
            Ok(()) => self.shared.expiry.wish(Wish::Fetched(size)),
            Err(error) => {
                tracing::warn!(repository = %name, digest = %manifest.digest, %error, "a manifest is not kept");
                if matches!(error, store::PutManifestError::Storage(store::Error::Full(_))) {
                    self.shared.expiry.wish(Wish::Room(size));
                }
            }
        }
        Ok(())
    }

    /// Since when the upstream registry does not answer, and what is wrong.
    fn silence(&self) -> Option<(Instant, Arc<Error>)> {
        self.shared.silent.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// It answers.
    fn spoken(&self) {
        *self.shared.silent.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Takes note of an error that others would get as well.
    fn heard(&self, error: Error) -> Error {
        match &error {
            Error::Upstream(upstream) if matches!(upstream.kind, Kind::Unreachable | Kind::TooOften) => {
                let error = Arc::new(error);
                let silence = Some((Instant::now(), error.clone()));
                *self.shared.silent.lock().unwrap_or_else(PoisonError::into_inner) = silence;
                Error::Fetch(error)
            }
            _ => error,
        }
    }
}
