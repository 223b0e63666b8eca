//! Removal: what is removed is gone at once, and what someone else has just written does not go along.

use crate::files::{ATTEMPTS, Files, error, is_absent};
use crate::small::SMALL;
use crate::wasi_bindings::wasi::filesystem::types::{ErrorCode, PathFlags};
use objects::{Error, Kind, Objects};

impl Files {
    /// Removes a directory where `deciding` is there.
    pub async fn remove_whole(&self, directory: &str, deciding: &str) -> Result<bool, Error> {
        // What lies there without it may be what someone is about to finish.
        if self.size(&layout::in_directory(directory, deciding)).await?.is_none() {
            return Ok(false);
        }
        // All of it is gone at once; what is left of it is in nobody's way.
        let staged = self.staged().await?;
        let removed = self.rename(directory, &staged).await?;
        if removed {
            self.sync_directory(layout::split(directory).0).await?;
            self.clear(&staged).await?;
        }
        Ok(removed)
    }

    /// Removes a directory if `deciding` says what `goes`, and of it nothing that someone else writes meanwhile.
    pub async fn remove_alone(
        &self,
        directory: &str,
        deciding: &str,
        goes: impl AsyncFn(&[u8]) -> Result<bool, Error>,
    ) -> Result<bool, Error> {
        let key = layout::in_directory(directory, deciding);
        let staged = self.staged().await?;
        if !self.rename(&key, &staged).await? {
            return Ok(false);
        }
        // What was taken cannot be replaced any more, so it is looked at now.
        let gone = match self.read_whole(&staged, SMALL).await {
            Ok(bytes) => goes(&bytes.unwrap_or_default()).await,
            Err(error) => Err(error),
        };
        if !matches!(gone, Ok(true)) {
            self.put_back(&staged, &key).await?;
        }
        self.unlink(&staged).await?;
        if matches!(gone, Ok(true)) {
            self.remove_beside(directory, deciding).await?;
        }
        gone
    }

    /// Removes what lies in a directory beside `deciding`, and the directories that are empty then.
    pub async fn remove_beside(&self, directory: &str, deciding: &str) -> Result<(), Error> {
        let mut parts = Vec::new();
        self.each_entry(directory, async |entry| {
            parts.extend((deciding.split('/').next() != Some(&entry.name)).then_some(entry.name));
            Ok(())
        })
        .await?;
        for part in parts {
            self.clear_at_once(&layout::in_directory(directory, &part)).await?;
        }
        // Those in which someone writes anew are not empty, and stay.
        let key = layout::in_directory(directory, deciding);
        let (mut at, _) = layout::split(&key);
        while at.len() >= directory.len() {
            let _ = self.root.remove_directory_at(self.path(at)).await;
            (at, _) = layout::split(at);
        }
        for changed in [at, directory, layout::split(&key).0] {
            self.sync_directory(changed).await?;
        }
        Ok(())
    }

    /// Gives what was taken its name again, unless someone else has it meanwhile.
    async fn put_back(&self, staged: &str, key: &str) -> Result<(), Error> {
        let (within, _) = layout::split(key);
        for _ in 0..ATTEMPTS {
            self.make_directory(within).await?;
            let (from, to) = (self.path(staged), self.path(key));
            match self.root.link_at(PathFlags::empty(), from, &self.root, to).await {
                Ok(()) | Err(ErrorCode::Exist) => return self.sync_directory(within).await,
                Err(code) if is_absent(&code) => {}
                // Not every file system has second names.
                Err(ErrorCode::NotPermitted | ErrorCode::Unsupported) => {
                    return self.rename(staged, key).await.map(drop);
                }
                Err(code) => return Err(error("put back", key, code)),
            }
        }
        let why = "someone else removes it again and again";
        Err(Error::new(Kind::Unavailable, "put back", key, why))
    }
}
