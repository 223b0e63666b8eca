//! Which repositories there are: all of them, or it is an error. One that is left out would lose what it needs.

use crate::Inner;
use crate::error::{CollectError, Error};
use garbage::{is_nobodys, unknown};
use names::{Algorithm, RepositoryName};

/// How deep directories may lie that are no repositories and are looked into for some.
const DEPTH: usize = 32;

/// What lies in a repository and is none.
const PARTS: [&str; 4] = [layout::LAYERS, layout::MANIFESTS, layout::UPLOADS, layout::REFERRERS];

/// Whether there is a place for them at all.
pub(super) fn are_there(inner: &Inner) -> Result<(), CollectError> {
    if is_there(inner, layout::REPOSITORIES)? {
        return Ok(());
    }
    match is_there(inner, layout::BLOBS)? {
        true => Err(CollectError::unknown(layout::REPOSITORIES, unknown::NO_REPOSITORIES)),
        false => Err(CollectError::Nothing),
    }
}

/// Their names.
pub(super) fn all(inner: &Inner) -> Result<Vec<RepositoryName>, CollectError> {
    let mut found = Vec::new();
    walk(inner, layout::REPOSITORIES, "", &mut found)?;
    Ok(found)
}

/// Fails where not all manifests and tags of a repository would be found.
pub(super) fn to_be_seen(inner: &Inner, repository: &RepositoryName) -> Result<(), CollectError> {
    let directory = layout::repository(repository);
    if !is_there(inner, &directory)? {
        return Err(CollectError::unknown(&directory, "was moved or removed meanwhile: run it again"));
    }
    let tags = layout::tags(repository);
    let revisions = Algorithm::ALL.map(|algorithm| layout::revisions(repository, algorithm));
    for directory in [layout::split(&tags).0, layout::split(&revisions[0]).0, &tags].into_iter() {
        nothing_hidden(inner, directory)?;
    }
    revisions.iter().try_for_each(|directory| nothing_hidden(inner, directory))
}

fn is_there(inner: &Inner, directory: &str) -> Result<bool, Error> {
    Ok(inner.backend.list(directory, None, 0)?.is_some())
}

/// The names of the directories in a directory, in their order.
pub(crate) fn names(inner: &Inner, directory: &str) -> Result<Vec<String>, Error> {
    Ok(inner.backend.list(directory, None, usize::MAX)?.map(|listing| listing.names).unwrap_or_default())
}

/// Fails where a list would leave something out.
fn nothing_hidden(inner: &Inner, directory: &str) -> Result<(), CollectError> {
    match inner.backend.hidden(directory)? {
        None => Ok(()),
        Some(name) => Err(CollectError::unknown(
            &layout::in_directory(directory, &name),
            "is a symbolic link, or has a name that is not UTF-8, and is not looked into: put what it leads to in its place",
        )),
    }
}

/// Adds those in a directory, whose own name is `name`, and below it.
fn walk(
    inner: &Inner,
    directory: &str,
    name: &str,
    found: &mut Vec<RepositoryName>,
) -> Result<(), CollectError> {
    nothing_hidden(inner, directory)?;
    for component in names(inner, directory)? {
        let name = layout::in_directory(name, &component);
        let below = layout::in_directory(directory, &component);
        match name.parse::<RepositoryName>() {
            Ok(repository) => {
                found.push(repository);
                walk(inner, &below, &name, found)?;
            }
            Err(_) if PARTS.contains(&&*component) || is_nobodys(&component) => {}
            Err(_) if has_manifests(inner, &below, DEPTH)? => {
                return Err(CollectError::unknown(&below, unknown::NO_NAME));
            }
            Err(_) => {}
        }
    }
    Ok(())
}

/// Whether anything in a directory that is no repository looks like one.
fn has_manifests(inner: &Inner, directory: &str, depth: usize) -> Result<bool, Error> {
    if depth == 0 {
        return Ok(true);
    }
    for name in names(inner, directory)? {
        let below = layout::in_directory(directory, &name);
        if name == layout::MANIFESTS || has_manifests(inner, &below, depth - 1)? {
            return Ok(true);
        }
    }
    Ok(false)
}
