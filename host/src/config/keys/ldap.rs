//! Settings of a directory.

use super::key::{Key, key, time};
use crate::config::value::Kind;
use credentials::{attribute, directory_url, filter, member_filter};
use std::time::Duration;

pub(super) const KEYS: &[Key] = &[
    key(
        "auth.ldap.url",
        Kind::Words {
            put: |c, _, text| directory_url(text).map(|url| c.auth.ldap.directory.urls.push(url)),
            words: "a URL, as in ldaps://ldap.example.com, or a list of them",
        },
        "",
        "where the directory is; of several the first that answers is asked",
    ),
    key(
        "auth.ldap.starttls",
        Kind::Switch(|c| &mut c.auth.ldap.directory.starttls),
        "false",
        "whether TLS is begun on a connection to `ldap://`",
    ),
    key(
        "auth.ldap.rootcertbundle",
        Kind::File(|c| &mut c.auth.ldap.directory.roots),
        "",
        "certificates, in PEM, one of which must have signed the directory's; not given: those that the system trusts",
    ),
    key(
        "auth.ldap.binddn",
        Kind::Word { put: |c, text| dn(text).map(|dn| c.auth.ldap.directory.bind_dn = Some(dn)), words: DN },
        "",
        "as whom people and groups are looked for; not given: as nobody",
    ),
    key(
        "auth.ldap.bindpassword",
        Kind::Secret(|c| &mut c.auth.ldap.directory.bind_password),
        "",
        "the password of `binddn`",
    ),
    key(
        "auth.ldap.bindpasswordfile",
        Kind::File(|c| &mut c.auth.ldap.directory.bind_password_file),
        "",
        "the file with that password, in place of `bindpassword`; it is read each time that it is needed",
    ),
    key(
        "auth.ldap.basedn",
        Kind::Word { put: |c, text| dn(text).map(|dn| c.auth.ldap.directory.base = dn), words: DN },
        "",
        "beneath which entry people are",
    ),
    key(
        "auth.ldap.attribute",
        Kind::Word {
            put: |c, text| attribute(text).map(|name| c.auth.ldap.directory.attribute = name),
            words: ATTRIBUTE,
        },
        "uid",
        "the attribute that holds a user's name; in Active Directory `sAMAccountName`",
    ),
    key(
        "auth.ldap.filter",
        Kind::Word {
            put: |c, text| filter(text).map(|filter| c.auth.ldap.directory.filter = Some(filter)),
            words: FILTER,
        },
        "",
        "what else is true of users, as in `(objectClass=person)`; not given: nothing",
    ),
    key(
        "auth.ldap.groups.basedn",
        Kind::Word {
            put: |c, text| dn(text).map(|dn| c.auth.ldap.directory.groups.base = Some(dn)),
            words: DN,
        },
        "",
        "beneath which entry groups are; not given: none are looked for",
    ),
    key(
        "auth.ldap.groups.filter",
        Kind::Word {
            put: |c, text| member_filter(text).map(|filter| c.auth.ldap.directory.groups.filter = filter),
            words: "a filter of groups, as in (member={dn})",
        },
        "(member={dn})",
        "which groups a user is in: `{dn}` stands for the user's distinguished name, `{user}` for the name",
    ),
    key(
        "auth.ldap.groups.attribute",
        Kind::Word {
            put: |c, text| attribute(text).map(|name| c.auth.ldap.directory.groups.attribute = name),
            words: ATTRIBUTE,
        },
        "cn",
        "the attribute that holds a group's name",
    ),
    key(
        "auth.ldap.groups.depth",
        Kind::Count { slot: |c| &mut c.auth.ldap.directory.groups.depth, least: 1, most: 32 },
        "1",
        "how deep groups are looked for; `2` also finds those that the user's groups are in",
    ),
    key(
        "auth.ldap.groups.memberof",
        Kind::Word {
            put: |c, text| attribute(text).map(|name| c.auth.ldap.directory.groups.member_of = Some(name)),
            words: ATTRIBUTE,
        },
        "",
        "the attribute of a user that names groups, as `memberOf`; with `groups.basedn` those beneath it count",
    ),
    key(
        "auth.ldap.realm",
        Kind::Text(|c| &mut c.auth.ldap.realm),
        "Registry",
        "what clients show when they ask for a password",
    ),
    key(
        "auth.ldap.remember",
        Kind::Time { slot: |c| &mut c.auth.ldap.remember, least: Duration::ZERO },
        "5m",
        "how long a password that was right, and the groups, are not asked about again; `0` asks for each request",
    ),
    time(
        "auth.ldap.timeout",
        |c| &mut c.auth.ldap.directory.timeout,
        "5s",
        "how long the directory may take for each step of a login; then it is 503",
    ),
    key(
        "auth.ldap.connections",
        Kind::Count { slot: |c| &mut c.auth.ldap.directory.connections, least: 1, most: 1000 },
        "8",
        "the most connections to the directory, and logins that it is asked about at once",
    ),
];

const DN: &str = "a distinguished name, as in ou=people,dc=example,dc=com";
const ATTRIBUTE: &str = "an attribute, as in uid";
const FILTER: &str = "a filter, as in (objectClass=person)";

/// The directory knows better what is one; that it is not empty has to be seen here.
fn dn(text: &str) -> Result<String, String> {
    match text.contains('=') && !text.contains(char::is_control) {
        true => Ok(text.into()),
        false => Err("not a distinguished name".into()),
    }
}
