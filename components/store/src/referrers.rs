//! Which manifests are about which others.
//!
//! As in our own host's store: an entry follows from a manifest's bytes, so it never becomes wrong; which revisions were
//! looked at stands beside the entries, and whoever asks looks at the others first.

use crate::bindings::exports::pierhead::storage::types::{ReferrersPage, ReferrersQuery};
use crate::bindings::pierhead::host::config;
use crate::manifests::{by_digest, revision};
use crate::{AT_ONCE, BATCH, Error, Kind, MANIFEST_LIMIT, Objects, digest};
use futures_util::{StreamExt, TryStreamExt, stream};
use names::{Algorithm, Digest, RepositoryName};
use protocol::manifest::{self, Referrer, artifact_type_of};
use std::collections::{BTreeMap, HashSet};
use tree::{After, DescriptorPage, after, digest_of_name, indexed, referrer_entry};

/// What tells which revisions were looked at is read up to this size: 70 bytes for each.
const INDEX_LIMIT: u64 = 64 << 20;

/// What a manifest in the repository is about.
pub async fn referrer<O: Objects>(
    objects: &O,
    name: &RepositoryName,
    digest: &Digest,
) -> Result<Option<Referrer>, Error> {
    match by_digest(objects, name, digest).await {
        Ok(found) => {
            Ok(found.and_then(|found| manifest::referrer(&found.bytes, digest, found.media_type.as_deref())))
        }
        // Bytes that are no longer what they were are about nothing.
        Err(error) if error.kind == Kind::Failed => {
            guest_log::log!("{digest} is left out of the referrers: {error}");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Takes a manifest that is gone out of the index: first from those that were looked at, lest it come back and not be
/// looked at.
pub async fn forget<O: Objects>(
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
        let (directory, mut last) = (layout::revisions(name, algorithm), None::<String>);
        loop {
            let listing = objects.list(&directory, last.as_deref(), BATCH).await?;
            for digest in listing.names.iter().filter_map(|hex| digest_of_name(algorithm, hex)) {
                there.push_str(digest.as_str());
                there.push('\n');
            }
            last = listing.names.last().cloned();
            if !listing.more {
                break;
            }
        }
    }
    Ok(there)
}

/// Looks at the revisions that nobody has looked at, and adds them to the index. Gives back what could not be written
/// there: storage that takes no writes answers all the same.
async fn complete<O: Objects>(
    objects: &O,
    name: &RepositoryName,
) -> Result<BTreeMap<Digest, Referrer>, Error> {
    let (there, seen) = (there(objects, name).await?, seen(objects, name).await?);
    if seen == there {
        return Ok(BTreeMap::new());
    }
    let known: HashSet<&str> = seen.lines().collect();
    let unknown = there.lines().filter(|line| !known.contains(line)).map(digest);
    let looked = stream::iter(unknown).map(async |digest| {
        let found = referrer(objects, name, &digest).await?;
        Ok::<_, Error>(found.map(|found| (digest, found)))
    });
    let loose: Vec<Option<(Digest, Referrer)>> = looked.buffered(AT_ONCE).try_collect().await?;
    let loose: BTreeMap<Digest, Referrer> = loose.into_iter().flatten().collect();
    if config::get("storage.maintenance.readonly.enabled").as_deref() == Some("true") {
        return Ok(loose);
    }
    match add(objects, name, &loose, there).await {
        Ok(()) => Ok(BTreeMap::new()),
        // Of a tree that takes no writes nobody expects any.
        Err(error) if error.kind == Kind::ReadOnly => Ok(loose),
        Err(error) => {
            guest_log::log!("the index of referrers of {name} could not be written: {error}");
            Ok(loose)
        }
    }
}

/// Writes entries, and after them what was looked at.
async fn add<O: Objects>(
    objects: &O,
    name: &RepositoryName,
    found: &BTreeMap<Digest, Referrer>,
    there: String,
) -> Result<(), Error> {
    let written = stream::iter(found)
        .map(async |(digest, found)| objects.write(&referrer_entry(name, digest, found.clone())).await);
    written.buffered(AT_ONCE).try_collect::<()>().await?;
    objects.write(&indexed(name, there)).await
}

/// A page of a subject's referrers.
pub async fn page<O: Objects>(name: &RepositoryName, query: &ReferrersQuery) -> Result<ReferrersPage, Error> {
    let objects = O::configured()?;
    let subject = digest(&query.subject);
    let loose = complete(objects, name).await?;
    let mut page = DescriptorPage::new(query.limit as usize, query.room as usize);
    'full: for algorithm in Algorithm::ALL {
        let mut from = match after(query.after.as_deref(), algorithm) {
            After::None => continue,
            After::All => None,
            After::Hex(hex) => Some(hex.to_owned()),
        };
        loop {
            let found = entries(objects, name, &subject, &loose, algorithm, from.as_deref()).await?;
            for (digest, descriptor) in found.descriptors {
                let wanted =
                    query.artifact_type.is_none() || artifact_type_of(&descriptor) == query.artifact_type;
                if !wanted {
                    continue;
                }
                if !page.push(digest.as_str(), &descriptor) {
                    break 'full;
                }
            }
            match found.last {
                Some(last) => from = Some(last),
                None => break,
            }
        }
    }
    let (descriptors, more) = page.finish();
    Ok(ReferrersPage { descriptors, more })
}

/// Some descriptors, by digest.
struct Entries {
    descriptors: Vec<(Digest, String)>,
    /// The last name that was looked at, where there are more after it.
    last: Option<String>,
}

/// Some of those of one algorithm.
async fn entries<O: Objects>(
    objects: &O,
    name: &RepositoryName,
    subject: &Digest,
    loose: &BTreeMap<Digest, Referrer>,
    algorithm: Algorithm,
    after: Option<&str>,
) -> Result<Entries, Error> {
    let directory = layout::referrers_of(name, subject, algorithm);
    let listing = objects.list(&directory, after, BATCH).await?;
    let last = listing.names.last().filter(|_| listing.more).cloned();
    // Those that are not written, as far as this part of the list goes.
    let others = loose.iter().filter(|(digest, found)| {
        found.subject == *subject
            && digest.algorithm() == algorithm
            && after.is_none_or(|after| digest.hex() > after)
            && last.as_deref().is_none_or(|last| digest.hex() <= last)
    });
    let listed = listing.names.iter().filter_map(|hex| digest_of_name(algorithm, hex));
    let mut found: BTreeMap<Digest, Option<&Referrer>> = listed.map(|digest| (digest, None)).collect();
    found.extend(others.map(|(digest, found)| (digest.clone(), Some(found))));
    let looked = stream::iter(found).map(async |(digest, loose)| {
        let descriptor = match loose {
            Some(found) => Some(found.descriptor.clone()),
            None => descriptor(objects, name, subject, &digest).await?,
        };
        Ok::<_, Error>(descriptor.map(|descriptor| (digest, descriptor)))
    });
    let descriptors: Vec<Option<(Digest, String)>> = looked.buffered(AT_ONCE).try_collect().await?;
    Ok(Entries { descriptors: descriptors.into_iter().flatten().collect(), last })
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
