//! What is wrong with a file that a setting names.

use std::fs;
use std::path::Path;

/// What is wrong with a file, and what would be right.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {problem} ({setting})")]
pub struct FileError {
    file: String,
    setting: &'static str,
    problem: String,
}

impl FileError {
    pub(crate) fn new(file: &Path, setting: &'static str, problem: impl Into<String>) -> FileError {
        FileError { file: file.display().to_string(), setting, problem: problem.into() }
    }
}

pub(crate) fn read(file: &Path, setting: &'static str) -> Result<Vec<u8>, FileError> {
    fs::read(file).map_err(|error| {
        let problem = format!("cannot be read ({error}); name a file that this user may read");
        FileError::new(file, setting, problem)
    })
}
