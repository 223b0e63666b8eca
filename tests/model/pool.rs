//! What the clients push: few repositories, tags and contents, so that they get in each other's way.
use names::{Algorithm, Digest};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use tests::{DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST, noise, sha256, sha512};

/// In the order of the catalogue: by path component.
pub const REPOSITORIES: [&str; 3] = ["m", "m/a", "m-b"];
/// In the order of a tags list: bytewise.
pub const TAGS: [&str; 4] = ["1.0", "V1", "_", "latest"];
/// What referrers are asked for by, and half of them are.
pub const SBOM: &str = "application/vnd.example.sbom";

const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// Bytes under one of their two digests.
#[derive(Clone, Debug)]
pub struct Blob {
    pub digest: Digest,
    pub bytes: Vec<u8>,
}

/// A manifest under one of its two digests, and what a registry has to know of it.
#[derive(Clone, Debug)]
pub struct Manifest {
    pub digest: Digest,
    pub bytes: Vec<u8>,
    pub media_type: &'static str,
    /// The blobs it names.
    pub blobs: BTreeSet<Digest>,
    /// The manifests it lists.
    pub children: BTreeSet<Digest>,
    pub subject: Option<Digest>,
    /// Its descriptor as its subject's referrers are listed.
    pub descriptor: Value,
}

impl Manifest {
    /// What it can be asked for by.
    pub fn artifact_type(&self) -> Option<&str> {
        self.descriptor["artifactType"].as_str()
    }
}

/// Everything that may ever be pushed.
pub struct Pool {
    pub blobs: Vec<Blob>,
    pub manifests: Vec<Manifest>,
    /// What manifests have as their subject.
    pub subjects: Vec<Digest>,
}

impl Pool {
    pub fn new() -> Pool {
        // The last is larger than what the server reads at once.
        let contents = [17, 0, 3000, 70_000].map(|length| noise(length as u64, length));
        let blobs: Vec<Blob> = contents
            .iter()
            .flat_map(|bytes| both(bytes).map(|digest| Blob { digest, bytes: bytes.clone() }))
            .collect();
        let blob = |content: usize, algorithm, media_type| {
            let found = &blobs[content * 2 + usize::from(algorithm == Algorithm::Sha512)];
            describe(media_type, &found.digest, found.bytes.len())
        };
        use Algorithm::{Sha256, Sha512};
        let image = |config: Value, layers: &[Value]| json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": layers});

        let mut manifests = Vec::new();
        let first = add(&mut manifests, image(blob(0, Sha256, CONFIG), &[blob(2, Sha256, LAYER)]));
        let second = add(
            &mut manifests,
            image(blob(0, Sha512, CONFIG), &[blob(3, Sha256, LAYER), blob(1, Sha256, LAYER)]),
        );
        let mut sbom = image(blob(0, Sha256, CONFIG), &[]);
        sbom["artifactType"] = json!(SBOM);
        sbom["annotations"] = json!({"org.example.\"quoted\"": "ä\n"});
        sbom["subject"] = manifest(&manifests[first]);
        let sbom = add(&mut manifests, sbom);
        let mut signature = image(blob(0, Sha256, "application/vnd.example.signature"), &[]);
        signature["subject"] = manifest(&manifests[first]);
        add(&mut manifests, signature);
        let index = json!({
            "schemaVersion": 2,
            "mediaType": OCI_INDEX,
            "manifests": [manifest(&manifests[first]), manifest(&manifests[second + 1])],
        });
        add(&mut manifests, index);
        let mut about_sbom = image(blob(2, Sha512, CONFIG), &[blob(3, Sha512, LAYER)]);
        about_sbom["subject"] = manifest(&manifests[sbom + 1]);
        about_sbom["artifactType"] = json!(SBOM);
        add(&mut manifests, about_sbom);
        let mut docker = image(blob(1, Sha512, "application/vnd.docker.container.image.v1+json"), &[]);
        docker["mediaType"] = json!(DOCKER_MANIFEST);
        add(&mut manifests, docker);
        let about_first = json!({
            "schemaVersion": 2,
            "mediaType": OCI_INDEX,
            "manifests": [],
            "annotations": {"of": "an index"},
            "subject": manifest(&manifests[first]),
        });
        add(&mut manifests, about_first);

        let subjects: BTreeSet<_> =
            manifests.iter().filter_map(|manifest| manifest.subject.clone()).collect();
        Pool { blobs, manifests, subjects: subjects.into_iter().collect() }
    }

    /// The blob of this digest, if it is one.
    pub fn blob(&self, digest: &Digest) -> Option<&Blob> {
        self.blobs.iter().find(|blob| blob.digest == *digest)
    }

    /// The manifest of this digest, if it is one.
    pub fn manifest(&self, digest: &Digest) -> Option<&Manifest> {
        self.manifests.iter().find(|manifest| manifest.digest == *digest)
    }
}

fn both(bytes: &[u8]) -> [Digest; 2] {
    [sha256(bytes), sha512(bytes)]
}

fn describe(media_type: &str, digest: &Digest, size: usize) -> Value {
    json!({"mediaType": media_type, "digest": digest.as_str(), "size": size})
}

fn manifest(of: &Manifest) -> Value {
    describe(of.media_type, &of.digest, of.bytes.len())
}

/// The digests in a list of descriptors.
fn digests<'a>(descriptors: impl IntoIterator<Item = &'a Value>) -> BTreeSet<Digest> {
    let texts = descriptors.into_iter().filter_map(|descriptor| descriptor["digest"].as_str());
    texts.map(|text| text.parse().expect("the pool writes digests")).collect()
}

/// Adds a manifest under its sha256, and behind that under its sha512 digest; returns where the first is.
fn add(manifests: &mut Vec<Manifest>, document: Value) -> usize {
    let list = |field: &str| document[field].as_array().map(Vec::as_slice).unwrap_or_default();
    let media_type = [OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST]
        .into_iter()
        .find(|known| document["mediaType"] == *known)
        .expect("the pool has these types");
    let bytes = document.to_string().into_bytes();
    let at = manifests.len();
    for digest in both(&bytes) {
        let mut descriptor = describe(media_type, &digest, bytes.len());
        let artifact_type = document.get("artifactType").or_else(|| document["config"].get("mediaType"));
        if let Some(artifact_type) = artifact_type {
            descriptor["artifactType"] = artifact_type.clone();
        }
        if let Some(annotations) = document.get("annotations") {
            descriptor["annotations"] = annotations.clone();
        }
        manifests.push(Manifest {
            digest,
            bytes: bytes.clone(),
            media_type,
            blobs: digests(list("layers").iter().chain(document.get("config"))),
            children: digests(list("manifests")),
            subject: digests(document.get("subject")).pop_first(),
            descriptor,
        });
    }
    at
}
