use bytes::Bytes;
use names::{Digest, RepositoryName, Tag};
use protocol::manifest::{Referrer, referrer};

/// A directory and what shall lie in it, file by file in the order in which it becomes visible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Where.
    pub directory: String,
    /// Names in the directory, and their bytes. A directory without any is made for other programs to see.
    pub files: Vec<(String, Bytes)>,
}

/// A manifest to be stored, with everything it needs to be of use.
#[derive(Clone, Debug)]
pub struct PutManifest {
    /// What the bytes hash to; the caller has computed it.
    pub digest: Digest,
    /// The bytes.
    pub bytes: Bytes,
    /// To be kept beside it, where the bytes alone do not say it.
    pub media_type: Option<String>,
    /// The blobs that the repository has to hold.
    pub blobs: Vec<Digest>,
    /// The manifests that have to be in the repository.
    pub manifests: Vec<Digest>,
    /// The tags that shall name it.
    pub tags: Vec<Tag>,
}

impl PutManifest {
    /// What is written for it, in the order in which it becomes visible: the last is what makes the tag name it. Each
    /// prefix of it is harmless.
    pub fn units(self, repository: &RepositoryName) -> Vec<Unit> {
        let PutManifest { digest, bytes, media_type, tags, .. } = self;
        let referrer = referrer(&bytes, &digest, media_type.as_deref())
            .map(|found| referrer_entry(repository, &digest, found));
        let text = Bytes::copy_from_slice(digest.as_str().as_bytes());
        let link = |name: &str| (name.to_owned(), text.clone());
        let media_type = media_type.map(|text| (layout::MEDIA_TYPE.to_owned(), Bytes::from(text)));
        let mut units = vec![
            // distribution 2.x finds repositories by it, even one that holds no blob.
            Unit { directory: layout::layers(repository), files: Vec::new() },
            Unit { directory: layout::blob(&digest), files: vec![(layout::DATA.to_owned(), bytes)] },
            Unit {
                directory: layout::revision(repository, &digest),
                files: media_type.into_iter().chain([link(layout::LINK)]).collect(),
            },
        ];
        units.extend(referrer);
        units.extend(tags.iter().map(|tag| Unit {
            directory: layout::tag(repository, tag),
            files: vec![link(&layout::tag_index_link(&digest)), link(layout::CURRENT_LINK)],
        }));
        units
    }
}

/// What makes a repository hold a blob whose bytes are those of `content`.
pub fn hold(repository: &RepositoryName, digest: &Digest, content: &Digest) -> Unit {
    let link = Bytes::copy_from_slice(content.as_str().as_bytes());
    Unit { directory: layout::layer(repository, digest), files: vec![(layout::LINK.to_owned(), link)] }
}

/// A manifest's entry among the referrers of what it is about.
pub fn referrer_entry(repository: &RepositoryName, digest: &Digest, found: Referrer) -> Unit {
    Unit {
        directory: layout::referrer(repository, &found.subject, digest),
        files: vec![(layout::DESCRIPTOR.to_owned(), found.descriptor.into())],
    }
}

/// What tells which revisions the index of referrers was made from: a digest a line.
pub fn indexed(repository: &RepositoryName, revisions: String) -> Unit {
    Unit {
        directory: layout::referrers(repository),
        files: vec![(layout::INDEXED.to_owned(), revisions.into())],
    }
}
