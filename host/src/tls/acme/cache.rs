//! The folder of the account and the certificates.
//!
//! A certificate lies in a file that has the host's name, after its key, as Go's autocert keeps it: distribution's
//! folder serves on here, and ours there.

use super::Certificate;
use crate::FileError;
use instant_acme::AccountCredentials;
use rustix::fs::{Access, access};
use rustls::crypto::CryptoProvider;
use serde_json::Value;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const CACHEFILE: &str = "http.tls.letsencrypt.cachefile";

/// The account. No host has such a name.
const ACCOUNT: &str = "acme_account+pierhead.json";

/// The folder.
pub(super) struct Cache {
    folder: PathBuf,
    provider: Arc<CryptoProvider>,
}

impl Cache {
    /// Opens the folder, or makes it, for its owner alone.
    ///
    /// # Errors
    /// When it can be neither, or nothing can be written to it.
    pub(super) fn open(folder: &Path, provider: Arc<CryptoProvider>) -> Result<Cache, FileError> {
        if folder.exists() && !folder.is_dir() {
            let problem = "a file, where a folder is needed, as for distribution since 2.7; name a folder";
            return Err(FileError::new(folder, CACHEFILE, problem));
        }
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .and_then(|()| Ok(access(folder, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK)?))
            .map_err(|error| {
                let problem =
                    format!("cannot be written to ({error}); name a folder that this user may write to");
                FileError::new(folder, CACHEFILE, problem)
            })?;
        Ok(Cache { folder: folder.to_owned(), provider })
    }

    /// The certificate for a host. None where there is none, and where it is damaged, which is logged.
    ///
    /// # Errors
    /// When it cannot be read: to ask for another one then would be to ask at every start.
    pub(super) fn certificate(&self, host: &str) -> Result<Option<Certificate>, FileError> {
        let Some(pem) = self.read(host)? else { return Ok(None) };
        Ok(self.parse(host, &pem).map_err(|problem| self.damaged(host, &problem)).ok())
    }

    /// Reads a key and its certificates, in PEM. Else says what they are not.
    pub(super) fn parse(&self, host: &str, pem: &[u8]) -> Result<Certificate, String> {
        Certificate::parse(host, pem, &self.provider)
    }

    /// Keeps a key and its certificates, in PEM.
    pub(super) fn keep_certificate(&self, host: &str, pem: &str) {
        self.keep(host, pem.as_bytes());
    }

    /// The account with the authority of this directory. None where there is none, and where it is damaged, which
    /// is logged.
    pub(super) fn account(&self, directory: &str) -> Option<AccountCredentials> {
        let json = match self.read(ACCOUNT) {
            Ok(json) => json?,
            Err(error) => {
                tracing::warn!("{error}");
                return None;
            }
        };
        let account = serde_json::from_slice::<Value>(&json);
        // Another authority does not know the account.
        if account.as_ref().is_ok_and(|account| account["directory"] != directory) {
            return None;
        }
        let account = account.and_then(serde_json::from_value);
        account.map_err(|error| self.damaged(ACCOUNT, &error.to_string())).ok()
    }

    /// Keeps the account.
    pub(super) fn keep_account(&self, account: &AccountCredentials) {
        self.keep(ACCOUNT, &serde_json::to_vec(account).expect("an account is JSON"));
    }

    /// Forgets the account, which the authority does not know.
    pub(super) fn forget_account(&self) {
        let _ = fs::remove_file(self.folder.join(ACCOUNT));
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, FileError> {
        let file = self.folder.join(name);
        match fs::read(&file) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => {
                let problem = format!("cannot be read ({error}); let this user read it, or remove it");
                Err(FileError::new(&file, CACHEFILE, problem))
            }
        }
    }

    fn damaged(&self, name: &str, problem: &str) {
        let problem = format!("damaged ({problem}); another one is asked for");
        tracing::warn!("{}", FileError::new(&self.folder.join(name), CACHEFILE, problem));
    }

    /// Writes a file. What fails is logged: what was got serves all the same.
    fn keep(&self, name: &str, content: &[u8]) {
        let file = self.folder.join(name);
        if let Err(error) = credentials::replace(&file, content) {
            let problem = format!(
                "cannot be written ({error}), and is asked for again at the next start; make room for it"
            );
            tracing::error!("{}", FileError::new(&file, CACHEFILE, problem));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::crypto::ring;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn two_servers_on_one_folder_never_leave_half_a_file() {
        let folder = std::env::temp_dir().join(format!("pierhead-acme-{}", std::process::id()));
        let provider = Arc::new(ring::default_provider());
        let keep = |letter: &str| {
            let cache = Cache::open(&folder, provider.clone()).expect("a folder");
            let content = letter.repeat(1 << 20);
            for _ in 0..100 {
                cache.keep_certificate("host", &content);
            }
        };
        keep("a");
        std::thread::scope(|scope| {
            let keepers = ["b", "c"].map(|letter| scope.spawn(move || keep(letter)));
            while keepers.iter().any(|keeper| !keeper.is_finished()) {
                let content = fs::read(folder.join("host")).expect("it is there");
                assert!(content.len() == 1 << 20 && content.iter().all(|byte| *byte == content[0]));
            }
        });
        let mode = fs::metadata(folder.join("host")).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(&folder).expect("a folder").count(), 1);
        fs::remove_dir_all(&folder).expect("it can be removed");
    }
}
