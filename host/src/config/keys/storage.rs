//! Settings of where content lies.

use super::MIB;
use super::key::{Key, Standing, ignored, key, refused, time};
use crate::config::value::Kind;
use std::time::Duration;

/// The smallest part of an upload, the last one excepted, and the largest.
const PART: usize = 5 * MIB;
const LARGEST_PART: usize = 5120 * MIB;

pub(super) const KEYS: &[Key] = &[
    key(
        "storage.filesystem.rootdirectory",
        Kind::Directory(|c| &mut c.storage.filesystem.rootdirectory),
        "./data",
        "where content lies, relative to the working directory unless absolute; with a configuration file that does not say, `/var/lib/registry`",
    ),
    key(
        "storage.filesystem.fsync",
        Kind::Switch(|c| &mut c.storage.filesystem.fsync),
        "true",
        "whether content is on the disk before it is acknowledged; without it a power cut may lose pushes",
    ),
    key(
        "storage.delete.enabled",
        Kind::Switch(|c| &mut c.storage.delete),
        "false",
        "whether manifests, tags and blobs may be deleted",
    ),
    key(
        "storage.s3.bucket",
        Kind::Text(|c| &mut c.storage.s3.bucket),
        "",
        "an S3 bucket in which content lies, in the place of a directory; `storage: s3` or any setting of these chooses it",
    ),
    key(
        "storage.s3.region",
        Kind::Text(|c| &mut c.storage.s3.region),
        "",
        "the region that the bucket is in",
    ),
    key(
        "storage.s3.regionendpoint",
        Kind::Text(|c| &mut c.storage.s3.regionendpoint),
        "",
        "where the bucket is, if not with AWS: a URL, or a host and its port",
    ),
    key(
        "storage.s3.rootdirectory",
        Kind::Text(|c| &mut c.storage.s3.rootdirectory),
        "",
        "what stands before all keys in the bucket",
    ),
    key(
        "storage.s3.accesskey",
        Kind::Secret(|c| &mut c.storage.s3.accesskey),
        "",
        "the name of the key that signs requests to the bucket; without it and `secretkey` AWS gives one to who has a role",
    ),
    key("storage.s3.secretkey", Kind::Secret(|c| &mut c.storage.s3.secretkey), "", "that key"),
    key(
        "storage.s3.sessiontoken",
        Kind::Secret(|c| &mut c.storage.s3.sessiontoken),
        "",
        "what goes with a key that is good for a while",
    ),
    key(
        "storage.s3.secure",
        Kind::Switch(|c| &mut c.storage.s3.secure),
        "true",
        "whether the bucket is spoken to with TLS, where `regionendpoint` is no URL that says so",
    ),
    key(
        "storage.s3.forcepathstyle",
        Kind::Switch(|c| &mut c.storage.s3.forcepathstyle),
        "true",
        "whether the bucket's name is in the path of a URL, and not in its host",
    ),
    key(
        "storage.s3.encrypt",
        Kind::Switch(|c| &mut c.storage.s3.encrypt),
        "false",
        "whether the bucket keeps objects encrypted, with a key of its own unless `keyid` names one",
    ),
    key("storage.s3.keyid", Kind::Text(|c| &mut c.storage.s3.keyid), "", "with `encrypt`: a key of AWS KMS"),
    key(
        "storage.s3.storageclass",
        Kind::Text(|c| &mut c.storage.s3.storageclass),
        "",
        "the class in which objects are kept, as in STANDARD_IA; without it, or with NONE, the bucket's own",
    ),
    key(
        "storage.s3.objectacl",
        Kind::Text(|c| &mut c.storage.s3.objectacl),
        "",
        "who besides its owner may do what with an object: a canned ACL, as in bucket-owner-full-control",
    ),
    key(
        "storage.s3.chunksize",
        Kind::Size { slot: |c| &mut c.storage.s3.chunksize, least: PART, most: LARGEST_PART },
        "10MiB",
        "how much of an upload is sent to the bucket at once; an upload under way has twice as much in memory",
    ),
    key(
        "storage.s3.multipartcopythresholdsize",
        Kind::Size { slot: |c| &mut c.storage.s3.multipartcopythresholdsize, least: 0, most: LARGEST_PART },
        "32MiB",
        "from how much on the bucket copies a blob in parts",
    ),
    key(
        "storage.s3.multipartcopychunksize",
        Kind::Size { slot: |c| &mut c.storage.s3.multipartcopychunksize, least: PART, most: LARGEST_PART },
        "32MiB",
        "how large these parts are",
    ),
    key(
        "storage.s3.multipartcopymaxconcurrency",
        Kind::Count { slot: |c| &mut c.storage.s3.multipartcopymaxconcurrency, least: 1, most: 1_000_000 },
        "16",
        "how many of them are copied at once; more than 16 are as good as 16",
    ),
    key(
        "storage.redirect.disable",
        Kind::Switch(|c| &mut c.storage.redirect_disable),
        "true",
        "whether clients get blobs from here and not from the bucket or container, to which `false` sends them with a 307",
    ),
    key(
        "storage.maintenance.uploadpurging.enabled",
        Kind::Switch(|c| &mut c.storage.uploadpurging.enabled),
        "true",
        "whether uploads that nobody finishes are removed",
    ),
    time(
        "storage.maintenance.uploadpurging.age",
        |c| &mut c.storage.uploadpurging.age,
        "168h",
        "how old an upload must be to be removed; until then it makes its repository one that is listed",
    ),
    time(
        "storage.maintenance.uploadpurging.interval",
        |c| &mut c.storage.uploadpurging.interval,
        "24h",
        "how often to look for them; the first time after a twenty-fourth of it",
    ),
    key(
        "storage.maintenance.uploadpurging.dryrun",
        Kind::Switch(|c| &mut c.storage.uploadpurging.dryrun),
        "false",
        "whether they are only counted in the log",
    ),
    key(
        "storage.maintenance.garbagecollect.grace",
        Kind::Time { slot: |c| &mut c.storage.grace, least: Duration::ZERO },
        "24h",
        "how long content stays that no manifest needs, after it was pushed, or asked for as clients do before they push; \
         `0` is for when nobody pushes",
    ),
    key(
        "storage.maintenance.readonly.enabled",
        Kind::Switch(|c| &mut c.storage.readonly),
        "false",
        "whether nothing is written: pushes and deletions are refused, and nothing is cleared away",
    ),
    Key {
        name: "storage",
        standing: Standing::Choice {
            only: &["filesystem", "s3", "azure"],
            beside: &["cache", "delete", "maintenance", "redirect", "tag"],
            remedy: "use storage.filesystem, storage.s3 or storage.azure",
        },
        default: "",
        meaning: "every storage driver but these three: gcs, inmemory and any other",
    },
    ignored(
        "storage.filesystem.maxthreads",
        &[],
        "threads that wait for the disk: limits.requests bounds them",
    ),
    ignored("storage.cache", &[], "a cache of what blobs are: the storage is always asked"),
    ignored("storage.tag", &[], "how many tags are looked at at once"),
    refused(
        "storage.s3.skipverify",
        &["false"],
        "whether the bucket's certificate is not looked at",
        "give the authority's certificate to the system, or in the variable SSL_CERT_FILE, and remove storage.s3.skipverify",
    ),
    ignored("storage.s3.accelerate", &["false"], "S3's accelerated endpoints: name one in `regionendpoint`"),
    ignored(
        "storage.s3.usefipsendpoint",
        &["false"],
        "S3's endpoints for FIPS: name one in `regionendpoint`",
    ),
    ignored("storage.s3.usedualstack", &["false"], "S3's endpoints with IPv6: name one in `regionendpoint`"),
    ignored("storage.s3.useragent", &[], "what requests to the bucket call themselves"),
    ignored("storage.s3.loglevel", &["off"], "what is logged of requests to the bucket: what fails"),
    ignored("storage.s3.v4auth", &["true"], "signatures of version 2: requests are signed with version 4"),
    ignored(
        "storage.redirect.redirectendpoint",
        &[],
        "another name of the bucket for clients: they are sent to `regionendpoint`",
    ),
];
