//! A file open for reading.

use crate::files::{CHUNK, error};
use crate::wasi_bindings::wasi::filesystem::types::Descriptor;
use crate::wasi_bindings::wit_stream;
use objects::{Error, Object};
use platform::Stream;
use std::rc::Rc;

/// A file open for reading. It stays readable when it is removed.
pub struct File {
    file: Rc<Descriptor>,
    size: u64,
}

impl File {
    /// An opened file.
    pub async fn new(file: Descriptor, key: &str) -> Result<File, Error> {
        let size = file.stat().await.map_err(|code| error("stat", key, code))?.size;
        Ok(File { file: Rc::new(file), size })
    }
}

impl Object for File {
    fn size(&self) -> u64 {
        self.size
    }

    /// A task of ours passes the bytes on: a host may take an instance away that has none, and with it a stream of its file
    /// system that is still being read.
    async fn read(&self, offset: u64, length: u64) -> Result<Stream, Error> {
        let (mut writer, reader) = wit_stream::new();
        let file = self.file.clone();
        guest_task::spawn(async move {
            let (mut source, _) = file.read_via_stream(offset);
            // Where it ends early, whoever reads finds it shorter than was said, or has gone away.
            guest_task::pump(&mut source, length, &mut writer, CHUNK).await;
        });
        Ok(reader.into())
    }
}
