//! Settings about certificates from an authority.

use super::key::{Key, key};
use crate::config::letsencrypt::{put_cachefile, put_directoryurl, put_email, put_host};
use crate::config::value::Kind;

pub(super) const KEYS: &[Key] = &[
    key(
        "http.tls.letsencrypt.cachefile",
        Kind::Word { put: put_cachefile, words: "a folder" },
        "",
        "where certificates lie that an authority makes (ACME), with their keys; with it, TLS is spoken and nothing else",
    ),
    key(
        "http.tls.letsencrypt.email",
        Kind::Word { put: put_email, words: "an e-mail address" },
        "",
        "how the authority reaches you; given to it with the first order",
    ),
    key(
        "http.tls.letsencrypt.hosts.*",
        Kind::Word { put: put_host, words: "a name, as in registry.example.com" },
        "",
        "the names to get certificates for; there must be one",
    ),
    key(
        "http.tls.letsencrypt.directoryurl",
        Kind::Word {
            put: put_directoryurl,
            words: "a URL with https://, as in https://ca.example.com/directory",
        },
        "https://acme-v02.api.letsencrypt.org/directory",
        "the authority, by its directory (RFC 8555)",
    ),
    key(
        "http.tls.letsencrypt.directoryca",
        Kind::File(|c| &mut c.http.tls.letsencrypt.directoryca),
        "",
        "the certificate, in PEM, that the authority's own server is known by; not given: those of the system",
    ),
];
