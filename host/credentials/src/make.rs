//! Files with secrets, written whole or not at all, and for their owner alone.

use std::fs::{DirBuilder, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;
use tempfile::NamedTempFile;

/// Makes a file, with the folders above it. `false` when there is one already, which stays as it is: another server may
/// start at the same time.
///
/// # Errors
/// It cannot be made or written.
pub fn make_once(path: &Path, content: &[u8]) -> io::Result<bool> {
    match prepared(path, content)?.persist_noclobber(path) {
        Ok(_) => File::open(folder(path))?.sync_all().map(|()| true),
        Err(failed) if failed.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(failed) => Err(failed.error),
    }
}

/// Makes a file, with the folders above it, in the place of the one that is there.
///
/// # Errors
/// It cannot be made or written.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    prepared(path, content)?.persist(path)?;
    File::open(folder(path))?.sync_all()
}

/// A file with this content that lies on the disk beside the path, under a name that no other has.
fn prepared(path: &Path, content: &[u8]) -> io::Result<NamedTempFile> {
    let folder = folder(path);
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mut file = tempfile::Builder::new().permissions(Permissions::from_mode(0o600)).tempfile_in(folder)?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    Ok(file)
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::{make_once, replace};
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_file_is_made_whole_once_and_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/secret");
        std::thread::scope(|scope| {
            let path = &path;
            let make = |n| scope.spawn(move || make_once(path, &[n; 9]).unwrap());
            let makers: Vec<_> = (0..4).map(make).collect();
            let made = makers.into_iter().map(|maker| maker.join().unwrap()).filter(|made| *made).count();
            assert_eq!(made, 1);
        });
        let content = fs::read(&path).unwrap();
        assert!(content.len() == 9 && content.iter().all(|byte| *byte == content[0]), "{content:?}");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        assert!(!make_once(&path, b"other").unwrap());
        assert_eq!(fs::read(&path).unwrap(), content);
        replace(&path, b"other").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"other");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
