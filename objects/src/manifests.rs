//! Manifests, and the tags that name them.

mod missing;

pub use missing::Missing;

use crate::blobs::{data, held, link, read_link};
use crate::error::unless_damaged;
use crate::place::Names;
use crate::{AT_ONCE, Error, Kind, MANIFEST_LIMIT, Objects, Small, collection, referrers};
use futures_util::future::join;
use futures_util::{StreamExt, TryStreamExt, stream};
use garbage::{Needed, named_by};
use missing::missing;
use names::{Digest, Reference, RepositoryName, Tag};
use protocol::manifest::says_media_type;
use std::cell::RefCell;
use std::collections::VecDeque;
use tree::hash::digest_of;
use tree::{MAX_LINK, PutManifest, digest_in_link, looks_like_a_manifest, may_stand_for, referrer_entry};

/// A manifest as it was stored.
pub struct Manifest {
    /// What its bytes hash to.
    pub digest: Digest,
    /// The media type kept beside it, where its bytes do not say it.
    pub media_type: Option<String>,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// Whose bytes a repository's link to a manifest names.
pub(crate) async fn revision<O: Objects>(
    objects: &O,
    name: &RepositoryName,
    wanted: &Digest,
) -> Result<Option<Digest>, Error> {
    let link = link(objects, &layout::revision(name, wanted), layout::LINK).await?;
    Ok(link.filter(|link| may_stand_for(link, wanted)))
}

/// How often a manifest is stored anew that someone else deletes meanwhile.
const ATTEMPTS: usize = 10;

/// How many manifests an instance remembers, and up to which size: bytes of a digest never change.
const REMEMBERED: usize = 16;
const REMEMBERED_SIZE: usize = 64 << 10;

thread_local! {
    static LATELY: RefCell<VecDeque<(Digest, Vec<u8>)>> = const { RefCell::new(VecDeque::new()) };
}

/// The bytes that lie under a digest, which they have to have.
async fn bytes<O: Objects>(objects: &O, digest: &Digest) -> Result<Option<Vec<u8>>, Error> {
    let remembered = LATELY.with_borrow(|lately| {
        lately.iter().find(|(known, _)| known == digest).map(|(_, bytes)| bytes.clone())
    });
    if remembered.is_some() {
        return Ok(remembered);
    }
    let key = data(digest);
    let Some(bytes) = objects.read(&key, MANIFEST_LIMIT).await? else { return Ok(None) };
    let actual = digest_of(digest.algorithm(), &bytes);
    if actual != *digest {
        return Err(Error::new(Kind::Failed, "serve", &key, format!("its bytes have the digest {actual}")));
    }
    if bytes.len() <= REMEMBERED_SIZE {
        LATELY.with_borrow_mut(|lately| {
            lately.truncate(REMEMBERED - 1);
            lately.push_front((digest.clone(), bytes.clone()));
        });
    }
    Ok(Some(bytes))
}

/// Very old trees have their manifests linked among the layers.
async fn layer_manifest<O: Objects>(
    objects: &O,
    name: &RepositoryName,
    wanted: &Digest,
) -> Result<Option<Vec<u8>>, Error> {
    let Some(held) = held(objects, name, wanted).await? else { return Ok(None) };
    match objects.size(&data(&held)).await? {
        Some(size) if size <= MANIFEST_LIMIT => {}
        _ => return Ok(None),
    }
    Ok(bytes(objects, &held).await?.filter(|bytes| looks_like_a_manifest(bytes)))
}

/// The manifest with a digest, and the link to it, where there is one, as it was read.
async fn with_link<O: Objects>(
    objects: &O,
    name: &RepositoryName,
    wanted: &Digest,
) -> Result<Option<(Manifest, Option<(Digest, Small)>)>, Error> {
    let key = layout::in_directory(&layout::revision(name, wanted), layout::LINK);
    // Hardly ever is the one there without the other: on a network they are had in the time of one.
    let (link, early) = join(read_link(objects, &key), bytes(objects, wanted)).await;
    let link = link?.filter(|(content, _)| may_stand_for(content, wanted));
    let found = match &link {
        Some((content, _)) if content == wanted => early?,
        Some((content, _)) => bytes(objects, content).await?,
        None => {
            let found = layer_manifest(objects, name, wanted).await?;
            let manifest = |bytes| Manifest { digest: wanted.clone(), media_type: None, bytes };
            return Ok(found.map(|bytes| (manifest(bytes), None)));
        }
    };
    let Some(bytes) = found else { return Ok(None) };
    let media_type = match says_media_type(&bytes) {
        true => None,
        false => {
            let key = layout::in_directory(&layout::revision(name, wanted), layout::MEDIA_TYPE);
            objects.read(&key, MAX_LINK).await?.and_then(|text| String::from_utf8(text).ok())
        }
    };
    Ok(Some((Manifest { digest: wanted.clone(), media_type, bytes }, link)))
}

/// The manifest with a digest, for nobody who builds on the answer: it may be collected as if it had not been asked for.
///
/// # Errors
/// As [`get`].
pub async fn by_digest<O: Objects>(
    objects: &O,
    name: &RepositoryName,
    wanted: &Digest,
) -> Result<Option<Manifest>, Error> {
    Ok(with_link(objects, name, wanted).await?.map(|(manifest, _)| manifest))
}

/// The manifest that a tag or a digest names.
///
/// # Errors
/// The place of the objects failed, or bytes are not what their name says.
pub async fn get<O: Objects>(
    objects: &O,
    name: &RepositoryName,
    wanted: &Reference,
) -> Result<Option<Manifest>, Error> {
    let wanted = match wanted {
        Reference::Digest(digest) => return claimed(objects, name, digest).await,
        Reference::Tag(tag) => layout::tag(name, tag),
    };
    let mut named = link(objects, &wanted, layout::CURRENT_LINK).await?;
    while let Some(digest) = named {
        let found = by_digest(objects, name, &digest).await?;
        if found.is_some() {
            return Ok(found);
        }
        // Perhaps the tag was moved meanwhile, and what it had named deleted.
        named = link(objects, &wanted, layout::CURRENT_LINK).await?.filter(|now| *now != digest);
    }
    Ok(None)
}

/// The manifest with a digest, of which clients are told that it is there before they push an index that names it.
async fn claimed<O: Objects>(
    objects: &O,
    name: &RepositoryName,
    wanted: &Digest,
) -> Result<Option<Manifest>, Error> {
    let (manifest, content, link) = match with_link(objects, name, wanted).await? {
        Some((manifest, Some((content, link)))) => (manifest, content, link),
        // As in very old trees, where there is none.
        found => return Ok(found.map(|(manifest, _)| manifest)),
    };
    let key = layout::in_directory(&layout::revision(name, wanted), layout::LINK);
    let needed = Needed { is_child: true, ..wanted.into() };
    match collection::lease(objects, (&key, &link), needed, &content).await {
        Ok(stays) => Ok(stays.then_some(manifest)),
        // Many who ask only pull.
        Err(error) => {
            platform::log!("{wanted} was told to be there, and may be collected as garbage: {error}");
            Ok(Some(manifest))
        }
    }
}

/// Stores a manifest and points its tags at it; or nothing, and says what is missing.
///
/// # Errors
/// The place of the objects failed. No tag has moved.
pub async fn put<O: Objects>(
    objects: &O,
    name: &RepositoryName,
    manifest: PutManifest,
) -> Result<Option<Missing>, Error> {
    let last = collection::last(objects).await?;
    let before = async {
        if objects.is_collected() { revision(objects, name, &manifest.digest).await } else { Ok(None) }
    };
    let (was_there, missed) = join(before, missing(objects, name, &manifest)).await;
    if let Some(missing) = missed? {
        return Ok(Some(missing));
    }
    let was_there = was_there?.is_some();
    let units = manifest.clone().units(name);
    let revision_directory = layout::revision(name, &manifest.digest);
    let revision_at = units.iter().position(|unit| unit.directory == revision_directory);
    let (its_own, what_names_it) = units.split_at(revision_at.expect("a manifest has a revision") + 1);
    for attempt in 0..ATTEMPTS {
        for unit in its_own {
            objects.write(unit).await?;
        }
        let secured = collection::secure(objects, last.as_ref(), || named_by(&manifest)).await?;
        // Something of it may have been removed before.
        if !secured.is_untouched {
            for unit in its_own {
                objects.write(unit).await?;
            }
            if let Some(missed) = missing(objects, name, &manifest).await? {
                // A tag that names it already is better off with half of it.
                if attempt == 0 && !was_there {
                    objects.remove(&revision_directory, layout::LINK).await?;
                    // Someone else may have stored it meanwhile, with what it needs: then this is as if it had come afterwards.
                    if missing(objects, name, &manifest).await?.is_none() {
                        continue;
                    }
                }
                return Ok(Some(missed));
            }
        }
        for unit in what_names_it {
            objects.write(unit).await?;
        }
        // Whoever deletes it meanwhile takes the tags first and the revision after them: then all of it is written anew, as
        // if it had come afterwards.
        let (is_whole, holds) =
            join(is_whole(objects, name, &manifest.digest, &manifest.tags), secured.holds(objects)).await;
        if is_whole? && holds? {
            return Ok(None);
        }
    }
    let why = "someone else deletes it, or collects garbage, again and again";
    Err(Error::new(Kind::Unavailable, "store the manifest", manifest.digest.as_str(), why))
}

/// Whether a manifest and all of these tags are there, whatever they name meanwhile.
async fn is_whole<O: Objects>(
    objects: &O,
    name: &RepositoryName,
    digest: &Digest,
    tags: &[Tag],
) -> Result<bool, Error> {
    let here = stream::iter(tags).map(async |tag| {
        Ok::<_, Error>(link(objects, &layout::tag(name, tag), layout::CURRENT_LINK).await?.is_some())
    });
    let (revision, tags) =
        join(revision(objects, name, digest), here.buffered(AT_ONCE).try_collect::<Vec<bool>>()).await;
    Ok(revision?.is_some() && tags?.into_iter().all(|here| here))
}

/// The tags that name a manifest, and those that name nothing: their removal has begun, and not ended.
async fn tags_of<O: Objects>(objects: &O, name: &RepositoryName, wanted: &Digest) -> Result<Vec<Tag>, Error> {
    let (mut found, directory) = (Vec::new(), layout::tags(name));
    let mut names = Names::new(objects, &directory);
    while let Some(some) = names.next().await? {
        let tags = some.iter().filter_map(|tag| tag.parse::<Tag>().ok());
        let looked = stream::iter(tags).map(async |tag| {
            let named = link(objects, &layout::tag(name, &tag), layout::CURRENT_LINK).await;
            let Some(named) = unless_damaged(named)? else { return Ok(None) };
            Ok::<_, Error>(named.is_none_or(|named| named == *wanted).then_some(tag))
        });
        let here: Vec<Option<Tag>> = looked.buffered(AT_ONCE).try_collect().await?;
        found.extend(here.into_iter().flatten());
    }
    Ok(found)
}

/// Removes a tag if what it names `goes`, and what is left of one that names nothing: it is listed until all of it is gone, also
/// for whoever is told meanwhile that what it had named is deleted.
async fn untag<O: Objects>(
    objects: &O,
    name: &RepositoryName,
    tag: &Tag,
    goes: impl AsyncFn(&[u8]) -> Result<bool, Error>,
) -> Result<(), Error> {
    let directory = layout::tag(name, tag);
    let removed = objects.remove_if(&directory, layout::CURRENT_LINK, goes).await?;
    let link = layout::in_directory(&directory, layout::CURRENT_LINK);
    // It may be a tag of others, and no reason for this deletion to fail.
    if !removed
        && objects.size(&link).await?.is_none()
        && let Err(error) = objects.remove_rest(&directory, layout::CURRENT_LINK).await
    {
        platform::log!("a tag that names nothing stays in the list for now: {error}");
    }
    Ok(())
}

/// Removes a manifest, every tag that names it and its entry among the referrers; `false` when the repository has none.
///
/// # Errors
/// The place of the objects failed.
pub async fn delete<O: Objects>(objects: &O, name: &RepositoryName, wanted: &Digest) -> Result<bool, Error> {
    let is_revision = revision(objects, name, wanted).await?.is_some();
    if !is_revision && layer_manifest(objects, name, wanted).await?.is_none() {
        return Ok(false);
    }
    // Tags first: a tag without its manifest is worse than a manifest without its tag.
    let names_it = |link: &[u8]| digest_in_link(link).as_ref() == Some(wanted);
    for tag in tags_of(objects, name, wanted).await? {
        untag(objects, name, &tag, async |link| Ok(names_it(link))).await?;
    }
    if !is_revision {
        return objects.remove(&layout::layer(name, wanted), layout::LINK).await;
    }
    let referrer = referrers::referrer(objects, name, wanted).await?.flatten();
    let removed = objects.remove(&layout::revision(name, wanted), layout::LINK).await?;
    // Those that someone has written meanwhile, and who has seen that the manifest was there.
    for tag in tags_of(objects, name, wanted).await? {
        let goes = async |link: &[u8]| Ok(names_it(link) && revision(objects, name, wanted).await?.is_none());
        untag(objects, name, &tag, goes).await?;
    }
    if let Some(referrer) = referrer {
        referrers::forget(objects, name, wanted, &referrer).await?;
        // Someone may have put it again before its entry went.
        if revision(objects, name, wanted).await?.is_some() {
            objects.write(&referrer_entry(name, wanted, referrer)).await?;
        }
    }
    Ok(removed)
}

/// Removes a tag; `false` when there is none.
///
/// # Errors
/// The place of the objects failed.
pub async fn delete_tag<O: Objects>(objects: &O, name: &RepositoryName, tag: &Tag) -> Result<bool, Error> {
    let directory = layout::tag(name, tag);
    let removed = objects.remove(&directory, layout::CURRENT_LINK).await?;
    if !removed {
        objects.remove_rest(&directory, layout::CURRENT_LINK).await?;
    }
    Ok(removed)
}
