//! Referrers that a list has besides those in the index.

use names::{Algorithm, Digest};
use std::collections::BTreeMap;

/// What is not in the index, by digest, with its subject.
pub type Loose = BTreeMap<Digest, Digest>;

/// Those of a subject and of one algorithm, as far as a part of the list goes: beyond the hexadecimal text `after`, up to
/// `last`.
pub fn loose_in<'a>(
    loose: &'a Loose,
    subject: &'a Digest,
    algorithm: Algorithm,
    after: Option<&'a str>,
    last: Option<&'a str>,
) -> impl Iterator<Item = &'a Digest> {
    let of_subject = loose.iter().filter(move |(_, about)| *about == subject).map(|(digest, _)| digest);
    of_subject.filter(move |digest| {
        digest.algorithm() == algorithm
            && after.is_none_or(|after| digest.hex() > after)
            && last.is_none_or(|last| digest.hex() <= last)
    })
}
