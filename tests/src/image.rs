use crate::{Server, push_blob, push_manifest, sha256};
use names::Digest;
use serde_json::{Value, json};

/// The media type of a Docker image manifest, schema 2.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// The media type of a Docker manifest list.
pub const DOCKER_INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// The media type of an OCI image manifest.
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// The media type of an OCI image index.
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// A small image: a configuration, layers, and the manifest that names them.
#[derive(Clone, Debug)]
pub struct Image {
    /// The media type of the manifest.
    pub media_type: &'static str,
    /// The configuration.
    pub config: Vec<u8>,
    /// The layers.
    pub layers: Vec<Vec<u8>>,
    /// The manifest.
    pub manifest: Vec<u8>,
}

impl Image {
    /// An OCI image with two small layers; another seed makes another image.
    pub fn oci(seed: u64) -> Image {
        Image::new(
            seed,
            OCI_MANIFEST,
            ["application/vnd.oci.image.config.v1+json", "application/vnd.oci.image.layer.v1.tar+gzip"],
        )
    }

    /// A Docker schema 2 image with two small layers; another seed makes another image.
    pub fn docker(seed: u64) -> Image {
        Image::new(
            seed,
            DOCKER_MANIFEST,
            [
                "application/vnd.docker.container.image.v1+json",
                "application/vnd.docker.image.rootfs.diff.tar.gzip",
            ],
        )
    }

    fn new(seed: u64, media_type: &'static str, [config_type, layer_type]: [&str; 2]) -> Image {
        let config = json!({"architecture": "amd64", "os": "linux", "seed": seed});
        let config = config.to_string().into_bytes();
        let layers: Vec<_> = (0..2).map(|n| noise(seed * 2 + n, 1000)).collect();
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": media_type,
            "config": descriptor(config_type, &config),
            "layers": layers.iter().map(|layer| descriptor(layer_type, layer)).collect::<Vec<_>>(),
        });
        Image { media_type, config, layers, manifest: manifest.to_string().into_bytes() }
    }

    /// The digest of the manifest.
    pub fn digest(&self) -> Digest {
        sha256(&self.manifest)
    }

    /// Pushes the blobs alone.
    #[track_caller]
    pub fn push_blobs(&self, server: &Server, repository: &str) {
        for blob in self.layers.iter().chain([&self.config]) {
            push_blob(server, repository, blob);
        }
    }

    /// Pushes the blobs, then the manifest under `reference`.
    #[track_caller]
    pub fn push(&self, server: &Server, repository: &str, reference: &str) -> Digest {
        self.push_blobs(server, repository);
        push_manifest(server, repository, reference, self.media_type, &self.manifest)
    }
}

/// What a manifest says of some bytes.
pub fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": sha256(bytes).as_str(), "size": bytes.len()})
}

/// An index, or a manifest list, of these images.
pub fn index(media_type: &str, images: &[&Image]) -> Vec<u8> {
    let manifests = images.iter().enumerate().map(|(n, image)| {
        let mut child = descriptor(image.media_type, &image.manifest);
        let architecture = ["amd64", "arm64", "s390x"][n % 3];
        child["platform"] = json!({"architecture": architecture, "os": "linux"});
        child
    });
    let manifests: Vec<_> = manifests.collect();
    json!({"schemaVersion": 2, "mediaType": media_type, "manifests": manifests}).to_string().into_bytes()
}

/// Bytes that look random, do not compress, and are the same for the same seed (xorshift64*).
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        bytes.extend_from_slice(&state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}
