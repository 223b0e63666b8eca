//! Files with secrets, made where there are none.

use std::fs::{DirBuilder, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

/// Makes a file for its owner alone, with the folders above it, whole or not at all. `false` when there is one already, which
/// stays as it is: another server may start at the same time.
///
/// # Errors
/// It cannot be made or written.
pub fn make_once(path: &Path, content: &[u8]) -> io::Result<bool> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mut file = tempfile::Builder::new().permissions(Permissions::from_mode(0o600)).tempfile_in(folder)?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Ok(_) => File::open(folder)?.sync_all().map(|()| true),
        Err(failed) if failed.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(failed) => Err(failed.error),
    }
}

#[cfg(test)]
mod tests {
    use super::make_once;
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
    }
}
