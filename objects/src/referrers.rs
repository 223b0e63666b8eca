//! Which manifests are about which others.
//!
//! As in our own host's store: an entry follows from a manifest's bytes, so it never becomes wrong; which revisions were
//! looked at stands beside the entries, and whoever asks looks at the others first. A revision without a link or without bytes
//! was not looked at.

use crate::error::unless_damaged;
use crate::manifests::{by_digest, revision};
use crate::place::Names;
use crate::{AT_ONCE, BATCH, Error, Kind, MANIFEST_LIMIT, Objects};
use futures_util::{StreamExt, TryStreamExt, stream};
use names::{Algorithm, Digest, RepositoryName};
use protocol::manifest::{self, Referrer, artifact_type_of};
use std::collections::{BTreeSet, HashSet};
use tree::{
    After, DescriptorPage, Loose, ReferrersPage, ReferrersQuery, after, digest_of_name, indexed, loose_in,
    referrer_entry,
};

/// What tells which revisions were looked at is read up to this size: 70 bytes for each.
const INDEX_LIMIT: u64 = 64 << 20;

/// What a manifest in the repository is about; the outer none where there is no such manifest.
///
/// # Errors
/// The place of the objects failed.
pub async fn referrer<O: Objects>(
    objects: &O,
    name: &RepositoryName,
    digest: &Digest,
) -> Result<Option<Option<Referrer>>, Error> {
    match by_digest(objects, name, digest).await {
        Ok(found) => {
            Ok(found.map(|found| manifest::referrer(&found.bytes, digest, found.media_type.as_deref())))
        }
        // Bytes that are no longer what they were are no manifest.
        Err(error) if error.kind == Kind::Failed => {
            platform::log!("{digest} is left out of the referrers: {error}");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Takes a manifest that is gone out of the index: first from those that were looked at, lest it come back and not be
/// looked at.
pub(crate) async fn forget<O: Objects>(
    objects: &O,
    name: &RepositoryName,
    digest: &Digest,
    referrer: &Referrer,
) -> Result<(), Error> {
    let seen = seen(objects, name).await?;
    if seen.lines().any(|line| line == digest.as_str()) {
        let rest = seen.lines().filter(|line| *line != digest.as_str()).flat_map(|line| [line, "\n"]);
        objects.write(&indexed(name, rest.collect())).await?;
    }
    let directory = layout::referrer(name, &referrer.subject, digest);
    objects.remove(&directory, layout::DESCRIPTOR).await.map(drop)
}

/// The revisions that were looked at, a digest a line.
async fn seen<O: Objects>(objects: &O, name: &RepositoryName) -> Result<String, Error> {
    let key = layout::in_directory(&layout::referrers(name), layout::INDEXED);
    let text = objects.read(&key, INDEX_LIMIT).await?;
    Ok(text.and_then(|text| String::from_utf8(text).ok()).unwrap_or_default())
}

/// The revisions there are, a digest a line.
async fn there<O: Objects>(objects: &O, name: &RepositoryName) -> Result<String, Error> {
    let mut there = String::new();
    for algorithm in Algorithm::ALL {
        let directory = layout::revisions(name, algorithm);
        let mut names = Names::new(objects, &directory);
        while let Some(some) = names.next().await? {
            for digest in some.iter().filter_map(|hex| digest_of_name(algorithm, hex)) {
                there.push_str(digest.as_str());
                there.push('\n');
            }
        }
    }
    Ok(there)
}

/// Looks at the revisions that nobody has looked at, and adds them to the index. Gives back what could not be written
/// there: storage that takes no writes answers all the same.
async fn complete<O: Objects>(objects: &O, name: &RepositoryName) -> Result<Loose, Error> {
    let (there, seen) = (there(objects, name).await?, seen(objects, name).await?);
    if seen == there {
        return Ok(Loose::new());
    }
    let read_only = objects.options().read_only;
    let mut known: HashSet<&str> = seen.lines().collect();
    let unknown: Vec<&str> = there.lines().filter(|line| !known.contains(line)).collect();
    // Written as they are found: no more descriptors are held than are looked at at once.
    let mut looked = stream::iter(unknown)
        .map(async |line| {
            let digest: Digest = line.parse().expect("it was spelled by one");
            let found = match unless_damaged(referrer(objects, name, &digest).await)?.flatten() {
                Some(Some(found)) => found,
                Some(None) => return Ok((Some(line), None)),
                None => return Ok((None, None)),
            };
            let subject = found.subject.clone();
            if !read_only {
                match objects.write(&referrer_entry(name, &digest, found)).await {
                    Ok(()) => return Ok((Some(line), None)),
                    Err(error) => warn(name, &error),
                }
            }
            Ok::<_, Error>((Some(line), Some((digest, subject))))
        })
        .buffered(AT_ONCE);
    let mut loose = Loose::new();
    while let Some((line, unwritten)) = looked.try_next().await? {
        known.extend(line);
        loose.extend(unwritten);
    }
    let looked_at: String =
        there.lines().filter(|line| known.contains(line)).flat_map(|line| [line, "\n"]).collect();
    if loose.is_empty()
        && !read_only
        && looked_at != seen
        && let Err(error) = objects.write(&indexed(name, looked_at)).await
    {
        warn(name, &error);
    }
    Ok(loose)
}

/// Of a tree that takes no writes nobody expects any.
fn warn(name: &RepositoryName, error: &Error) {
    if error.kind != Kind::ReadOnly {
        platform::log!("the index of referrers of {name} could not be written: {error}");
    }
}

/// A page of a subject's referrers.
///
/// # Errors
/// The place of the objects failed.
pub async fn page<O: Objects>(
    objects: &O,
    name: &RepositoryName,
    query: &ReferrersQuery,
) -> Result<ReferrersPage, Error> {
    let subject = &query.subject;
    let loose = complete(objects, name).await?;
    let mut page = DescriptorPage::new(query.limit, query.room);
    'full: for algorithm in Algorithm::ALL {
        let mut from = match after(query.after.as_deref(), algorithm) {
            After::None => continue,
            After::All => None,
            After::Hex(hex) => Some(hex.to_owned()),
        };
        loop {
            let directory = layout::referrers_of(name, subject, algorithm);
            let listing = objects.list(&directory, from.as_deref(), BATCH).await?;
            let last = listing.names.last().filter(|_| listing.more).cloned();
            // Those that are not written, as far as this part of the list goes.
            let others = loose_in(&loose, subject, algorithm, from.as_deref(), last.as_deref());
            let mut digests: BTreeSet<Digest> =
                listing.names.iter().filter_map(|hex| digest_of_name(algorithm, hex)).collect();
            digests.extend(others.cloned());
            let mut looked = stream::iter(digests)
                .map(async |digest| {
                    let descriptor = match loose.contains_key(&digest) {
                        true => {
                            referrer(objects, name, &digest).await?.flatten().map(|found| found.descriptor)
                        }
                        false => descriptor(objects, name, subject, &digest).await?,
                    };
                    Ok::<_, Error>((digest, descriptor))
                })
                .buffered(AT_ONCE);
            while let Some((digest, descriptor)) = looked.try_next().await? {
                let wanted = |text: &String| {
                    query.artifact_type.is_none() || artifact_type_of(text) == query.artifact_type
                };
                if let Some(descriptor) = descriptor.filter(wanted)
                    && !page.push(digest.as_str(), &descriptor)
                {
                    break 'full;
                }
            }
            match last {
                Some(last) => from = Some(last),
                None => break,
            }
        }
    }
    Ok(page.finish())
}

/// What an entry says, if its manifest is there.
async fn descriptor<O: Objects>(
    objects: &O,
    name: &RepositoryName,
    subject: &Digest,
    digest: &Digest,
) -> Result<Option<String>, Error> {
    if revision(objects, name, digest).await?.is_none() {
        return Ok(None);
    }
    let key = layout::in_directory(&layout::referrer(name, subject, digest), layout::DESCRIPTOR);
    let text = objects.read(&key, MANIFEST_LIMIT * 2).await?;
    Ok(text.and_then(|text| String::from_utf8(text).ok()))
}
