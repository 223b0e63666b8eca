//! Settings of those who are told what becomes of content.

use super::key::{Key, key};
use crate::config::http::put_request_header;
use crate::config::notifications::{self, ACTIONS, DURATION, MAX_QUEUE, MAX_THRESHOLD};
use crate::config::value::{self, Kind, entry};

pub(super) const KEYS: &[Key] = &[
    key(
        "notifications.events.includereferences",
        Kind::Switch(|c| &mut c.notifications.includereferences),
        "false",
        "whether an event about a manifest tells what that refers to",
    ),
    key(
        "notifications.endpoints.*.name",
        Kind::Own {
            put: |c, at, text| {
                entry(&mut c.notifications.endpoints, at).to.name = text.into();
                Ok(())
            },
            words: "a text",
        },
        "",
        "what the endpoint is called in the log and among what is counted; its host where nothing is said",
    ),
    key(
        "notifications.endpoints.*.disabled",
        Kind::Own {
            put: |c, at, text| {
                let disabled = units::switch(text).ok_or("not a switch; write true or false")?;
                entry(&mut c.notifications.endpoints, at).disabled = disabled;
                Ok(())
            },
            words: "true or false",
        },
        "",
        "whether the endpoint is told nothing; without it, it is told",
    ),
    key(
        "notifications.endpoints.*.url",
        Kind::Hidden {
            put: |c, at, text| {
                entry(&mut c.notifications.endpoints, at).to.url = Some(value::foreign_url(text)?);
                Ok(())
            },
            words: "a URL",
        },
        "",
        "where events are posted to: pushes, pulls, mounts and deletes, each by itself in distribution's JSON",
    ),
    key(
        "notifications.endpoints.*.headers.*",
        Kind::Header {
            put: |c, at, name, value| {
                put_request_header(&mut entry(&mut c.notifications.endpoints, at).to.headers, name, value)
            },
            secret: true,
        },
        "",
        "values of a header that each of these requests has, such as `Authorization`",
    ),
    key(
        "notifications.endpoints.*.timeout",
        Kind::Own {
            put: |c, at, text| {
                notifications::duration(text, &mut entry(&mut c.notifications.endpoints, at).to.timeout)
            },
            words: DURATION,
        },
        "",
        "how long a request may take; a second where nothing is said",
    ),
    key(
        "notifications.endpoints.*.threshold",
        Kind::Own {
            put: |c, at, text| {
                let threshold = value::count(text, 0, MAX_THRESHOLD)
                    .ok_or("not such a number; write a number from 0 to 1000000 (0: the default)")?;
                if threshold > 0 {
                    entry(&mut c.notifications.endpoints, at).to.threshold = threshold;
                }
                Ok(())
            },
            words: "a number from 0 to 1000000 (0: the default)",
        },
        "",
        "after how many failures in a row the endpoint is left alone for `backoff` before each further attempt; 10 where nothing is said",
    ),
    key(
        "notifications.endpoints.*.backoff",
        Kind::Own {
            put: |c, at, text| {
                notifications::duration(text, &mut entry(&mut c.notifications.endpoints, at).to.backoff)
            },
            words: DURATION,
        },
        "",
        "for how long; a second where nothing is said",
    ),
    key(
        "notifications.endpoints.*.ignoredmediatypes",
        Kind::Words {
            put: |c, at, text| {
                entry(&mut c.notifications.endpoints, at).to.ignored_types.push(text.into());
                Ok(())
            },
            words: "media types",
        },
        "",
        "media types of which the endpoint is told nothing, such as `application/octet-stream`, which is every blob, but for deletions, of which no type is known",
    ),
    key(
        "notifications.endpoints.*.ignore.mediatypes",
        Kind::Words {
            put: |c, at, text| {
                entry(&mut c.notifications.endpoints, at).to.ignored_types.push(text.into());
                Ok(())
            },
            words: "media types",
        },
        "",
        "the same",
    ),
    key(
        "notifications.endpoints.*.ignore.actions",
        Kind::Words {
            put: |c, at, text| {
                let action = notifications::action(text)?;
                entry(&mut c.notifications.endpoints, at).to.ignored_actions.push(action);
                Ok(())
            },
            words: ACTIONS,
        },
        "",
        "what the endpoint is not told of",
    ),
    key(
        "notifications.endpoints.*.queue",
        Kind::Own {
            put: |c, at, text| {
                let queue = value::count(text, 1, MAX_QUEUE)
                    .ok_or("not such a number; write a number from 1 to 1000000")?;
                entry(&mut c.notifications.endpoints, at).to.queue = queue;
                Ok(())
            },
            words: "a number from 1 to 1000000",
        },
        "",
        "how many events may wait for the endpoint, of about a KiB each, and 5 KiB where a client fills all that it may say of itself; 10000 where nothing is said. What comes beyond that is lost, and said to be",
    ),
];
