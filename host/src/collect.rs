//! Collecting garbage, as a command.

use crate::config::{Config, Driver, FILE_VARIABLE};
use crate::storage;
use bucket::CollectError;
use garbage::{Collected, Collection, Garbage};
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use store::Store;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::{LocalSet, spawn_local};

/// A value of distribution's switches, as Go reads one.
fn switch(text: &str) -> Result<bool, &'static str> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err("true or false"),
    }
}

/// What is garbage, and what becomes of it. The switches are distribution's, which may be given a value.
#[derive(clap::Args)]
pub struct Collect {
    /// Say what would be removed, and write nothing.
    #[arg(short, long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = switch)]
    dry_run: Option<bool>,
    /// Remove the manifests too that no tag leads to: not itself, not through an index, not as what it is about.
    #[arg(short = 'm', long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = switch)]
    delete_untagged: Option<bool>,
    /// Say nothing of what is removed.
    #[arg(short, long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = switch)]
    quiet: Option<bool>,
    /// What was pushed, or asked for before a push, less long ago stays, in the place of
    /// storage.maintenance.garbagecollect.grace. While clients push, not less than the longest push takes; 0s is for when
    /// nobody does.
    #[arg(long, value_name = "DURATION", value_parser = units::duration)]
    grace: Option<Duration>,
    /// The configuration file, in YAML.
    #[arg(env = FILE_VARIABLE)]
    pub config: Option<PathBuf>,
}

/// Why garbage was not collected.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// There is nothing where content should lie.
    #[error("there is no directory {}: storage.filesystem.rootdirectory has to name the one that is served", .0.display())]
    Nowhere(PathBuf),
    /// The directory cannot be opened.
    #[error(transparent)]
    Open(#[from] store::OpenError),
    /// There is no key to the bucket.
    #[error(transparent)]
    Keys(#[from] storage::OpenError),
    /// It was begun, and ended early.
    #[error(transparent)]
    Ended(#[from] store::CollectError),
    /// The same in a bucket.
    #[error(transparent)]
    EndedInBucket(#[from] CollectError),
    /// Nothing can be asked of a bucket.
    #[error("cannot begin to ask the bucket: {0}")]
    Runtime(#[from] std::io::Error),
}

impl Collect {
    /// Collects garbage, beside servers that serve the same directory or bucket, and writes to `out` what was found: a line for each
    /// piece as distribution writes it, and what came of it.
    pub fn run(&self, config: &Config, out: &mut dyn Write) -> Result<(), Failure> {
        let how = Collection {
            dry_run: self.dry_run == Some(true),
            delete_untagged: self.delete_untagged == Some(true),
            grace: self.grace.unwrap_or(config.storage.grace),
        };
        let quiet = self.quiet == Some(true);
        let mut each = |piece: &Garbage| {
            if !quiet {
                // Whoever reads no further wants the garbage gone all the same.
                let _ = writeln!(out, "{}", line(piece));
            }
        };
        let found = match config.storage.driver {
            Driver::Filesystem => in_files(config, &how, &mut each)?,
            Driver::S3 | Driver::Azure => in_bucket(config, &how, &mut each)?,
        };
        if !quiet {
            let _ = write!(out, "{}", summary(&found, &how)).and_then(|()| out.flush());
        }
        Ok(())
    }
}

fn in_files(config: &Config, how: &Collection, each: &mut dyn FnMut(&Garbage)) -> Result<Collected, Failure> {
    // A server that takes no pushes is a good moment.
    let options = store::Options { read_only: how.dry_run, ..storage::files(config) };
    if !options.root.is_dir() {
        return Err(Failure::Nowhere(options.root));
    }
    Ok(Store::open(options)?.collect(how, each)?)
}

fn in_bucket(
    config: &Config,
    how: &Collection,
    each: &mut dyn FnMut(&Garbage),
) -> Result<Collected, Failure> {
    let bucket = storage::bucket(config)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let stop = std::rc::Rc::new(AtomicBool::new(false));
    LocalSet::new().block_on(&runtime, async {
        // Others need not wait for one that was killed, then.
        for kind in [SignalKind::interrupt(), SignalKind::terminate()] {
            let (mut signals, stop) = (signal(kind)?, stop.clone());
            spawn_local(async move {
                signals.recv().await;
                stop.store(true, Ordering::Relaxed);
                // Who is in a hurry says so again: then others do wait.
                signals.recv().await;
                std::process::exit(1);
            });
        }
        Ok(bucket.collect(how, &stop, each).await?)
    })
}

fn line(piece: &Garbage) -> String {
    match piece {
        Garbage::Manifest { repository, digest } => {
            format!("manifest eligible for deletion: {repository}@{digest}")
        }
        Garbage::Blob { digest, .. } => format!("blob eligible for deletion: {digest}"),
    }
}

fn summary(found: &Collected, how: &Collection) -> String {
    let Collected { needed, young_blobs, young_manifests, manifests, blobs, bytes } = found;
    let done = match how.dry_run {
        true => "would be removed",
        false => "removed",
    };
    let mut text = format!(
        "{needed} blobs marked, {blobs} blobs and {manifests} manifests eligible for deletion\n\
         {done}: {blobs} blobs of {bytes} bytes, {manifests} manifests\n"
    );
    if young_blobs + young_manifests > 0 {
        let grace = humantime::format_duration(how.grace);
        text += &format!(
            "kept: {young_blobs} blobs that no manifest needs, {young_manifests} manifests without a tag, pushed or asked for \
             lately (--grace {grace}); with --grace 0s, when nobody pushes, they go too\n"
        );
    }
    text
}
