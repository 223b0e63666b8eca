//! `pierhead:storage/manifests` and `manifest-writer`.

use crate::answer::{Answer, told};
use crate::bindings::exports::pierhead::storage::manifest_writer::{self, Missing, NewManifest, PutError};
use crate::bindings::exports::pierhead::storage::manifests;
use crate::bindings::exports::pierhead::storage::types::{self, Content};
use crate::blobs::Opened;
use crate::{Configured, Store, parsed};
use names::{Digest, Reference};
use objects::Objects;
use objects::manifests::{delete, delete_tag, get, put};
use protocol::manifest::media_type_of;
use tree::PutManifest;

fn reference(reference: manifests::Reference) -> Reference {
    match reference {
        manifests::Reference::Tag(text) => Reference::Tag(parsed(&text)),
        manifests::Reference::Digest(text) => Reference::Digest(parsed(&text)),
    }
}

impl<P: Configured> manifests::Guest for Store<P> {
    async fn get(
        name: String,
        wanted: manifests::Reference,
    ) -> Result<Option<manifests::Manifest>, types::Error> {
        let found = get(P::configured().told()?, &parsed(&name), &reference(wanted)).await.told()?;
        Ok(found.map(|found| manifests::Manifest {
            digest: found.digest.to_string(),
            media_type: found.media_type.or_else(|| media_type_of(&found.bytes).map(Into::into)),
            content: Content::new(Opened::<<P::Objects as Objects>::Object>::Bytes(found.bytes)),
        }))
    }

    fn get_now(
        _: String,
        _: manifests::Reference,
    ) -> Option<Result<Option<manifests::Manifest>, types::Error>> {
        None
    }
}

impl<P: Configured> manifest_writer::Guest for Store<P> {
    async fn put(name: String, manifest: NewManifest) -> Result<(), PutError> {
        let digests = |texts: &[String]| texts.iter().map(|text| parsed(text)).collect();
        let new = PutManifest {
            digest: parsed(&manifest.digest),
            blobs: digests(&manifest.blobs),
            manifests: digests(&manifest.manifests),
            tags: manifest.tags.iter().map(|text| parsed(text)).collect(),
            media_type: manifest.media_type,
            bytes: manifest.bytes.into(),
        };
        let failed = |error| PutError::Storage(told(error));
        let texts = |digests: Vec<Digest>| digests.iter().map(Digest::to_string).collect();
        let objects = P::configured().map_err(failed)?;
        match put(objects, &parsed(&name), new).await.map_err(failed)? {
            None => Ok(()),
            Some(missing) => Err(PutError::Missing(Missing {
                blobs: texts(missing.blobs),
                manifests: texts(missing.manifests),
            })),
        }
    }

    async fn delete(name: String, wanted: String) -> Result<bool, types::Error> {
        delete(P::configured().told()?, &parsed(&name), &parsed(&wanted)).await.told()
    }

    async fn delete_tag(name: String, wanted: String) -> Result<bool, types::Error> {
        delete_tag(P::configured().told()?, &parsed(&name), &parsed(&wanted)).await.told()
    }
}
