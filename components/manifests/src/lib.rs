//! Manifests, tags and lists: what the registry means by them, above storage and below HTTP.

mod bindings {
    #![allow(missing_docs)]
    wit_bindgen::generate!({ world: "pierhead:registry/manifests-component", path: "../../wit", generate_all });
}
mod failure;
mod readable;
mod rules;

use bindings::exports::pierhead::registry::manifests::{
    Failure, Guest, Manifest, Page, Pushed, Readable, ReferrersPage, ReferrersQuery, Stored,
};
use bindings::pierhead::host::config;
use bindings::pierhead::storage::manifest_writer::{self, NewManifest, PutError};
use bindings::pierhead::storage::types::Error;
use bindings::pierhead::storage::{catalog, manifests};
use failure::{missing, refused, registry};
use names::{Algorithm, Digest, Reference};
use protocol::error::{Code, ErrorResponse};
use protocol::manifest as document;
use sha2::{Digest as _, Sha256, Sha512};

struct Manifests;
bindings::export!(Manifests with_types_in bindings);

/// How the store is asked for what a request names. Only a digest has a colon.
fn reference(text: String) -> manifests::Reference {
    match text.contains(':') {
        true => manifests::Reference::Digest(text),
        false => manifests::Reference::Tag(text),
    }
}

fn found(answer: Result<Option<manifests::Manifest>, Error>) -> Result<Manifest, Failure> {
    let stored = answer.map_err(Failure::Storage)?.ok_or_else(|| refused(Code::ManifestUnknown))?;
    // Whatever lies in an old tree and says nothing of itself is served as what most are.
    let media_type = stored.media_type.unwrap_or_else(|| document::OCI_MANIFEST.into());
    Ok(Manifest { digest: stored.digest, media_type, content: stored.content })
}

fn page(answer: Result<Option<catalog::Page>, Error>) -> Result<Page, Failure> {
    let found = answer.map_err(Failure::Storage)?.ok_or_else(|| refused(Code::NameUnknown))?;
    Ok(Page { names: found.names, more: found.more })
}

fn digest_of(algorithm: Algorithm, bytes: &[u8]) -> Digest {
    match algorithm {
        Algorithm::Sha256 => Digest::from_raw(algorithm, &Sha256::digest(bytes)),
        Algorithm::Sha512 => Digest::from_raw(algorithm, &Sha512::digest(bytes)),
    }
}

/// The manifest's digest, and the tag that the path names. A digest that was named has to be the bytes' own.
fn identify(reference: &Reference, bytes: &[u8]) -> Result<(Digest, Option<String>), Failure> {
    match reference {
        Reference::Tag(tag) => Ok((digest_of(Algorithm::Sha256, bytes), Some(tag.to_string()))),
        Reference::Digest(named) => {
            let actual = digest_of(named.algorithm(), bytes);
            if actual != *named {
                let message = format!("the manifest that was sent has the digest {actual}");
                return Err(registry(ErrorResponse::new(Code::DigestInvalid).message(message)));
            }
            Ok((actual, None))
        }
    }
}

impl Guest for Manifests {
    fn get_now(repository: String, wanted: String) -> Option<Result<Manifest, Failure>> {
        manifests::get_now(&repository, &reference(wanted)).map(found)
    }

    async fn get(repository: String, wanted: String) -> Result<Manifest, Failure> {
        found(manifests::get(repository, reference(wanted)).await)
    }

    async fn put(repository: String, pushed: Pushed) -> Result<Stored, Failure> {
        let Pushed { reference, mut tags, content_type, bytes } = pushed;
        let reference: Reference = reference.parse().map_err(|_| refused(Code::ManifestInvalid))?;
        let parsed = document::Manifest::parse(&bytes, content_type.as_deref()).map_err(registry)?;
        rules::check_urls(&parsed).map_err(registry)?;
        let (digest, tag) = identify(&reference, &bytes)?;
        tags.extend(tag);
        let warnings = rules::warnings(&parsed, &tags);
        let needs = rules::Children::configured();
        let size = bytes.len() as u64;
        let children = parsed.manifests.iter().filter(|child| needs.require(child));
        let new = NewManifest {
            digest: digest.to_string(),
            bytes,
            media_type: (!parsed.says_type).then(|| parsed.media_type.clone()),
            blobs: match rules::blobs_required() {
                true => parsed.blobs.iter().map(|blob| blob.digest.to_string()).collect(),
                false => Vec::new(),
            },
            manifests: children.map(|child| child.digest.to_string()).collect(),
            tags,
        };
        match manifest_writer::put(repository, new).await {
            Ok(()) => Ok(Stored {
                digest: digest.to_string(),
                media_type: parsed.media_type,
                size,
                subject: parsed.subject.map(|subject| subject.digest.to_string()),
                warnings,
            }),
            Err(PutError::Missing(needs)) => Err(missing(needs)),
            Err(PutError::Storage(error)) => Err(Failure::Storage(error)),
        }
    }

    async fn delete(repository: String, wanted: String) -> Result<(), Failure> {
        if config::get("storage.delete.enabled").as_deref() != Some("true") {
            let message = "deleting is not enabled: set storage.delete.enabled to true";
            return Err(registry(ErrorResponse::new(Code::Unsupported).message(message)));
        }
        let deleted = match reference(wanted) {
            manifests::Reference::Digest(digest) => manifest_writer::delete(repository, digest).await,
            manifests::Reference::Tag(tag) => manifest_writer::delete_tag(repository, tag).await,
        };
        match deleted {
            Ok(true) => Ok(()),
            Ok(false) => Err(refused(Code::ManifestUnknown)),
            Err(error) => Err(Failure::Storage(error)),
        }
    }

    fn tags_now(repository: String, after: Option<String>, limit: u32) -> Option<Result<Page, Failure>> {
        catalog::tags_now(&repository, after.as_deref(), limit).map(page)
    }

    async fn tags(repository: String, after: Option<String>, limit: u32) -> Result<Page, Failure> {
        page(catalog::tags(repository, after, limit).await)
    }

    fn referrers_now(repository: String, query: ReferrersQuery) -> Option<Result<ReferrersPage, Failure>> {
        catalog::referrers_now(&repository, &query).map(|answer| answer.map_err(Failure::Storage))
    }

    async fn referrers(repository: String, query: ReferrersQuery) -> Result<ReferrersPage, Failure> {
        catalog::referrers(repository, query).await.map_err(Failure::Storage)
    }

    async fn repositories(after: Option<String>, limit: u32, readable: Readable) -> Result<Page, Failure> {
        match readable {
            Readable::All => page(catalog::repositories(after, limit).await.map(Some)),
            Readable::Matching(globs) => readable::repositories(after, limit, &globs).await,
        }
    }
}
