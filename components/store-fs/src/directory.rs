//! Directories: made, listed, and cleared away.

use crate::files::{ATTEMPTS, FOLLOW, Files, error, found, is_absent};
use crate::wasi_bindings::wasi::filesystem::types::{
    Descriptor, DescriptorFlags, DescriptorType, DirectoryEntry, ErrorCode, OpenFlags,
};
use objects::{Error, Kind};
use wit_bindgen::StreamResult;

/// How many entries are taken at a time.
const BATCH: usize = 1000;

/// How often a directory is listed anew of which something is removed meanwhile: the host ends a list at a name that is gone
/// by the time it looks at it.
const LISTED: usize = 20;

/// What lies in a directory.
pub struct Entry {
    pub name: String,
    pub is_directory: bool,
}

impl Files {
    async fn directory(&self, key: &str) -> Result<Option<Descriptor>, Error> {
        let path = if key.is_empty() { ".".to_owned() } else { self.path(key) };
        let flags = DescriptorFlags::READ;
        found(self.root.open_at(FOLLOW, path, OpenFlags::DIRECTORY, flags).await, "open", key)
    }

    /// Makes a directory and those above it, as far as they are not there, to survive a crash.
    pub async fn make_directory(&self, key: &str) -> Result<(), Error> {
        let path = self.path(key);
        let path = path.trim_end_matches('/');
        let mut made = self.make_missing(path).await;
        for _ in 1..ATTEMPTS {
            match made {
                // Someone has removed one of those above it meanwhile.
                Err((_, code)) if is_absent(&code) => made = self.make_missing(path).await,
                _ => break,
            }
        }
        for above in made.map_err(|(made, code)| error("make the directory", &made, code))? {
            self.sync_path(&above).await?;
        }
        Ok(())
    }

    /// Makes what is missing of a path, and gives the directories that have something new in them.
    async fn make_missing(&self, path: &str) -> Result<Vec<String>, (String, ErrorCode)> {
        let mut changed = Vec::new();
        if path.is_empty() || self.root.stat_at(FOLLOW, path.into()).await.is_ok() {
            return Ok(changed);
        }
        // From the deepest that is there on; the slash at the end stands for the whole.
        let ends: Vec<usize> = path.match_indices('/').map(|(at, _)| at).chain([path.len()]).collect();
        let mut missing = ends.len();
        while missing > 0 && self.root.stat_at(FOLLOW, path[..ends[missing - 1]].into()).await.is_err() {
            missing -= 1;
        }
        for end in &ends[missing..] {
            let made = &path[..*end];
            match self.root.create_directory_at(made.into()).await {
                // Someone else was quicker.
                Ok(()) | Err(ErrorCode::Exist) => {}
                Err(code) => return Err((made.to_owned(), code)),
            }
            changed.push(made.rsplit_once('/').map_or(".", |(above, _)| above).to_owned());
        }
        Ok(changed)
    }

    /// Makes the names in a directory survive a crash.
    pub async fn sync_directory(&self, key: &str) -> Result<(), Error> {
        self.sync_path(&self.path(key)).await
    }

    async fn sync_path(&self, path: &str) -> Result<(), Error> {
        if !self.fsync {
            return Ok(());
        }
        let opened =
            self.root.open_at(FOLLOW, path.into(), OpenFlags::DIRECTORY, DescriptorFlags::READ).await;
        // Gone meanwhile: then there is nothing left to survive.
        let Some(directory) = found(opened, "open", path)? else { return Ok(()) };
        match directory.sync().await {
            // A host that cannot sync directories says so in its own way: there is no more to be had of it.
            Ok(()) | Err(ErrorCode::BadDescriptor | ErrorCode::Invalid | ErrorCode::Unsupported) => Ok(()),
            Err(code) => Err(error("sync the directory", path, code)),
        }
    }

    /// Looks at all that lies in a directory, of which there need be none; at some of it more than once where others change
    /// it meanwhile.
    pub async fn each_entry(
        &self,
        key: &str,
        mut each: impl AsyncFnMut(Entry) -> Result<(), Error>,
    ) -> Result<(), Error> {
        for _ in 0..LISTED {
            let Some(directory) = self.directory(key).await? else { return Ok(()) };
            let (mut entries, ended) = directory.read_directory();
            let mut result = StreamResult::Complete(0);
            while result != StreamResult::Dropped {
                let batch;
                (result, batch) = entries.read(Vec::with_capacity(BATCH)).await;
                for DirectoryEntry { type_, name } in batch {
                    each(Entry { name, is_directory: matches!(type_, DescriptorType::Directory) }).await?;
                }
            }
            match ended.await {
                Ok(()) => return Ok(()),
                Err(code) if is_absent(&code) => {}
                Err(ErrorCode::IllegalByteSequence) => {
                    let why =
                        "it has a name that is not UTF-8, behind which this host does not look: remove that";
                    return Err(Error::new(Kind::Failed, "list", key, why));
                }
                Err(code) => return Err(error("list", key, code)),
            }
        }
        Err(Error::new(Kind::Unavailable, "list", key, "others remove from it all the time"))
    }

    /// Removes a directory with all that is in it: all of it is gone at once, and what is left of it is in nobody's way.
    pub async fn clear_at_once(&self, key: &str) -> Result<(), Error> {
        let staged = self.staged().await?;
        match self.rename(key, &staged).await? {
            true => self.clear(&staged).await,
            false => Ok(()),
        }
    }

    /// Removes a directory with all that is in it.
    pub async fn clear(&self, key: &str) -> Result<(), Error> {
        let mut entries = Vec::new();
        self.each_entry(key, async |entry| {
            entries.push(entry);
            Ok(())
        })
        .await?;
        for Entry { name, .. } in entries {
            let below = layout::in_directory(key, &name);
            match self.root.unlink_file_at(self.path(&below)).await {
                Ok(()) => {}
                Err(code) if is_absent(&code) => {}
                // Which of the two a host says of a directory is its own affair.
                Err(ErrorCode::IsDirectory | ErrorCode::NotPermitted) => Box::pin(self.clear(&below)).await?,
                Err(code) => return Err(error("remove", &below, code)),
            }
        }
        found(self.root.remove_directory_at(self.path(key)).await, "remove", key).map(drop)
    }
}
