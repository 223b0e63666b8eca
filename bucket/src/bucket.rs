//! A bucket, and the few things that are done with what lies in it. Keys are the `layout` crate's.

use crate::Settings;
use crate::memory::Memory;
use crate::service::{COPY_STATUS, Signer, State};
use futures_util::{StreamExt, TryStreamExt, stream};
use objects::{Error, Kind, Listing, Options, Small};
use platform::{Stream, drain};
use s3::{Begin, Gathering, LEAST_PART, Request};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tree::hash::Hash;

/// How many names are asked for at once at most.
const MAX_PAGE: usize = 1000;
/// How many bytes a page of a list has at most: names of 1 KiB, with what is told of each. Azure tells much, of 5000.
const MAX_LIST: usize = 16 << 20;
/// How many bytes are taken at a time where an object is hashed.
const CHUNK: usize = 256 << 10;
/// So many parts of an upload may be as small as they can be: there are 10 000.
const SMALL_PARTS: u32 = 2_500;
/// How many objects are removed at once.
const REMOVALS: usize = 16;

/// Why there is no answer.
#[derive(Debug)]
pub enum Fault {
    /// There is no such thing.
    Absent,
    /// A condition did not hold: someone else was quicker.
    Changed,
    /// Parts are there no more, or are others.
    Lost,
    /// What is there is of a kind that cannot be replaced, but by removing it first.
    OtherKind(Error),
    /// The bucket does not know how to do that.
    NotImplemented(Error),
    /// Anything else.
    Error(Error),
}

impl Fault {
    /// What it is where the others cannot be: nothing was asked of an upload, and no condition made.
    pub fn unexpected(self, verb: &str, key: &str) -> Error {
        match self {
            Fault::Error(error) | Fault::NotImplemented(error) | Fault::OtherKind(error) => error,
            Fault::Absent => Error::new(Kind::Failed, verb, key, "the bucket has no such thing any more"),
            Fault::Changed => {
                Error::new(Kind::Unavailable, verb, key, "someone else changes it at this moment")
            }
            Fault::Lost => {
                Error::new(Kind::Failed, verb, key, "the bucket has not all of its parts any more")
            }
        }
    }
}

/// The answer, or none where there is no such thing.
pub fn found<T>(answer: Result<T, Fault>, verb: &str, key: &str) -> Result<Option<T>, Error> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(Fault::Absent) => Ok(None),
        Err(fault) => Err(fault.unexpected(verb, key)),
    }
}

/// What there is to know of an object.
pub struct Seen {
    /// Whether it is there.
    pub state: State,
    /// How many bytes it has, where that is told.
    pub length: Option<u64>,
    /// Its entity tag.
    pub etag: String,
}

/// An object in a list.
pub struct Listed {
    /// Its key, without the prefix that was asked for.
    pub name: String,
    /// How many bytes it has.
    pub size: u64,
    /// How long ago it was written, where that is told.
    pub age: Option<Duration>,
}

/// A bucket.
pub struct Bucket {
    pub(crate) settings: Settings,
    pub(crate) options: Options,
    pub(crate) memory: Memory,
    /// That of the settings, or what somebody else gives from time to time.
    signer: RwLock<Option<Arc<dyn Signer>>>,
}

impl Bucket {
    /// The one that the settings name. Where they do not say who we are it can be asked for nothing until it [is
    /// told](Bucket::use_keys).
    pub fn new(mut settings: Settings, options: Options) -> Bucket {
        let memory = Memory::new(settings.upload_memory);
        let signer = RwLock::new(settings.signer.take());
        Bucket { settings, options, memory, signer }
    }

    /// For people: where it is, and what comes before our keys in it.
    pub fn place(&self) -> String {
        self.settings.service.shown()
    }

    /// From now on requests are signed by this one.
    pub fn use_keys(&self, signer: Arc<dyn Signer>) {
        *self.signer.write().unwrap_or_else(PoisonError::into_inner) = Some(signer);
    }

    /// Who signs requests now.
    pub(crate) fn signer(&self) -> Option<Arc<dyn Signer>> {
        self.signer.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn not_a_list(&self, prefix: &str) -> Error {
        let why = format!(
            "the answer is no list as it should be; look at {}",
            self.settings.service.names().endpoint
        );
        Error::new(Kind::Failed, "list", prefix, why)
    }

    /// How many bytes the next part of an upload is to have, of which so many parts were sent.
    pub(crate) fn part_size(&self, sent: u32) -> usize {
        let usual = self.settings.part_size;
        let small = self.memory.is_pressed() && sent < SMALL_PARTS;
        (if small { usual.min(LEAST_PART) } else { usual }) as usize
    }

    /// Whether it can be read.
    ///
    /// # Errors
    /// Why not.
    pub async fn check(&self) -> Result<(), Error> {
        self.list(layout::REPOSITORIES, None, 1).await.map(drop)
    }

    /// The whole of an object; none where there is none. One of more than `limit` bytes is an error.
    pub async fn read(&self, key: &str, limit: u64) -> Result<Option<Vec<u8>>, Error> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        found(self.ask_all(&self.settings.service.get(key), &[], limit).await, "read", key)
    }

    /// The first bytes of an object, `length` at most, and its entity tag.
    pub async fn read_head_tagged(&self, key: &str, length: u64) -> Result<Option<(Vec<u8>, String)>, Error> {
        let request = self.settings.service.get(key).ranged(0, length);
        let limit = usize::try_from(length).unwrap_or(usize::MAX);
        let read = found(self.ask_small(&request, limit).await, "read", key)?;
        Ok(read.map(|Small { bytes, etag, .. }| (bytes, etag)))
    }

    /// The whole of an object, and what is known of it.
    pub async fn read_small(&self, key: &str, limit: usize) -> Result<Option<Small>, Error> {
        let request = self.settings.service.get(key);
        found(self.ask_small(&request, limit).await, "read", key)
    }

    /// The same, with its entity tag alone.
    pub async fn read_tagged(&self, key: &str, limit: usize) -> Result<Option<(Vec<u8>, String)>, Error> {
        let read = self.read_small(key, limit).await?;
        Ok(read.map(|Small { bytes, etag, .. }| (bytes, etag)))
    }

    /// What there is to know of an object, be it there whole or not.
    pub async fn look(&self, key: &str) -> Result<Option<Seen>, Error> {
        let answer = found(self.ask(&self.settings.service.head(key), &[]).await, "look at", key)?;
        Ok(answer.map(|answer| Seen {
            state: self.settings.service.state(answer.header(COPY_STATUS)),
            length: answer.length(),
            etag: answer.header("etag").unwrap_or_default(),
        }))
    }

    /// How many bytes an object has, and its entity tag; none where there is none.
    pub async fn head(&self, key: &str) -> Result<Option<(u64, String)>, Error> {
        let Some(Seen { state: State::Whole, length, etag }) = self.look(key).await? else { return Ok(None) };
        length
            .map(|length| Some((length, etag)))
            .ok_or_else(|| Error::new(Kind::Failed, "look at", key, "the bucket does not say its length"))
    }

    /// How many bytes an object has; none where there is none.
    pub async fn size(&self, key: &str) -> Result<Option<u64>, Error> {
        Ok(self.head(key).await?.map(|(length, _)| length))
    }

    /// The entity tag of an object; none where there is none.
    pub async fn etag(&self, key: &str) -> Result<Option<String>, Error> {
        Ok(self.head(key).await?.map(|(_, etag)| etag))
    }

    /// Removes an object, if there is one.
    pub async fn delete(&self, key: &str) -> Result<(), Error> {
        let request = self.settings.service.delete(key);
        found(self.ask(&request, &[]).await, "delete", key).map(drop)
    }

    /// Removes an object if it is the one with this entity tag. A bucket that knows no such condition removes it whatever
    /// it is.
    pub async fn delete_the_one(&self, key: &str, etag: &str) -> Result<(), Fault> {
        let request = self.settings.service.delete(key);
        match self.ask(&request.clone().matching(etag), &[]).await {
            Err(Fault::NotImplemented(_)) => self.ask(&request, &[]).await.map(drop),
            deleted => deleted.map(drop),
        }
    }

    /// `length` bytes of an object from `offset` on, one at least, to be handed on. Once they flow nothing is tried again: whoever
    /// takes them counts.
    pub async fn stream(&self, key: &str, offset: u64, length: u64) -> Result<Stream, Error> {
        let request = self.settings.service.get(key).ranged(offset, length);
        self.streamed(&request, length).await.map_err(|fault| fault.unexpected("read", key))
    }

    /// A URL with which whoever knows it can read an object from the bucket for a while, where clients are to be sent
    /// there (`storage.redirect.disable: false`).
    pub fn url(&self, key: &str) -> Option<String> {
        self.signer().filter(|_| self.settings.redirect)?.url(key)
    }

    /// The same of an object with this entity tag; one byte at least.
    pub async fn stream_of(
        &self,
        (key, etag): (&str, &str),
        offset: u64,
        length: u64,
    ) -> Result<Stream, Fault> {
        let request = self.settings.service.get(key).ranged(offset, length).matching(etag);
        self.streamed(&request, length).await
    }

    async fn streamed(&self, request: &Request, length: u64) -> Result<Stream, Fault> {
        let answer = self.ask(request, &[]).await?;
        match answer.length() {
            Some(has) if has == length => Ok(answer.into_stream()),
            has => {
                let why = format!("the bucket gives {} bytes of it, not {length}", has.unwrap_or(0));
                Err(Fault::Error(Error::new(Kind::Failed, "read", &request.subject, why)))
            }
        }
    }

    /// Hashes the first `length` bytes of an object with this entity tag; one at least.
    pub async fn hash(&self, key: &str, etag: &str, length: u64, hash: &mut Hash) -> Result<(), Fault> {
        let mut stream = self.stream_of((key, etag), 0, length).await?;
        let mut left = length;
        let hashed = async |bytes: Vec<u8>| {
            hash.update(&bytes);
            left -= left.min(bytes.len() as u64);
            Ok(())
        };
        drain(&mut stream, CHUNK, hashed).await.map_err(Fault::Error)?;
        match left {
            0 => Ok(()),
            _ => Err(Fault::Error(Error::new(Kind::Unavailable, "read", key, "the answer broke off"))),
        }
    }

    /// The names of what has something below it, one level below a directory, after `after`, `limit` at most, in
    /// bytewise order.
    pub async fn list(&self, directory: &str, after: Option<&str>, limit: usize) -> Result<Listing, Error> {
        let prefix = [directory, "/"].concat();
        let mut gathering = Gathering::new(after, limit);
        let mut from = after.map_or(Begin::Start, |after| Begin::After(after.to_owned()));
        let at_once = limit.saturating_add(1);
        loop {
            let mut listed = self.page(&prefix, true, &from, at_once).await?;
            listed.names.retain(|name| name.ends_with('/'));
            gathering.add(listed.names);
            match listed.next {
                None => break,
                Some(_) if gathering.is_enough() => {
                    for name in gathering.late() {
                        if self.is_there(&[&*prefix, &name, "/"].concat()).await? {
                            gathering.found(&name);
                        }
                    }
                    break;
                }
                Some(token) => from = Begin::Token(token),
            }
        }
        let page = gathering.page();
        Ok(Listing { names: page.names, more: page.more })
    }

    /// Whether any key begins so.
    async fn is_there(&self, prefix: &str) -> Result<bool, Error> {
        let mut from = Begin::Start;
        loop {
            // Two, for the first may be the mark of an empty folder.
            let page = self.page(prefix, false, &from, 2).await?;
            match page.next {
                // Some services have pages without a name.
                Some(token) if page.names.is_empty() => from = Begin::Token(token),
                _ => return Ok(!page.names.is_empty()),
            }
        }
    }

    /// The objects whose keys begin with a prefix, some at a time, in the order of their keys, without the prefix; and where the
    /// next ones begin, where there are more.
    pub async fn objects(&self, prefix: &str, from: &Begin) -> Result<(Vec<Listed>, Option<Begin>), Error> {
        let request = self.settings.service.list(prefix, false, from, MAX_PAGE);
        let answer = self.ask_dated(&request, MAX_LIST).await;
        let (body, date) = answer.map_err(|fault| fault.unexpected("list", prefix))?;
        let page = self.settings.service.entries(&body, prefix).ok_or_else(|| self.not_a_list(prefix))?;
        let found = |entry: s3::Entry| Listed {
            age: s3::age(date.as_deref(), Some(&entry.modified), platform::now()),
            name: entry.name,
            size: entry.size,
        };
        Ok((page.entries.into_iter().map(found).collect(), page.next.map(Begin::Token)))
    }

    async fn page(
        &self,
        prefix: &str,
        by_level: bool,
        from: &Begin,
        limit: usize,
    ) -> Result<s3::Listed, Error> {
        let request = self.settings.service.list(prefix, by_level, from, limit);
        let answer = self.ask_all(&request, &[], MAX_LIST).await;
        let body = answer.map_err(|fault| fault.unexpected("list", prefix))?;
        self.settings.service.listed(&body, prefix).ok_or_else(|| self.not_a_list(prefix))
    }

    /// Removes everything below a directory but what has this name in it.
    pub async fn remove_all_but(&self, name: &str, directory: &str) -> Result<(), Error> {
        let prefix = [directory, "/"].concat();
        let mut from = Begin::Start;
        loop {
            let mut listed = self.page(&prefix, false, &from, MAX_PAGE).await?;
            listed.names.retain(|listed| listed != name);
            let removed =
                stream::iter(listed.names).map(async |name| self.delete(&[&*prefix, &name].concat()).await);
            removed.buffered(REMOVALS).try_collect::<()>().await?;
            match listed.next {
                Some(token) => from = Begin::Token(token),
                None => return Ok(()),
            }
        }
    }
}
