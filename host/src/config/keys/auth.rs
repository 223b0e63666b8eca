//! Settings about who may do what.

use super::key::{Key, Standing, key, time, unneeded};
use crate::config::auth::{action, algorithm, repository, who};
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
        "auth.token.realm",
        Kind::Text(|c| &mut c.auth.token.realm),
        "",
        "the URL at which clients get tokens that someone else makes",
    ),
    key(
        "auth.token.service",
        Kind::Text(|c| &mut c.auth.token.service),
        "",
        "the name under which the issuer knows this registry: the token's audience",
    ),
    key("auth.token.issuer", Kind::Text(|c| &mut c.auth.token.issuer), "", "who makes the tokens"),
    key(
        "auth.token.rootcertbundle",
        Kind::File(|c| &mut c.auth.token.rootcertbundle),
        "",
        "certificates, in PEM, whose keys sign the tokens",
    ),
    key(
        "auth.token.jwks",
        Kind::File(|c| &mut c.auth.token.jwks),
        "",
        "the keys that sign the tokens, as a JSON Web Key Set",
    ),
    key(
        "auth.token.signingalgorithms",
        Kind::Words {
            put: |c, _, text| algorithm(&mut c.auth.token, text),
            words: "RS256, ES256 or EdDSA, or a list of them",
        },
        "",
        "how the tokens may be signed; where it is not given, in each of these ways",
    ),
    key(
        "auth.token.autoredirect",
        Kind::Switch(|c| &mut c.auth.token.autoredirect),
        "false",
        "whether clients get tokens under the name of this registry, in place of the realm",
    ),
    key(
        "auth.token.autoredirectpath",
        Kind::Text(|c| &mut c.auth.token.autoredirectpath),
        "/auth/token",
        "the path at which they get them then",
    ),
    key(
        "auth.issuer.enabled",
        Kind::Maybe(|c| &mut c.auth.issuer.enabled),
        "",
        "whether `/auth/token` gives tokens for passwords; not given: if a rule is for anonymous, as docker asks",
    ),
    key(
        "auth.issuer.key",
        Kind::File(|c| &mut c.auth.issuer.key),
        "",
        "the key that signs them (Ed25519, PEM), made where there is none; not given: another one at each start",
    ),
    key("auth.issuer.name", Kind::Text(|c| &mut c.auth.issuer.name), "pierhead", "the issuer they name"),
    key(
        "auth.issuer.service",
        Kind::Text(|c| &mut c.auth.issuer.service),
        "registry",
        "the service they are for",
    ),
    key(
        "auth.issuer.expiration",
        Kind::Time { slot: |c| &mut c.auth.issuer.expiration, least: Duration::from_secs(60) },
        "5m",
        "how long they hold",
    ),
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
            only: &["none", "htpasswd", "ldap", "token"],
            beside: &["failures", "issuer"],
            remedy: "use auth.htpasswd, auth.ldap or auth.token, or remove auth and let a proxy in front ask for passwords",
        },
        default: "",
        meaning: "every kind but `none`, `htpasswd`, `ldap` and `token`",
    },
    unneeded("auth.none", "nothing is asked of anyone"),
];
