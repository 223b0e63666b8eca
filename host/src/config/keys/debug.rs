//! Settings for those who watch the server.

use super::key::{Key, key, time};
use crate::config::debug::Prometheus;
use crate::config::health;
use crate::config::http::put_request_header;
use crate::config::value::{Kind, entry, foreign_url, path};

pub(super) const KEYS: &[Key] = &[
    key(
        "http.debug.addr",
        Kind::Own { put: |c, _, text| c.http.debug.listen(text), words: "host:port, [IPv6]:port or :port" },
        "",
        "a second address, without TLS and without passwords, for those who watch the server: `/debug/health`, and what is counted",
    ),
    key(
        "http.debug.prometheus.enabled",
        Kind::Switch(|c| &mut c.http.debug.prometheus.enabled),
        "false",
        "whether requests are counted, for Prometheus to fetch at `http.debug.addr`",
    ),
    key(
        "http.debug.prometheus.path",
        Kind::Word { put: |c, text| c.http.debug.prometheus.put_path(text), words: Prometheus::WORDS },
        "/metrics",
        "where Prometheus fetches it",
    ),
    key(
        "health.storagedriver.enabled",
        Kind::Switch(|c| &mut c.health.storagedriver.enabled),
        "false",
        "whether it is looked after that the storage can be read; while it cannot, every request is answered with 503",
    ),
    time(
        "health.storagedriver.interval",
        |c| &mut c.health.storagedriver.interval,
        "10s",
        "how often to look, and how long a look may take",
    ),
    key(
        "health.storagedriver.threshold",
        Kind::Count {
            slot: |c| &mut c.health.storagedriver.threshold,
            least: 0,
            most: health::MAX_THRESHOLD,
        },
        "0",
        "how often in a row that must fail to count; `0` is once",
    ),
    key(
        "health.file.*.file",
        Kind::Own {
            put: |c, at, text| {
                entry(&mut c.health.file, at).file = path(text)?;
                Ok(())
            },
            words: "a path",
        },
        "",
        "a file that must not be there; while it is, every request is answered with 503",
    ),
    key(
        "health.file.*.interval",
        Kind::Own {
            put: |c, at, text| {
                entry(&mut c.health.file, at).interval = health::duration(text)?;
                Ok(())
            },
            words: health::DURATION,
        },
        "",
        "how often to look; every 10 seconds where nothing is said",
    ),
    key(
        "health.tcp.*.addr",
        Kind::Own {
            put: |c, at, text| {
                entry(&mut c.health.tcp, at).addr = health::server(text)?;
                Ok(())
            },
            words: health::SERVER,
        },
        "",
        "a server that must take connections; while it does not, every request is answered with 503",
    ),
    key(
        "health.tcp.*.timeout",
        Kind::Own {
            put: |c, at, text| {
                entry(&mut c.health.tcp, at).timeout = health::duration(text)?;
                Ok(())
            },
            words: health::DURATION,
        },
        "",
        "how long it may take; 10 seconds where nothing is said",
    ),
    key(
        "health.tcp.*.interval",
        Kind::Own {
            put: |c, at, text| {
                entry(&mut c.health.tcp, at).interval = health::duration(text)?;
                Ok(())
            },
            words: health::DURATION,
        },
        "",
        "how often to look; every 10 seconds where nothing is said",
    ),
    key(
        "health.tcp.*.threshold",
        Kind::Own {
            put: |c, at, text| {
                entry(&mut c.health.tcp, at).threshold = health::threshold(text)?;
                Ok(())
            },
            words: health::THRESHOLD,
        },
        "",
        "how often in a row that must fail to count; once where nothing is said",
    ),
    key(
        "health.http.*.uri",
        Kind::Hidden {
            put: |c, at, text| {
                entry(&mut c.health.http, at).uri = Some(foreign_url(text)?);
                Ok(())
            },
            words: "a URL",
        },
        "",
        "what must be there over HTTP (HEAD); while it is not, every request is answered with 503",
    ),
    key(
        "health.http.*.headers.*",
        Kind::Header {
            put: |c, at, name, value| {
                put_request_header(&mut entry(&mut c.health.http, at).headers, name, value)
            },
            secret: true,
        },
        "",
        "values of a header that the request for it has, such as `Authorization`",
    ),
    key(
        "health.http.*.statuscode",
        Kind::Own {
            put: |c, at, text| {
                entry(&mut c.health.http, at).statuscode = health::status(text)?;
                Ok(())
            },
            words: health::STATUS,
        },
        "",
        "the status that it must have; 200 where nothing is said",
    ),
    key(
        "health.http.*.timeout",
        Kind::Own {
            put: |c, at, text| {
                entry(&mut c.health.http, at).timeout = health::duration(text)?;
                Ok(())
            },
            words: health::DURATION,
        },
        "",
        "how long an answer may take; 10 seconds where nothing is said",
    ),
    key(
        "health.http.*.interval",
        Kind::Own {
            put: |c, at, text| {
                entry(&mut c.health.http, at).interval = health::duration(text)?;
                Ok(())
            },
            words: health::DURATION,
        },
        "",
        "how often to look; every 10 seconds where nothing is said",
    ),
    key(
        "health.http.*.threshold",
        Kind::Own {
            put: |c, at, text| {
                entry(&mut c.health.http, at).threshold = health::threshold(text)?;
                Ok(())
            },
            words: health::THRESHOLD,
        },
        "",
        "how often in a row that must fail to count; once where nothing is said",
    ),
];
