//! A bucket that is not to be trusted.
pub use tests::between::{Fate, Gate, SOON};

use tests::between::Between;
use tests::program::Folder;
use tests::{Bucket, Server};

/// An answer with an error of S3's.
pub fn error(status: &str, code: &str) -> Fate {
    let body = format!("<Error><Code>{code}</Code></Error>");
    let length = body.len();
    Fate::Answered(format!(
        "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    ))
}

/// A server, its bucket, and what stands between them.
pub struct Faulty {
    pub server: Server,
    pub between: Between,
    pub bucket: Bucket,
    _folder: Folder,
}

impl Faulty {
    pub fn start() -> Faulty {
        Faulty::with_copies_from(32 << 20)
    }

    /// Objects of more bytes are copied in parts.
    pub fn with_copies_from(threshold: usize) -> Faulty {
        let folder = Folder::new();
        let bucket = Bucket::serve(&folder.join("bucket"));
        let between = Between::to(&bucket.endpoint());
        let server = Server::with(|setup| {
            setup
                .delete_enabled()
                .bucket(&bucket)
                .env("REGISTRY_STORAGE_S3_REGIONENDPOINT", between.endpoint());
            setup.env("REGISTRY_STORAGE_S3_MULTIPARTCOPYTHRESHOLDSIZE", threshold)
        });
        Faulty { server, between, bucket, _folder: folder }
    }
}
