//! Settings about who may do what.

use super::key::{Key, Standing, key, time, unneeded};
use crate::config::auth::{action, repository, who};
use crate::config::value::Kind;
use std::time::Duration;

pub(super) const KEYS: &[Key] = &[
    key(
        "auth.htpasswd.path",
        Kind::File(|c| &mut c.auth.htpasswd.path),
        "",
        "the file of users and passwords, made by htpasswd -B; where there is none, one is made with one user",
    ),
    key(
        "auth.htpasswd.realm",
        Kind::Text(|c| &mut c.auth.htpasswd.realm),
        "Registry",
        "what clients show when they ask for a password",
    ),
    key(
        "auth.htpasswd.remember",
        Kind::Time { slot: |c| &mut c.auth.htpasswd.remember, least: Duration::ZERO },
        "5m",
        "how long a password that was right is not hashed again; `0` hashes it for each request",
    ),
    key(
        "auth.failures.limit",
        Kind::Count { slot: |c| &mut c.auth.failures.limit, least: 1, most: 1_000_000 },
        "10",
        "how many wrong passwords for one user may come from one address within the window; then it is 429",
    ),
    time("auth.failures.window", |c| &mut c.auth.failures.window, "1m", "how long a wrong password counts"),
    key(
        "access.*.who",
        Kind::Words { put: |c, at, text| who(&mut c.access, at, text), words: "a name, or a list of names" },
        "",
        "for whom a rule is: anonymous (everyone), authenticated, a user, group:NAME or certificate:NAME",
    ),
    key(
        "access.*.repositories",
        Kind::Words {
            put: |c, at, text| repository(&mut c.access, at, text),
            words: "a pattern, or a list of patterns",
        },
        "",
        "in which repositories: names, in which `*` stands for text without a slash, and `**` for any text",
    ),
    key(
        "access.*.actions",
        Kind::Words {
            put: |c, at, text| action(&mut c.access, at, text),
            words: "an action, or a list of actions",
        },
        "",
        "what they may do there: pull, push, delete, catalog (list what may be pulled), or `*` for all of it",
    ),
    Key {
        name: "auth",
        standing: Standing::Choice {
            only: &["none", "htpasswd"],
            beside: &["failures"],
            remedy: "use auth.htpasswd, or remove auth and let a proxy in front ask for passwords",
        },
        default: "",
        meaning: "every kind but `none` and `htpasswd`: token and any other",
    },
    unneeded("auth.none", "nothing is asked of anyone"),
];
