//! What a request did with content, for those who are told of it (distribution's notifications).

use crate::Asked;
use crate::bindings::pierhead::host::config;
use crate::bindings::pierhead::host::http::{Action, Event};
use crate::place;
use names::{Digest, Tag};
use std::sync::OnceLock;

/// Whether someone is told.
pub fn wanted() -> bool {
    static WANTED: OnceLock<bool> = OnceLock::new();
    *WANTED.get_or_init(|| config::get("notifications").as_deref() == Some("true"))
}

/// Content that is there, at this path: it was pulled, pushed or mounted.
#[inline(never)]
pub fn of(asked: &Asked<'_>, action: Action, path: &str, digest: &str, media_type: &str, size: u64) -> Event {
    Event {
        action,
        digest: Some(digest.into()),
        media_type: Some(media_type.into()),
        size: Some(size),
        tags: Vec::new(),
        source: None,
        url: Some(place::absolute(asked, path)),
    }
}

/// Content, or a tag, that is there no more.
#[inline(never)]
pub fn deleted(digest: Option<&Digest>, tag: Option<&Tag>) -> Event {
    Event {
        action: Action::Delete,
        digest: digest.map(Digest::to_string),
        media_type: None,
        size: None,
        tags: tag.map(Tag::to_string).into_iter().collect(),
        source: None,
        url: None,
    }
}
