//! What the store's tests share: a tree of their own, bodies, names.
#![allow(dead_code, missing_docs)]

pub mod garbage;

use bytes::Bytes;
use http_body::{Body, Frame};
use names::{Algorithm, Digest, RepositoryName};
use sha2::{Digest as _, Sha256, Sha512};
use std::fs;
use std::future::Future;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};
use store::{Options, PutManifest, Store};
use tokio::sync::{Notify, mpsc};

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A directory that goes when the test ends.
pub struct Tree(pub PathBuf);

impl Tree {
    pub fn new() -> Tree {
        let name = format!("pierhead-store-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Tree(path)
    }

    pub fn open(&self) -> Store {
        Store::open(Options::new(&self.0)).unwrap()
    }

    /// A path beneath the registry's own directory.
    pub fn path(&self, path: impl AsRef<str>) -> PathBuf {
        self.0.join("docker/registry/v2").join(path.as_ref())
    }

    pub fn repository(&self, name: &str) -> PathBuf {
        self.path("repositories").join(name)
    }

    /// Where a blob's bytes lie.
    pub fn data(&self, digest: &Digest) -> PathBuf {
        self.path(format!(
            "blobs/{}/{}/{}/data",
            digest.algorithm().as_str(),
            &digest.hex()[..2],
            digest.hex()
        ))
    }

    /// Writes a file as someone else would, with all above it.
    pub fn write(&self, path: impl AsRef<Path>, bytes: impl AsRef<[u8]>) {
        let path = self.path("").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// What lies in the staging area and was not put there for the next upload.
    pub fn litter(&self) -> Vec<String> {
        let mut files = self.files("_staging");
        files.retain(|file| !file.ends_with("/startedat") && !file.ends_with("/_hashstate"));
        files
    }

    /// All files beneath a directory, relative to it, in order.
    pub fn files(&self, below: impl AsRef<Path>) -> Vec<String> {
        fn walk(top: &Path, at: &Path, found: &mut Vec<String>) {
            for entry in fs::read_dir(at).into_iter().flatten() {
                let path = entry.unwrap().path();
                match path.is_dir() {
                    true => walk(top, &path, found),
                    false => found.push(path.strip_prefix(top).unwrap().display().to_string()),
                }
            }
        }
        let top = self.path("").join(below);
        let mut found = Vec::new();
        walk(&top, &top, &mut found);
        found.sort();
        found
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub fn repository(name: &str) -> RepositoryName {
    name.parse().unwrap()
}

pub fn sha256(bytes: impl AsRef<[u8]>) -> Digest {
    Digest::from_raw(Algorithm::Sha256, &Sha256::digest(bytes))
}

pub fn sha512(bytes: impl AsRef<[u8]>) -> Digest {
    Digest::from_raw(Algorithm::Sha512, &Sha512::digest(bytes))
}

/// Bytes that differ from place to place.
pub fn noise(length: usize) -> Bytes {
    let mut word = 0x9e37_79b9_7f4a_7c15u64;
    let next = std::iter::from_fn(|| {
        word ^= word << 13;
        word ^= word >> 7;
        word ^= word << 17;
        Some(word.to_le_bytes())
    });
    next.flatten().take(length).collect()
}

/// Lets files grow older than the store's caches ask for.
pub fn settle() {
    std::thread::sleep(Duration::from_millis(2100));
}

/// Runs a future in a runtime like the server's.
pub fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// A body that ends with what it has.
pub struct Whole(Option<Bytes>);

pub fn body(bytes: impl AsRef<[u8]>) -> Whole {
    Whole(Some(Bytes::copy_from_slice(bytes.as_ref())))
}

/// No body.
pub const NONE: Option<Whole> = None;

impl Body for Whole {
    type Data = Bytes;
    type Error = String;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, String>>> {
        Poll::Ready(self.0.take().map(|bytes| Ok(Frame::data(bytes))))
    }
}

/// A body that is sent piece by piece.
pub struct Sent {
    pieces: mpsc::UnboundedReceiver<Result<Bytes, String>>,
    drained: Arc<Notify>,
}

pub fn sent() -> (mpsc::UnboundedSender<Result<Bytes, String>>, Sent) {
    let (sender, pieces) = mpsc::unbounded_channel();
    (sender, Sent { pieces, drained: Arc::default() })
}

impl Sent {
    /// Has someone notified when all that was sent has been taken, and more is asked for.
    pub fn noting(self, drained: &Arc<Notify>) -> Sent {
        Sent { drained: drained.clone(), ..self }
    }
}

impl Body for Sent {
    type Data = Bytes;
    type Error = String;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, String>>> {
        let piece = self.pieces.poll_recv(context);
        if piece.is_pending() {
            self.drained.notify_one();
        }
        piece.map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}

/// All of a body.
pub async fn read<B: Body<Data = Bytes> + Unpin>(mut body: B) -> Result<Vec<u8>, B::Error> {
    let mut all = Vec::new();
    while let Some(frame) = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        all.extend_from_slice(&frame?.into_data().unwrap());
    }
    Ok(all)
}

/// Uploads a blob in one go.
pub async fn push(store: &Store, repository: &RepositoryName, bytes: impl AsRef<[u8]>) -> Digest {
    let digest = sha256(&bytes);
    let id = store.create_upload(repository, Algorithm::Sha256).unwrap();
    let size = store.finish(repository, &id, Some(0), Some(body(&bytes)), &digest).await.unwrap();
    assert_eq!(size, bytes.as_ref().len() as u64);
    digest
}

/// Pulls a blob; `None` when the repository does not hold it.
pub async fn pull(store: &Store, repository: &RepositoryName, digest: &Digest) -> Option<Vec<u8>> {
    let content = store.open_blob(repository, digest).unwrap()?;
    assert_eq!(store.stat_blob(repository, digest).unwrap(), Some(content.size()));
    Some(read(content.body(0, content.size())).await.unwrap())
}

/// A manifest that needs nothing.
pub fn manifest(text: impl AsRef<[u8]>, tags: &[&str]) -> PutManifest {
    PutManifest {
        digest: sha256(&text),
        bytes: Bytes::copy_from_slice(text.as_ref()),
        media_type: None,
        blobs: Vec::new(),
        manifests: Vec::new(),
        tags: tags.iter().map(|tag| tag.parse().unwrap()).collect(),
    }
}

/// The bytes that a reference leads to.
pub fn get(store: &Store, repository: &RepositoryName, reference: &str) -> Option<Bytes> {
    store.manifest(repository, &reference.parse().unwrap()).unwrap().map(|manifest| manifest.bytes)
}

/// Sets a file's modification time, to make a change that its size does not show.
pub fn touch(path: &Path, time: SystemTime) {
    fs::File::options().append(true).open(path).unwrap().set_modified(time).unwrap();
}

/// Makes a socket, which cannot be opened. Its whole path would be too long for one.
pub fn socket_in(directory: &Path, name: &str) -> UnixListener {
    let directory = fs::File::open(directory).unwrap();
    UnixListener::bind(format!("/proc/self/fd/{}/{name}", directory.as_raw_fd())).unwrap()
}
