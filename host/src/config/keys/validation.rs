//! Settings about which manifests are taken.

use super::key::{Key, key};
use super::put;
use crate::config::value::{Kind, entry};
use crate::config::{Platforms, validation};

pub(super) const KEYS: &[Key] = &[
    key(
        "validation.disabled",
        Kind::Switch(|c| &mut c.validation.disabled),
        "false",
        "whether neither the URLs of layers nor what an index lists is looked at, as in distribution",
    ),
    key(
        "validation.enabled",
        Kind::Switch(|c| &mut c.validation.enabled),
        "false",
        "whether they are, whatever `validation.disabled` says",
    ),
    key(
        "validation.manifests.urls.allow",
        Kind::Words {
            put: |c, _, text| validation::expression(&mut c.validation.urls_allow, text),
            words: validation::EXPRESSIONS,
        },
        "",
        "layers that lie elsewhere: what their URLs have to match; without `allow` and `deny` none is taken",
    ),
    key(
        "validation.manifests.urls.deny",
        Kind::Words {
            put: |c, _, text| validation::expression(&mut c.validation.urls_deny, text),
            words: validation::EXPRESSIONS,
        },
        "",
        "layers that lie elsewhere: what their URLs must not match",
    ),
    key(
        "validation.manifests.blobs.required",
        Kind::Switch(|c| &mut c.validation.blobs_required),
        "true",
        "whether the blobs of a manifest must be there when it is pushed",
    ),
    key(
        "validation.manifests.indexes.platforms",
        Kind::Word {
            put: |c, text| put(&mut c.validation.platforms, Platforms::parse(text)),
            words: Platforms::WORDS,
        },
        "all",
        "which manifests of an index must be there when it is pushed: all, none, or those of platformlist",
    ),
    key(
        "validation.manifests.indexes.platformlist.*.architecture",
        Kind::Own {
            put: |c, at, text| {
                entry(&mut c.validation.platformlist, at).architecture = validation::platform(text)?;
                Ok(())
            },
            words: validation::PLATFORM,
        },
        "",
        "with `platforms: list`: the processor of the images that must be there, such as amd64",
    ),
    key(
        "validation.manifests.indexes.platformlist.*.os",
        Kind::Own {
            put: |c, at, text| {
                entry(&mut c.validation.platformlist, at).os = validation::platform(text)?;
                Ok(())
            },
            words: validation::PLATFORM,
        },
        "",
        "with `platforms: list`: the operating system of the images that must be there, such as linux",
    ),
];
