//! The hosts that can run the registry. The tests of the protocol are the same on each of them; `$PIERHEAD_HOST` names the
//! one that they start.
mod bucket;
mod container;
mod exceptions;
mod native;
mod spin;
mod wasmtime;

pub use bucket::Bucket;
pub use container::{Azurite, Container, SHARED};
pub use exceptions::{EXCEPTIONS, Exception};
pub(crate) use native::bare_command;

use crate::Setup;
use crate::place::Place;
use rustix::process::Signal;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A program that runs the registry's components, and where they keep what they are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    /// Our own, with files.
    Native,
    /// Our own, with a bucket.
    NativeS3,
    /// Our own, with a container of Azure's.
    NativeAzure,
    /// `wasmtime serve`, with files.
    WasmtimeFs,
    /// `wasmtime serve`, with a bucket.
    WasmtimeS3,
    /// Spin, with its SQLite.
    SpinSqlite,
    /// Spin, with a bucket.
    SpinS3,
}

impl Host {
    /// Each of them.
    pub const ALL: [Host; 7] = [
        Host::Native,
        Host::NativeS3,
        Host::NativeAzure,
        Host::WasmtimeFs,
        Host::WasmtimeS3,
        Host::SpinSqlite,
        Host::SpinS3,
    ];

    /// The one that `$PIERHEAD_HOST` names, or ours.
    ///
    /// # Panics
    /// When it names none.
    pub fn chosen() -> Host {
        match std::env::var("PIERHEAD_HOST") {
            Ok(name) => {
                Host::named(&name).unwrap_or_else(|| panic!("PIERHEAD_HOST={name}: {}", Host::names()))
            }
            Err(_) => Host::Native,
        }
    }

    /// The one of this name.
    pub fn named(name: &str) -> Option<Host> {
        Host::ALL.into_iter().find(|host| host.name() == name)
    }

    /// What to write for one, in words.
    pub fn names() -> String {
        format!("write {}", Host::ALL.map(Host::name).join(", "))
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Host::Native => "native",
            Host::NativeS3 => "native-s3",
            Host::NativeAzure => "native-azure",
            Host::WasmtimeFs => "wasmtime-fs",
            Host::WasmtimeS3 => "wasmtime-s3",
            Host::SpinSqlite => "spin-sqlite",
            Host::SpinS3 => "spin-s3",
        }
    }

    /// Whether it is our own.
    pub fn is_ours(self) -> bool {
        matches!(self, Host::Native | Host::NativeS3 | Host::NativeAzure)
    }

    /// Whether its data are in a bucket.
    pub fn keeps_a_bucket(self) -> bool {
        matches!(self, Host::NativeS3 | Host::WasmtimeS3 | Host::SpinS3)
    }

    /// Whether its data are a tree of files that a test can look at, be it behind a bucket.
    pub fn keeps_a_tree(self) -> bool {
        !matches!(self, Host::SpinSqlite | Host::NativeAzure)
    }

    /// What asks it to end.
    pub(crate) fn ends_on(self) -> Signal {
        match self {
            Host::Native | Host::NativeS3 | Host::NativeAzure => Signal::TERM,
            _ => Signal::INT,
        }
    }

    /// The command that serves, its errors going to `place/log`.
    pub(crate) fn command(self, setup: &Setup, place: &Place, port: u16, beside: Option<&Beside>) -> Command {
        match self {
            Host::Native | Host::NativeS3 | Host::NativeAzure => native::command(setup, place, port, beside),
            Host::WasmtimeFs | Host::WasmtimeS3 => wasmtime::command(setup, place, port, beside),
            Host::SpinSqlite | Host::SpinS3 => spin::command(setup, place, port, beside),
        }
    }
}

/// What keeps a server's data where it does not do so itself.
#[derive(Debug)]
pub(crate) enum Beside {
    /// A bucket.
    Bucket(Bucket),
    /// A container.
    Container(Container),
}

impl Beside {
    /// One of its own for a server on this host, where it takes one.
    pub(crate) fn of(host: Host, place: &Place) -> Option<Beside> {
        match host {
            Host::NativeAzure => Some(Beside::Container(Container::serve())),
            host if host.keeps_a_bucket() => {
                Some(Beside::Bucket(Bucket::serve(&place.folder.join("bucket"))))
            }
            _ => None,
        }
    }

    /// What the server is told of it.
    pub(crate) fn settings(&self) -> Vec<(String, String)> {
        match self {
            Beside::Bucket(bucket) => bucket.settings(),
            Beside::Container(container) => container.settings(),
        }
    }
}

/// A file that `make artefacts` makes.
///
/// # Panics
/// When it is not there.
fn artefact(name: &str) -> PathBuf {
    let path = artefacts().join(name);
    assert!(path.exists(), "{} does not exist: run `make artefacts` first", path.display());
    path
}

fn artefacts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/artefacts")
}
