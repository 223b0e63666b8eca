//! Images on disk as OCI layouts, with layers that are real archives: clients look into them.
use crate::support::run;
use names::Digest;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tests::{OCI_INDEX, OCI_MANIFEST, descriptor, noise, sha256};

const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const ARCHITECTURES: [&str; 3] = ["amd64", "arm64", "s390x"];

/// An OCI image layout whose one entry is called `latest`.
pub struct Layout {
    /// Its folder.
    pub folder: PathBuf,
    /// What its entry names: an image manifest, or an index.
    pub digest: Digest,
    /// The manifests of the images in it.
    pub images: Vec<Digest>,
}

impl Layout {
    /// One image of two layers for linux/amd64; another seed makes another image.
    pub fn image(folder: &Path, seed: u64) -> Layout {
        let writer = Writer::new(folder);
        let manifest = writer.image(seed, ARCHITECTURES[0]);
        writer.finish(&manifest, vec![digest_of(&manifest)])
    }

    /// An index of images for three platforms.
    pub fn index(folder: &Path, seed: u64) -> Layout {
        let writer = Writer::new(folder);
        let children: Vec<_> = ARCHITECTURES
            .iter()
            .zip(seed..)
            .map(|(architecture, seed)| {
                let mut child = writer.image(seed, architecture);
                child["platform"] = json!({"architecture": architecture, "os": "linux"});
                child
            })
            .collect();
        let images = children.iter().map(digest_of).collect();
        let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": children});
        writer.finish(&writer.blob(OCI_INDEX, index.to_string().as_bytes()), images)
    }

    /// `oci:<folder>:latest`, as skopeo, podman and buildah write it.
    pub fn oci(&self) -> String {
        format!("oci:{}:latest", self.folder.display())
    }
}

/// The digest that a descriptor names.
fn digest_of(descriptor: &Value) -> Digest {
    descriptor["digest"].as_str().and_then(|text| text.parse().ok()).expect("a descriptor has a digest")
}

/// The digest that the entry of a layout names, and whether every file in it has the content of its name.
pub fn read_layout(folder: &Path) -> Digest {
    for file in fs::read_dir(folder.join("blobs/sha256")).expect("a layout has blobs") {
        let file = file.expect("a folder can be read");
        let content = fs::read(file.path()).expect("a blob can be read");
        assert_eq!(file.file_name().to_str(), Some(sha256(&content).hex()), "a blob has another's content");
    }
    let index = fs::read(folder.join("index.json")).expect("a layout has an index");
    let index: Value = serde_json::from_slice(&index).expect("an index is JSON");
    digest_of(&index["manifests"][0])
}

struct Writer {
    folder: PathBuf,
}

impl Writer {
    fn new(folder: &Path) -> Writer {
        fs::create_dir_all(folder.join("blobs/sha256")).expect("a folder can be made");
        fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#)
            .expect("a file can be written");
        Writer { folder: folder.to_owned() }
    }

    fn blob(&self, media_type: &str, bytes: &[u8]) -> Value {
        let file = self.folder.join("blobs/sha256").join(sha256(bytes).hex());
        fs::write(file, bytes).expect("a blob can be written");
        descriptor(media_type, bytes)
    }

    fn image(&self, seed: u64, architecture: &str) -> Value {
        let (diff_ids, layers): (Vec<_>, Vec<_>) = (0..2)
            .map(|number| {
                let (archive, compressed) = self.archive(seed * 10 + number);
                (sha256(&archive).to_string(), self.blob(LAYER, &compressed))
            })
            .unzip();
        let config = json!({
            "architecture": architecture, "os": "linux", "config": {"Cmd": ["/data"]},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
        });
        let manifest = json!({
            "schemaVersion": 2, "mediaType": OCI_MANIFEST,
            "config": self.blob(CONFIG, config.to_string().as_bytes()), "layers": layers,
        });
        self.blob(OCI_MANIFEST, manifest.to_string().as_bytes())
    }

    /// A tar archive of one file of 100 kB, plain and compressed.
    fn archive(&self, seed: u64) -> (Vec<u8>, Vec<u8>) {
        let name = format!("file-{seed}");
        fs::write(self.folder.join(&name), noise(seed, 100_000)).expect("a file can be written");
        let plain = self.folder.join(format!("{name}.tar"));
        run(Command::new("tar")
            .arg("-C")
            .arg(&self.folder)
            .args(["--owner=0", "--group=0", "-cf"])
            .arg(&plain)
            .arg(&name));
        let archive = fs::read(&plain).expect("an archive can be read");
        run(Command::new("gzip").arg("-n").arg(&plain));
        let compressed = self.folder.join(format!("{name}.tar.gz"));
        let bytes = fs::read(&compressed).expect("an archive can be read");
        fs::remove_file(compressed).expect("a file can be removed");
        fs::remove_file(self.folder.join(&name)).expect("a file can be removed");
        (archive, bytes)
    }

    fn finish(&self, entry: &Value, images: Vec<Digest>) -> Layout {
        let mut entry = entry.clone();
        entry["annotations"] = json!({"org.opencontainers.image.ref.name": "latest"});
        let index = json!({"schemaVersion": 2, "manifests": [entry]});
        fs::write(self.folder.join("index.json"), index.to_string()).expect("an index can be written");
        Layout { folder: self.folder.clone(), digest: digest_of(&entry), images }
    }
}
