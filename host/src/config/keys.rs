//! The one table of settings: reading, warnings, refusals, suggestions and the documentation's test come
//! from it.

mod auth;
mod azure;
mod debug;
mod key;
mod ldap;
mod letsencrypt;
mod log;
mod lookup;
mod notifications;
mod proxy;
mod storage;
mod validation;

pub(super) use key::{Key, Standing};
pub(super) use lookup::{choice, find, group, header, is_list, spells};

use super::value::Kind;
use super::{ClientAuth, Net, Proxies, http, tls};
use key::{ignored, joined, key, refused, time, unneeded};
use std::time::Duration;

/// Puts a word's meaning in its place; without one it was another word.
fn put<T>(slot: &mut T, meaning: Option<T>) -> Result<(), String> {
    *slot = meaning.ok_or("not one of these")?;
    Ok(())
}

/// The most requests in flight. An instance of the component reserves 32 GiB of the processor's 128 TiB of addresses, of
/// which it uses hardly any; a thread keeps eight of them.
const MAX_REQUESTS: usize = 2500;

/// The most threads that serve, however many processor cores there are.
pub const MAX_THREADS: usize = 128;

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// Every setting that is known, in the order of the documentation. `http.net` stands before `http.addr`, whose form
/// it decides.
pub(super) static KEYS: &[Key] = &joined::<ROWS>(SECTIONS);

const SECTIONS: &[&[Key]] = &[
    SERVER,
    storage::KEYS,
    azure::KEYS,
    proxy::KEYS,
    letsencrypt::KEYS,
    log::KEYS,
    debug::KEYS,
    notifications::KEYS,
    validation::KEYS,
    auth::KEYS,
    ldap::KEYS,
];

const ROWS: usize = key::rows(SECTIONS);

const SERVER: &[Key] = &[
    key(
        "http.net",
        Kind::Word { put: |c, text| put(&mut c.http.net, Net::parse(text)), words: "tcp or unix" },
        "tcp",
        "whether `http.addr` is an address, or the path of a socket in the file system",
    ),
    key(
        "http.addr",
        Kind::Address(|c| &mut c.http.addr),
        "127.0.0.1:5000",
        "where to listen; without a host, on every interface, IPv6 and IPv4; with `net: unix`, a path",
    ),
    key(
        "http.host",
        Kind::Url(|c| &mut c.http.host),
        "",
        "the URL at which clients see the server; it wins over what a request says of itself",
    ),
    key(
        "http.prefix",
        Kind::Word {
            put: |c, text| http::prefix(text).map(|prefix| c.http.prefix = prefix),
            words: http::PREFIX,
        },
        "",
        "what stands before `/v2/` in the paths of requests and of URLs; `http.host` says itself what does",
    ),
    key(
        "http.relativeurls",
        Kind::Switch(|c| &mut c.http.relativeurls),
        "false",
        "whether Location is relative",
    ),
    key(
        "http.headers.*",
        Kind::Header { put: |c, _, name, value| c.http.headers.put(name, value), secret: false },
        "",
        "headers of every answer, each under its name with a list of values; what an answer says itself stays",
    ),
    key(
        "http.trustedproxies",
        Kind::Words { put: |c, _, text| c.http.trustedproxies.put(text), words: Proxies::WORDS },
        "",
        "from whom `Forwarded` and `X-Forwarded-For` say who the client is, for the log and for wrong passwords",
    ),
    key(
        "http.draintimeout",
        Kind::Time { slot: |c| &mut c.http.draintimeout, least: Duration::ZERO },
        "30s",
        "how long a stopping server waits for requests in flight; `0` is not at all",
    ),
    key(
        "http.http2.disabled",
        Kind::Switch(|c| &mut c.http.http2_disabled),
        "false",
        "whether HTTP/2 is not spoken, neither with TLS nor without",
    ),
    key(
        "http.h2c.enabled",
        Kind::Switch(|c| &mut c.http.h2c),
        "true",
        "without TLS: whether HTTP/2 is spoken with who begins with it; nobody is upgraded to it",
    ),
    key(
        "http.tls.certificate",
        Kind::File(|c| &mut c.http.tls.certificate),
        "",
        "the certificate, and after it those that lead to a root, in PEM; with it, TLS is spoken and nothing else",
    ),
    key("http.tls.key", Kind::File(|c| &mut c.http.tls.key), "", "the certificate's private key, in PEM"),
    key(
        "http.tls.minimumtls",
        Kind::Word {
            put: |c, text| tls::version(text).map(|version| c.http.tls.minimum = version),
            words: "tls1.2 or tls1.3",
        },
        "tls1.2",
        "the oldest version of TLS that is spoken",
    ),
    key(
        "http.tls.ciphersuites.*",
        Kind::Word {
            put: |c, text| tls::suite(text).map(|suite| c.http.tls.ciphersuites.push(suite)),
            words: "a cipher suite, as in TLS_AES_128_GCM_SHA256",
        },
        "",
        "the cipher suites that may be used; those of TLS 1.3 all may, unless some of them are named here",
    ),
    key(
        "http.tls.clientcas.*",
        Kind::Files(|c| &mut c.http.tls.clientcas),
        "",
        "certificates, in PEM, one of which must have signed a client's",
    ),
    key(
        "http.tls.clientauth",
        Kind::Word {
            put: |c, text| put(&mut c.http.tls.clientauth, tls::client_auth(text)),
            words: ClientAuth::WORDS,
        },
        "require-and-verify-client-cert",
        "with `clientcas`: what is asked of clients; certificates that are not verified mean nothing",
    ),
    key(
        "catalog.maxentries",
        Kind::Page { slot: |c| &mut c.catalog_maxentries, negative: true },
        "1000",
        "the most repositories that one page of the catalogue may ask for",
    ),
    key(
        "tags.maxtags",
        Kind::Page { slot: |c| &mut c.tags_maxtags, negative: false },
        "1000",
        "the most tags that one page of a list holds when it is asked for by size",
    ),
    key(
        "referrers.maxentries",
        Kind::Page { slot: |c| &mut c.referrers_maxentries, negative: false },
        "1000",
        "the most referrers of a manifest that one page holds",
    ),
    key(
        "limits.requests",
        Kind::Count { slot: |c| &mut c.limits.requests, least: 1, most: MAX_REQUESTS },
        "1024",
        "the most requests in flight; beyond it the answer is 503 with Retry-After",
    ),
    key(
        "limits.connections",
        Kind::Count { slot: |c| &mut c.limits.connections, least: 1, most: 1_000_000 },
        "10000",
        "the most open connections",
    ),
    time(
        "limits.headertimeout",
        |c| &mut c.limits.headertimeout,
        "1m",
        "the longest a client may take to send a request's head, and a form or a manifest, which has a second more for each 8 KiB",
    ),
    time(
        "limits.idletimeout",
        |c| &mut c.limits.idletimeout,
        "75s",
        "the longest a connection or a body may stand still",
    ),
    time(
        "limits.lingertime",
        |c| &mut c.limits.lingertime,
        "30s",
        "how long the rest of a request that was refused may still come in, so that the client gets the answer",
    ),
    key(
        "limits.readbuffer",
        Kind::Size { slot: |c| &mut c.limits.readbuffer, least: 64 * KIB, most: 16 * MIB },
        "256KiB",
        "how much is read from one connection at a time; less costs time in uploads, more costs memory: a connection may hold this much before the head of its request is whole",
    ),
    key(
        "limits.headers",
        Kind::Size { slot: |c| &mut c.limits.headers, least: 8 * KIB, most: 16 * MIB },
        "64KiB",
        "the largest head of a request",
    ),
    key(
        "limits.headercount",
        Kind::Count { slot: |c| &mut c.limits.headercount, least: 16, most: 10_000 },
        "100",
        "the most header fields of a request",
    ),
    key(
        "limits.tags",
        Kind::Count { slot: |c| &mut c.limits.tags, least: 1, most: 10_000 },
        "100",
        "the most tags that one push of a manifest may name in its query",
    ),
    key(
        "limits.ranges",
        Kind::Count { slot: |c| &mut c.limits.ranges, least: 1, most: 10_000 },
        "1024",
        "the most ranges of a blob that one request gets; one that asks for more gets the whole blob",
    ),
    key(
        "limits.chunkminlength",
        Kind::Size { slot: |c| &mut c.limits.chunkminlength, least: 0, most: 1024 * MIB },
        "0",
        "the least that clients are asked to send in a chunk (OCI-Chunk-Min-Length); `0` asks for nothing",
    ),
    key(
        "limits.cache",
        Kind::Size { slot: |c| &mut c.limits.cache, least: MIB, most: 16384 * MIB },
        "20MiB",
        "how much is remembered of manifests, small blobs, links and lists",
    ),
    key(
        "limits.uploadmemory",
        Kind::Size { slot: |c| &mut c.limits.uploadmemory, least: 0, most: 65536 * MIB },
        "64MiB",
        "how much of uploads to a bucket may be in memory until each has to do with 5 MiB, and none receives while it sends",
    ),
    key(
        "limits.memory",
        Kind::Size { slot: |c| &mut c.limits.memory, least: 16 * MIB, most: 4096 * MIB },
        "64MiB",
        "the most memory of one component instance, which serves one request at a time; the costliest manifests of 4 MiB need 50MiB",
    ),
    time(
        "limits.computation",
        |c| &mut c.limits.computation,
        "5s",
        "the longest a component may compute for one request; waiting is not counted",
    ),
    key(
        "limits.threads",
        Kind::Count { slot: |c| &mut c.limits.threads, least: 0, most: MAX_THREADS },
        "0",
        "how many threads serve; `0` is one for each processor core",
    ),
    refused("middleware", &[], "code in the road of requests or content", "remove middleware"),
    refused("policy.repository.classes", &[], "which kinds of content may be pushed", "remove policy"),
    ignored("redis", &[], "a server for the cache: none is used"),
    ignored("proxy", &[], "what else is said of a cache of another registry: it is not asked for"),
    ignored("compatibility", &["false"], "manifests of schema 1: they are not taken"),
    ignored("reporting", &[], "reports to other services: none are sent"),
    unneeded("http.secret", "uploads carry nothing that would have to be signed"),
];
