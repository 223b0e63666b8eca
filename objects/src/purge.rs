//! Uploads that nobody finishes. A component has no clock that rings: whoever begins an upload looks, once in an interval
//! for the whole tree, after the answer.

use crate::error::unless_damaged;
use crate::place::Names;
use crate::{Error, Objects, SessionError};
use names::{RepositoryName, UploadId};
use platform::now;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tree::Unit;

/// How long ago an upload began; none where nobody has said, or not in a way that is understood.
pub async fn age_of<O: Objects>(objects: &O, directory: &str) -> Result<Option<Duration>, Error> {
    let key = layout::in_directory(directory, layout::STARTED_AT);
    let text = objects.read(&key, 64).await?.and_then(|text| String::from_utf8(text).ok());
    let began = text.and_then(|text| humantime::parse_rfc3339_weak(text.trim()).ok());
    Ok(began.map(|began| now().duration_since(began).unwrap_or_default()))
}

/// Removes old uploads, if that is due. What stays because of an error is removed the next time.
pub async fn purge<O: Objects>(objects: &'static O) {
    if let Err(error) = purge_if_due(objects).await {
        platform::log!("uploads that nobody finished stay for now: {error}");
    }
}

async fn purge_if_due<O: Objects>(objects: &'static O) -> Result<(), Error> {
    let Some(interval) = objects.options().purging else { return Ok(()) };
    let key = layout::in_directory(layout::STAGING, layout::PURGED);
    let text = objects.read(&key, 64).await?.and_then(|text| String::from_utf8(text).ok());
    let last =
        text.and_then(|text| text.parse().ok()).map(|seconds| UNIX_EPOCH + Duration::from_secs(seconds));
    // A time in the future was written by a clock that was wrong.
    let since = last.and_then(|last: SystemTime| now().duration_since(last).ok());
    if since.is_some_and(|since| since < interval) {
        return Ok(());
    }
    // First, lest all who begin an upload now look as well.
    let seconds = now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs().to_string();
    let files = vec![(layout::PURGED.to_owned(), seconds.into())];
    objects.write(&Unit { directory: layout::STAGING.into(), files }).await?;
    purge_below(objects, layout::REPOSITORIES, "").await
}

/// Those of the repositories in a directory, whose name as a repository is `name`, and below it.
async fn purge_below<O: Objects>(objects: &'static O, directory: &str, name: &str) -> Result<(), Error> {
    let mut names = Names::new(objects, directory);
    while let Some(some) = names.next().await? {
        for component in &some {
            let name = layout::in_directory(name, component);
            if let Ok(repository) = name.parse::<RepositoryName>() {
                let below = layout::in_directory(directory, component);
                unless_damaged(purge_repository(objects, &repository).await)?;
                unless_damaged(Box::pin(purge_below(objects, &below, &name)).await)?;
            }
        }
    }
    Ok(())
}

async fn purge_repository<O: Objects>(objects: &'static O, name: &RepositoryName) -> Result<(), Error> {
    let uploads = layout::uploads(name);
    let mut names = Names::new(objects, &uploads);
    while let Some(some) = names.next().await? {
        for id in some.iter().filter_map(|id| id.parse::<UploadId>().ok()) {
            let directory = layout::upload(name, &id);
            unless_damaged(purge_session(objects, &directory).await)?;
        }
    }
    Ok(())
}

async fn purge_session<O: Objects>(objects: &'static O, directory: &str) -> Result<(), Error> {
    if age_of(objects, directory).await?.is_none_or(|old| old < objects.options().upload_age) {
        return Ok(());
    }
    match objects.end(directory).await {
        Ok(()) => platform::log!("an upload that nobody finished is removed: {directory}"),
        // It has no bytes: it was never whole, or finished by a host that was killed.
        Err(SessionError::Unknown) => drop(objects.remove(directory, layout::STARTED_AT).await?),
        // Someone is at work on it.
        Err(SessionError::Busy | SessionError::Moved(_)) => {}
        Err(SessionError::Error(error)) => return Err(error),
    }
    Ok(())
}
