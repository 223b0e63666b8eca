//! Settings of a cache of another registry.

use super::key::{Key, key, refused};
use crate::config::value::Kind;
use std::time::Duration;

/// The largest cache: 1 PiB.
const LARGEST: usize = 1 << 50;

pub(super) const KEYS: &[Key] = &[
    key(
        "proxy.remoteurl",
        Kind::Url(|c| &mut c.proxy.remoteurl),
        "",
        "another registry, of which this one is a pull-through cache: what is pulled and not here is fetched from there, and \
         nothing can be pushed",
    ),
    key(
        "proxy.username",
        Kind::Text(|c| &mut c.proxy.username),
        "",
        "as whom that registry is asked; who may pull here may pull all that this user may pull there",
    ),
    key(
        "proxy.password",
        Kind::Secret(|c| &mut c.proxy.password),
        "",
        "that user's password, or an access token",
    ),
    key(
        "proxy.ttl",
        Kind::Time { slot: |c| &mut c.proxy.ttl, least: Duration::ZERO },
        "168h",
        "how long content stays in the cache that nobody pulls; `0` is for ever",
    ),
    key(
        "proxy.maxsize",
        Kind::Size { slot: |c| &mut c.proxy.maxsize, least: 0, most: LARGEST },
        "0",
        "how much the cache keeps: beyond it, what was pulled longest ago goes; `0` is as much as there is room for",
    ),
    key(
        "proxy.fetches",
        Kind::Count { slot: |c| &mut c.proxy.fetches, least: 1, most: 1000 },
        "64",
        "how many blobs are fetched at once; others wait",
    ),
    refused(
        "proxy.exec",
        &[],
        "a program that gives the user and the password",
        "write them as proxy.username and proxy.password, and remove proxy.exec",
    ),
];
