//! Blobs, and which repositories hold them.

use crate::{Error, Objects, Small, collection};
use futures_util::future::join;
use names::{Digest, RepositoryName};
use tree::{MAX_LINK, digest_in_link, hold, may_stand_for};

/// The digest in a link; none where there is no link, or no digest in it.
pub(crate) async fn link<O: Objects>(
    objects: &O,
    directory: &str,
    name: &str,
) -> Result<Option<Digest>, Error> {
    let key = layout::in_directory(directory, name);
    Ok(read_link(objects, &key).await?.map(|(digest, _)| digest))
}

/// The same, and the link as it was read.
pub(crate) async fn read_link<O: Objects>(objects: &O, key: &str) -> Result<Option<(Digest, Small)>, Error> {
    let Some(link) = objects.read_small(key, MAX_LINK).await? else { return Ok(None) };
    let digest = digest_in_link(&link.bytes);
    if digest.is_none() {
        platform::log!("{key}: a link without a digest in it is passed over");
    }
    Ok(digest.map(|digest| (digest, link)))
}

/// Whose bytes the repository's hold on a blob names.
pub(crate) async fn held<O: Objects>(
    objects: &O,
    name: &RepositoryName,
    blob: &Digest,
) -> Result<Option<Digest>, Error> {
    let held = link(objects, &layout::layer(name, blob), layout::LINK).await?;
    Ok(held.filter(|held| may_stand_for(held, blob)))
}

/// How many bytes the repository's blob has. Clients ask before they push: what they were told is there is left alone by
/// collections of garbage for a while.
///
/// # Errors
/// The place of the objects failed.
pub async fn claim<O: Objects>(
    objects: &O,
    name: &RepositoryName,
    blob: &Digest,
) -> Result<Option<u64>, Error> {
    let key = layout::in_directory(&layout::layer(name, blob), layout::LINK);
    let (link, early) = join(read_link(objects, &key), objects.size(&data(blob))).await;
    let Some((held, link)) = link?.filter(|(held, _)| may_stand_for(held, blob)) else { return Ok(None) };
    let size = if held == *blob { early? } else { objects.size(&data(&held)).await? };
    match size.is_some() && collection::lease(objects, (&key, &link), blob.into(), &held).await? {
        true => Ok(size),
        false => Ok(None),
    }
}

/// How many bytes the repository's blob has.
pub(crate) async fn stat<O: Objects>(
    objects: &O,
    name: &RepositoryName,
    blob: &Digest,
) -> Result<Option<u64>, Error> {
    // Hardly ever is the one there without the other: on a network they are had in the time of one.
    let (held, early) = join(held(objects, name, blob), objects.size(&data(blob))).await;
    match held? {
        Some(held) if held == *blob => early,
        Some(held) => objects.size(&data(&held)).await,
        None => Ok(None),
    }
}

/// The key of a blob's bytes.
pub fn data(digest: &Digest) -> String {
    layout::in_directory(&layout::blob(digest), layout::DATA)
}

/// Makes a repository hold a blob that another one holds; `false` when that does not.
///
/// # Errors
/// The place of the objects failed.
pub async fn mount<O: Objects>(
    objects: &O,
    to: &RepositoryName,
    from: &RepositoryName,
    blob: &Digest,
) -> Result<bool, Error> {
    let Some(held) = held(objects, from, blob).await? else { return Ok(false) };
    if objects.size(&data(&held)).await?.is_none() {
        return Ok(false);
    }
    collection::hold(objects, &hold(to, blob, &held), || vec![blob.into(), (&held).into()]).await?;
    // A hold without bytes is none.
    Ok(!objects.is_collected() || objects.size(&data(&held)).await?.is_some())
}

/// Opens the repository's blob.
///
/// # Errors
/// The place of the objects failed.
pub async fn open<O: Objects>(
    objects: &'static O,
    name: &RepositoryName,
    blob: &Digest,
) -> Result<Option<O::Object>, Error> {
    let (held, early) = join(held(objects, name, blob), objects.open(&data(blob))).await;
    match held? {
        Some(held) if held == *blob => early,
        Some(held) => objects.open(&data(&held)).await,
        None => Ok(None),
    }
}

/// Makes the repository no longer hold the blob; `false` when it did not.
///
/// # Errors
/// The place of the objects failed.
pub async fn delete<O: Objects>(objects: &O, name: &RepositoryName, blob: &Digest) -> Result<bool, Error> {
    // A hold without bytes is none, and may be that of an upload which is about to be published: it stays.
    match stat(objects, name, blob).await? {
        Some(_) => objects.remove(&layout::layer(name, blob), layout::LINK).await,
        None => Ok(false),
    }
}
