//! A place that is read from and not written to, whatever the file system would allow.

use crate::backend::{
    Backend, Collector, Draft, DraftError, Fault, Guard, Listing, Object, Small, Stamp, Unit, Wait,
};
use crate::error::Error;
use garbage::Needed;
use rustix::io::Errno;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Reads from another place, and answers to every write as a disk does that is mounted read-only.
pub(crate) struct ReadOnly<B>(pub B);

fn refuse<T>(doing: &'static str, path: &str) -> Result<T, Error> {
    Err(Error::new(doing, path, Errno::ROFS))
}

impl<B: Backend> Backend for ReadOnly<B> {
    fn check(&self) -> Result<(), Error> {
        self.0.check()
    }

    fn room(&self) -> Option<u64> {
        Some(0)
    }

    fn stat(&self, key: &str, known: Option<&Stamp>, wait: Wait) -> Result<Option<Stamp>, Fault> {
        self.0.stat(key, known, wait)
    }

    fn read(&self, key: &str, limit: u64, wait: Wait) -> Result<Option<Small>, Fault> {
        self.0.read(key, limit, wait)
    }

    fn open(&self, key: &str, wait: Wait) -> Result<Option<Arc<dyn Object>>, Fault> {
        self.0.open(key, wait)
    }

    fn list(&self, directory: &str, after: Option<&str>, limit: usize) -> Result<Option<Listing>, Error> {
        self.0.list(directory, after, limit)
    }

    fn any(&self, directory: &str, file: &str, wanted: &dyn Fn(&str) -> bool) -> Result<bool, Error> {
        self.0.any(directory, file, wanted)
    }

    fn commit(&self, units: &[Unit], _: bool) -> Result<(), Error> {
        match units.first() {
            Some(unit) => refuse("write to", &unit.directory),
            None => Ok(()),
        }
    }

    fn remove(&self, directory: &str) -> Result<bool, Error> {
        refuse("remove", directory)
    }

    fn remove_if(
        &self,
        directory: &str,
        _: &str,
        _: &mut dyn FnMut(&[u8]) -> Result<bool, Error>,
        _: &mut BTreeSet<String>,
    ) -> Result<bool, Error> {
        refuse("remove", directory)
    }

    fn set_aside(&self, directory: &str, _: &mut Vec<String>) -> Result<bool, Error> {
        refuse("remove", directory)
    }

    fn clear(&self, _: Vec<String>) {}

    fn hidden(&self, directory: &str) -> Result<Option<String>, Error> {
        self.0.hidden(directory)
    }

    fn share(&self, _: &dyn Fn() -> Vec<Needed>) -> Result<Guard, Error> {
        Ok(Box::new(()))
    }

    fn share_soon(&self) -> Result<Guard, Error> {
        Ok(Box::new(()))
    }

    fn touch(&self, key: &str) -> Result<bool, Error> {
        refuse("set the time of", key)
    }

    fn collect(&self) -> Result<Option<Box<dyn Collector + '_>>, Error> {
        refuse("collect garbage in", layout::ROOT)
    }

    fn sync(&self, _: BTreeSet<String>) -> Result<(), Error> {
        Ok(())
    }

    fn begin_draft(&self, directory: &str, _: &str) -> Result<(), Error> {
        refuse("make", directory)
    }

    fn end_draft(&self, directory: &str) -> Result<(), Error> {
        refuse("remove", directory)
    }

    fn open_draft(&self, directory: &str) -> Result<Option<Box<dyn Draft>>, DraftError> {
        Ok(refuse("write to", directory)?)
    }
}
