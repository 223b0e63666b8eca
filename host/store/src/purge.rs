//! Uploads that nobody finishes.

use crate::backend::Wait;
use crate::error::{Error, UploadError};
use crate::session::{Lock, purge};
use crate::{Inner, Store, since, waited};
use names::{RepositoryName, UploadId};
use std::time::Duration;

/// How many names of one directory are held at a time.
const BATCH: usize = 1000;

impl Store {
    /// Removes the uploads that began longer ago than [`Options::upload_age`](crate::Options::upload_age), unless someone
    /// is writing to them, and returns how many those were. With `dry_run` it only counts them.
    pub fn purge_uploads(&self, dry_run: bool) -> Result<usize, Error> {
        self.purge_below(layout::REPOSITORIES, "", dry_run)
    }

    /// Those of the repositories in a directory, whose name as a repository is `name`, and below it.
    fn purge_below(&self, directory: &str, name: &str, dry_run: bool) -> Result<usize, Error> {
        let mut purged = 0;
        let mut last: Option<String> = None;
        while let Some(listing) = self.inner.backend.list(directory, last.as_deref(), BATCH)? {
            for component in &listing.names {
                let name = layout::in_directory(name, component);
                let Ok(repository) = name.parse::<RepositoryName>() else { continue };
                let below = layout::in_directory(directory, component);
                let here = self.purge_repository(&repository, dry_run);
                for purging in [here, self.purge_below(&below, &name, dry_run)] {
                    // What cannot be looked at is in nobody's way; those after it are looked at all the same.
                    match purging {
                        Ok(number) => purged += number,
                        Err(error) => {
                            tracing::warn!(%error, %repository, "abandoned uploads were not looked for");
                        }
                    }
                }
            }
            match listing.more {
                true => last = listing.names.last().cloned(),
                false => break,
            }
        }
        Ok(purged)
    }

    fn purge_repository(&self, repository: &RepositoryName, dry_run: bool) -> Result<usize, Error> {
        let inner = &self.inner;
        let (mut purged, mut last) = (0, None::<String>);
        while let Some(listing) = inner.backend.list(&layout::uploads(repository), last.as_deref(), BATCH)? {
            for id in listing.names.iter().flat_map(|name| name.parse::<UploadId>()) {
                match self.purge_session(&layout::upload(repository, &id), dry_run) {
                    Ok(true) => {
                        if !dry_run {
                            tracing::info!(%repository, upload = %id, "an upload that nobody finished is removed");
                        }
                        purged += 1;
                    }
                    Ok(false) => {}
                    Err(error) => tracing::warn!(%error, %repository, "an abandoned upload stays"),
                }
            }
            match listing.more {
                true => last = listing.names.last().cloned(),
                false => break,
            }
        }
        Ok(purged)
    }

    /// Removes an upload if it is old and nobody is at work on it; whether it was.
    fn purge_session(&self, session: &str, dry_run: bool) -> Result<bool, UploadError> {
        let inner = &self.inner;
        let age = match inner.upload_age_of(session)? {
            // What a process left that was killed while it made the upload.
            None => inner.unchanged_for(session)?,
            age => age,
        };
        if age.is_none_or(|age| age < inner.upload_age) {
            return Ok(false);
        }
        match Lock::take(inner, session).map(|lock| if dry_run { Ok(()) } else { purge(lock) }) {
            Some(Ok(())) => Ok(true),
            None | Some(Err(UploadError::Busy)) => Ok(false),
            Some(Err(error)) => Err(error),
        }
    }
}

impl Inner {
    /// How long ago an upload began: as it says itself, or else when its bytes were changed last; `None` when there is no
    /// such upload. One from the future began just now.
    pub fn upload_age_of(&self, session: &str) -> Result<Option<Duration>, Error> {
        let key = layout::in_directory(session, layout::STARTED_AT);
        let text = match waited(self.backend.read(&key, 64, Wait::May)) {
            // Not a time, whatever it is.
            Err(Error::Corrupt { .. }) => None,
            found => found?.and_then(|small| String::from_utf8(small.bytes.into()).ok()),
        };
        match text.and_then(|text| humantime::parse_rfc3339_weak(text.trim()).ok()) {
            Some(began) => Ok(Some(since(began))),
            None => self.unchanged_for(&layout::in_directory(session, layout::DATA)),
        }
    }

    /// How long ago something was changed; `None` when there is no such thing.
    fn unchanged_for(&self, key: &str) -> Result<Option<Duration>, Error> {
        Ok(waited(self.backend.stat(key, None, Wait::May))?.map(|stamp| stamp.age()))
    }
}
