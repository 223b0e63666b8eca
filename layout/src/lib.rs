//! Where things lie in a tree or a bucket. Pure: names in, keys out.
//!
//! The tree is distribution's, so that `registry:2` and `registry:3` open what we wrote, and we open what they
//! wrote. What is marked *ours* they have no word for, and pass over:
//!
//! ```text
//! docker/registry/v2/
//! ├── blobs/<algorithm>/<first two of hex>/<hex>/        blob
//! │   └── data                                           DATA
//! ├── repositories/                                      REPOSITORIES
//! │   └── <name>/
//! │       ├── _layers/                                   layers
//! │       │   └── <algorithm>/<hex>/                     layer
//! │       │       └── link                               LINK
//! │       ├── _manifests/                                by which distribution 3.x finds repositories
//! │       │   ├── revisions/<algorithm>/<hex>/           revision
//! │       │   │   ├── link                               LINK
//! │       │   │   └── _mediatype              (ours)     MEDIA_TYPE
//! │       │   └── tags/                                  tags
//! │       │       └── <tag>/                             tag
//! │       │           ├── current/link                   CURRENT_LINK
//! │       │           └── index/<algorithm>/<hex>/link   tag_index_link
//! │       ├── _referrers/                        (ours)  referrers
//! │       │   ├── revisions                              INDEXED
//! │       │   └── <algorithm>/<hex>/<algorithm>/         referrers_of
//! │       │       └── <hex>/                             referrer
//! │       │           └── descriptor                     DESCRIPTOR
//! │       └── _uploads/<uuid>/                           upload
//! │           ├── data                                   DATA
//! │           ├── data-<number>               (ours)     data_again
//! │           ├── _writing-…, _copy-…, _copied-… (ours)  WRITING, COPY, COPIED
//! │           ├── startedat                              STARTED_AT
//! │           ├── _hashstate                  (ours)     HASH_STATE
//! │           └── _session                    (ours)     SESSION
//! ├── _collection/                            (ours)     COLLECTION
//! │   ├── gate, commits                       (ours)     GATE, COMMITS
//! │   ├── needed                              (ours)     NEEDED
//! │   ├── state                               (ours)     STATE
//! │   └── said/<run>/<id>                     (ours)     said
//! ├── _cache/                                 (ours)     CACHE
//! │   └── remoteurl                           (ours)     REMOTE_URL
//! └── _staging/                               (ours)     STAGING
//!     └── purged                              (ours)     PURGED
//! scheduler-state.json, of a cache of distribution's     SCHEDULER_STATE
//! ```
//!
//! Functions name directories; constants name what lies in them. A key is a directory, `/`, and a name, and is
//! made of parsed names alone: nothing a client sent can lead out of the tree.
#![forbid(unsafe_code)]

use names::{Algorithm, Digest, RepositoryName, Tag, UploadId};

/// The bytes, in a [`blob`] and in an [`upload`].
pub const DATA: &str = "data";
/// The bare digest of what is held, in a [`layer`] and in a [`revision`]. Its content decides, not its name.
pub const LINK: &str = "link";
/// The media type that a manifest was stored with, in a [`revision`], where the bytes do not say it. Ours.
pub const MEDIA_TYPE: &str = "_mediatype";
/// What there is in a [`repository`]: its holds on blobs,
pub const LAYERS: &str = "_layers";
/// its manifests and tags,
pub const MANIFESTS: &str = "_manifests";
/// its uploads,
pub const UPLOADS: &str = "_uploads";
/// and who is about whom.
pub const REFERRERS: &str = "_referrers";
/// The bare digest that a [`tag`] names now.
pub const CURRENT_LINK: &str = "current/link";
/// When an [`upload`] began, in RFC 3339.
pub const STARTED_AT: &str = "startedat";
/// The hash function's state over an [`upload`]'s bytes, beside distribution's own `hashstates/`, which are in
/// Go's format. Ours.
pub const HASH_STATE: &str = "_hashstate";
/// What there is of an [`upload`] in a bucket, where its bytes are parts that are no object yet. Ours.
pub const SESSION: &str = "_session";
/// What the names begin with that an [`upload`]'s bytes have in the place of [`DATA`] while a component writes to them that has
/// no locks; of copies of these; and of those whose copies count in their place. Ours.
pub const WRITING: &str = "_writing-";
/// See [`WRITING`].
pub const COPY: &str = "_copy-";
/// See [`WRITING`].
pub const COPIED: &str = "_copied-";
/// The descriptor that a [`referrer`] is listed with. Ours.
pub const DESCRIPTOR: &str = "descriptor";
/// The revisions that a repository's [`referrers`] were made from, a digest a line: whoever finds others there has to
/// look at them first. Ours.
pub const INDEXED: &str = "revisions";
/// Where things are prepared that shall appear whole. Ours; its contents may be removed while nobody writes.
pub const STAGING: &str = "docker/registry/v2/_staging";
/// When old uploads were looked for last, in [`STAGING`], in seconds since 1970: where no clock rings. Ours.
pub const PURGED: &str = "purged";
/// How those who store things and those who collect garbage keep out of each other's way. Ours; it may be removed while
/// nobody does either.
pub const COLLECTION: &str = "docker/registry/v2/_collection";
/// In [`COLLECTION`]: locked for a moment by whoever comes to lock [`COMMITS`].
pub const GATE: &str = "gate";
/// In [`COLLECTION`]: shared by those who store something, locked by whoever removes garbage.
pub const COMMITS: &str = "commits";
/// In [`COLLECTION`]: locked for as long as garbage is collected, by whoever does; meanwhile the others write into it what they
/// need, a digest a line.
pub const NEEDED: &str = "needed";
/// In [`COLLECTION`], in a bucket: how a collection of garbage stands. Who stores something looks at it afterwards.
pub const STATE: &str = "state";
/// In [`COLLECTION`], in a bucket: in it lies what others [said](said) that they need while garbage is collected.
pub const SAID: &str = "docker/registry/v2/_collection/said";
/// What says that all content here was fetched from another registry, and may go again. Ours; without it nothing goes.
pub const CACHE: &str = "docker/registry/v2/_cache";
/// In [`CACHE`]: where that registry is.
pub const REMOTE_URL: &str = "remoteurl";
/// By which distribution knows when what its cache has fetched is to go.
pub const SCHEDULER_STATE: &str = "scheduler-state.json";
/// Above everything.
pub const ROOT: &str = "docker/registry/v2";
/// The root of the repositories' own tree.
pub const REPOSITORIES: &str = "docker/registry/v2/repositories";
/// The root of all bytes.
pub const BLOBS: &str = "docker/registry/v2/blobs";

/// Where a blob's bytes lie, once for all repositories.
pub fn blob(digest: &Digest) -> String {
    let (algorithm, hex) = (digest.algorithm().as_str(), digest.hex());
    [BLOBS, "/", algorithm, "/", &hex[..2], "/", hex].concat()
}

/// Whose bytes lie under a key, where it is that of a blob's bytes.
pub fn blob_digest(key: &str) -> Option<Digest> {
    let (directory, name) = split(key);
    let (above, hex) = split(directory);
    let algorithm = split(split(above).0).1;
    let digest: Digest = [algorithm, ":", hex].concat().parse().ok()?;
    (name == DATA && directory == blob(&digest)).then_some(digest)
}

/// What an object below [`REPOSITORIES`] is to those who look for what is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// The link to a manifest.
    Revision(Digest),
    /// The link from a tag.
    Tag(Tag),
    /// The link to a blob.
    Layer(Digest),
}

/// The repository that an object belongs to, as the key spells it, which need not be a name; and what is left of the key. The key
/// is relative to [`REPOSITORIES`].
pub fn repository_in(key: &str) -> Option<(&str, &str)> {
    let at = key.find("/_")?;
    Some((&key[..at], &key[at + 1..]))
}

/// What an object is, by what is left of its key; none where it is nothing of these.
pub fn part(rest: &str) -> Option<Part> {
    let mut parts = rest.split('/');
    let mut next = || parts.next().unwrap_or_default();
    let found = match (next(), next()) {
        (LAYERS, algorithm) => Part::Layer([algorithm, ":", next()].concat().parse().ok()?),
        (MANIFESTS, "revisions") => Part::Revision([next(), ":", next()].concat().parse().ok()?),
        (MANIFESTS, "tags") => {
            let tag = next().parse().ok()?;
            return ([next(), "/", next()].concat() == CURRENT_LINK && parts.next().is_none())
                .then_some(Part::Tag(tag));
        }
        _ => return None,
    };
    (next() == LINK && parts.next().is_none()).then_some(found)
}

/// A repository, and below it those whose names go on.
pub fn repository(name: &RepositoryName) -> String {
    [REPOSITORIES, "/", name.as_str()].concat()
}

/// The blobs that a repository holds. distribution 2.x finds repositories by it.
pub fn layers(name: &RepositoryName) -> String {
    [REPOSITORIES, "/", name.as_str(), "/", LAYERS].concat()
}

/// A repository's hold on a blob.
pub fn layer(name: &RepositoryName, digest: &Digest) -> String {
    let (algorithm, hex) = (digest.algorithm().as_str(), digest.hex());
    [REPOSITORIES, "/", name.as_str(), "/", LAYERS, "/", algorithm, "/", hex].concat()
}

/// A repository's hold on a manifest.
pub fn revision(name: &RepositoryName, digest: &Digest) -> String {
    let (algorithm, hex) = (digest.algorithm().as_str(), digest.hex());
    [REPOSITORIES, "/", name.as_str(), "/", MANIFESTS, "/revisions/", algorithm, "/", hex].concat()
}

/// A repository's holds on manifests of one algorithm, a directory each.
pub fn revisions(name: &RepositoryName, algorithm: Algorithm) -> String {
    [REPOSITORIES, "/", name.as_str(), "/", MANIFESTS, "/revisions/", algorithm.as_str()].concat()
}

/// A repository's tags, a directory each.
pub fn tags(name: &RepositoryName) -> String {
    [REPOSITORIES, "/", name.as_str(), "/", MANIFESTS, "/tags"].concat()
}

/// One tag.
pub fn tag(name: &RepositoryName, tag: &Tag) -> String {
    [REPOSITORIES, "/", name.as_str(), "/", MANIFESTS, "/tags/", tag.as_str()].concat()
}

/// In a [`tag`]: the link that says that the tag has named this manifest at some time.
pub fn tag_index_link(digest: &Digest) -> String {
    ["index/", digest.algorithm().as_str(), "/", digest.hex(), "/link"].concat()
}

/// A repository's manifests by what they are about. Ours; it may be removed, and is made again.
pub fn referrers(name: &RepositoryName) -> String {
    [REPOSITORIES, "/", name.as_str(), "/", REFERRERS].concat()
}

/// Those of one algorithm that are about one manifest, a directory each.
pub fn referrers_of(name: &RepositoryName, subject: &Digest, algorithm: Algorithm) -> String {
    let (of, hex) = (subject.algorithm().as_str(), subject.hex());
    [&*referrers(name), "/", of, "/", hex, "/", algorithm.as_str()].concat()
}

/// A manifest that is about another.
pub fn referrer(name: &RepositoryName, subject: &Digest, digest: &Digest) -> String {
    [&*referrers_of(name, subject, digest.algorithm()), "/", digest.hex()].concat()
}

/// A repository's uploads, a directory each.
pub fn uploads(name: &RepositoryName) -> String {
    [REPOSITORIES, "/", name.as_str(), "/", UPLOADS].concat()
}

/// An upload session.
pub fn upload(name: &RepositoryName, id: &UploadId) -> String {
    [REPOSITORIES, "/", name.as_str(), "/", UPLOADS, "/", id.as_str()].concat()
}

/// What others say that they need during a collection of this name. Ours.
pub fn said(run: &str) -> String {
    [SAID, "/", run].concat()
}

/// The bytes of an [`upload`] in a bucket that began again, for the time of this number. Ours.
pub fn data_again(number: u64) -> String {
    format!("{DATA}-{number}")
}

/// The key of a thing in a directory, which is empty for what lies at the root.
pub fn in_directory(directory: &str, name: &str) -> String {
    if directory.is_empty() { name.to_owned() } else { [directory, "/", name].concat() }
}

/// A key's directory and the name in it, out of which [`in_directory`] makes the key.
pub fn split(key: &str) -> (&str, &str) {
    key.rsplit_once('/').unwrap_or(("", key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_is_distributions() {
        let name: RepositoryName = "library/alpine".parse().unwrap();
        let hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let digest: Digest = format!("sha256:{hex}").parse().unwrap();
        let latest: Tag = "latest".parse().unwrap();
        let id = UploadId::from_random([0; 16]);
        let at = "docker/registry/v2/repositories/library/alpine";

        assert_eq!(blob(&digest), format!("docker/registry/v2/blobs/sha256/e3/{hex}"));
        assert_eq!(blob_digest(&in_directory(&blob(&digest), DATA)), Some(digest.clone()));
        assert_eq!(blob_digest(&in_directory(&layer(&name, &digest), DATA)), None);
        assert_eq!(blob_digest(DATA), None);
        assert_eq!(layers(&name), format!("{at}/_layers"));
        assert_eq!(in_directory(&layer(&name, &digest), LINK), format!("{at}/_layers/sha256/{hex}/link"));
        assert_eq!(revision(&name, &digest), format!("{at}/_manifests/revisions/sha256/{hex}"));
        assert_eq!(revisions(&name, Algorithm::Sha512), format!("{at}/_manifests/revisions/sha512"));
        assert_eq!(referrer(&name, &digest, &digest), format!("{at}/_referrers/sha256/{hex}/sha256/{hex}"));
        assert_eq!(tags(&name), format!("{at}/_manifests/tags"));
        assert_eq!(
            in_directory(&tag(&name, &latest), CURRENT_LINK),
            format!("{at}/_manifests/tags/latest/current/link")
        );
        assert_eq!(tag_index_link(&digest), format!("index/sha256/{hex}/link"));
        assert_eq!(
            in_directory(&upload(&name, &id), DATA),
            format!("{at}/_uploads/00000000-0000-4000-8000-000000000000/data")
        );
    }

    #[test]
    fn what_was_spelled_is_read() {
        let name: RepositoryName = "library/alpine".parse().unwrap();
        let digest: Digest = format!("sha256:{}", "ab".repeat(32)).parse().unwrap();
        let latest: Tag = "latest".parse().unwrap();
        let read = |key: &str| {
            let (found, rest) = repository_in(key.strip_prefix(REPOSITORIES)?.strip_prefix('/')?)?;
            assert_eq!(found, name.as_str());
            part(rest)
        };
        let [layer, revision, tag] = [layer(&name, &digest), revision(&name, &digest), tag(&name, &latest)];
        assert_eq!(read(&in_directory(&layer, LINK)), Some(Part::Layer(digest.clone())));
        assert_eq!(read(&in_directory(&revision, LINK)), Some(Part::Revision(digest.clone())));
        assert_eq!(read(&in_directory(&tag, CURRENT_LINK)), Some(Part::Tag(latest)));
        let referrer = referrer(&name, &digest, &digest);
        for other in [
            in_directory(&revision, MEDIA_TYPE),
            in_directory(&tag, &tag_index_link(&digest)),
            in_directory(&referrer, DESCRIPTOR),
            in_directory(&in_directory(&layer, LINK), LINK),
            layers(&name),
        ] {
            assert_eq!(read(&other), None, "{other}");
        }
        assert_eq!(repository_in("library/alpine"), None);
    }

    #[test]
    fn a_sha512_digest_has_its_own_folder() {
        let digest: Digest = format!("sha512:{}", "ab".repeat(64)).parse().unwrap();
        assert_eq!(blob(&digest), format!("docker/registry/v2/blobs/sha512/ab/{}", "ab".repeat(64)));
    }

    #[test]
    fn a_key_splits_into_its_directory_and_name() {
        assert_eq!(split("a/b/c"), ("a/b", "c"));
        assert_eq!(split("a"), ("", "a"));
        assert_eq!([in_directory("a/b", "c"), in_directory("", "a")], ["a/b/c", "a"]);
    }
}
