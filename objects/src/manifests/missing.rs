//! What is not there of what a manifest needs.

use super::{layer_manifest, revision};
use crate::blobs::{data, stat};
use crate::place::Names;
use crate::{AT_ONCE, Error, Objects};
use futures_util::{StreamExt, TryStreamExt, stream};
use names::{Algorithm, Digest, RepositoryName};
use std::collections::BTreeSet;
use tree::{PutManifest, digest_of_name};

/// What is not there, of what a manifest needs: every one of them.
pub struct Missing {
    /// Blobs.
    pub blobs: Vec<Digest>,
    /// Manifests.
    pub manifests: Vec<Digest>,
}

/// From how many on it is cheaper to list what a repository has than to ask for each.
const MANY: usize = 100;

/// Which of some digests have a directory in one of these; none where to ask for each is as good.
async fn listed<O: Objects>(
    objects: &O,
    digests: &[Digest],
    directories: impl Fn(Algorithm) -> Vec<String>,
) -> Result<Option<BTreeSet<Digest>>, Error> {
    if digests.len() < MANY {
        return Ok(None);
    }
    let wanted: BTreeSet<&Digest> = digests.iter().collect();
    let mut found = BTreeSet::new();
    for algorithm in Algorithm::ALL {
        for directory in directories(algorithm) {
            let mut names = Names::new(objects, &directory);
            while let Some(some) = names.next().await? {
                let digests = some.iter().filter_map(|hex| digest_of_name(algorithm, hex));
                found.extend(digests.filter(|digest| wanted.contains(digest)));
            }
        }
    }
    Ok(Some(found))
}

/// Those that are not there, each once: a manifest of 4 MiB may name tens of thousands, or one as often.
async fn absent(
    digests: &[Digest],
    listed: Option<BTreeSet<Digest>>,
    there: impl AsyncFn(&Digest) -> Result<bool, Error>,
) -> Result<Vec<Digest>, Error> {
    let once: BTreeSet<&Digest> = digests.iter().collect();
    let looked = stream::iter(once).map(async |digest| {
        let there = listed.as_ref().is_none_or(|listed| listed.contains(digest)) && there(digest).await?;
        Ok((!there).then(|| digest.clone()))
    });
    let found: Vec<Option<Digest>> = looked.buffered(AT_ONCE).try_collect().await?;
    Ok(found.into_iter().flatten().collect())
}

/// What is not there of what a manifest needs; none where all of it is.
pub(super) async fn missing<O: Objects>(
    objects: &O,
    name: &RepositoryName,
    manifest: &PutManifest,
) -> Result<Option<Missing>, Error> {
    let layers = |algorithm: Algorithm| layout::in_directory(&layout::layers(name), algorithm.as_str());
    let held = listed(objects, &manifest.blobs, |algorithm| vec![layers(algorithm)]).await?;
    let is_held = async |digest: &Digest| Ok(stat(objects, name, digest).await?.is_some());
    let blobs = absent(&manifest.blobs, held, is_held).await?;
    let here = async |digest: &Digest| match revision(objects, name, digest).await? {
        Some(link) => Ok(objects.size(&data(&link)).await?.is_some()),
        None => Ok(layer_manifest(objects, name, digest).await?.is_some()),
    };
    let places = |algorithm| vec![layout::revisions(name, algorithm), layers(algorithm)];
    let held = listed(objects, &manifest.manifests, places).await?;
    let manifests = absent(&manifest.manifests, held, here).await?;
    Ok((!blobs.is_empty() || !manifests.is_empty()).then_some(Missing { blobs, manifests }))
}
