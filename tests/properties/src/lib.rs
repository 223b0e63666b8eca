//! What holds of the parsers for every input there can be. Each function takes an input and panics where
//! something does not hold: the fuzz targets in `fuzz/` call them with what libFuzzer makes up, the tests with
//! the corpus that is kept.

mod conditions;
mod identifiers;
mod lists;
mod locations;
mod manifests;
pub mod memory;
mod paths;
mod ranges;

use protocol::error::ErrorResponse;
use std::borrow::Cow;

/// A property, or several of one noun: panics when one does not hold for this input.
pub type Property = fn(&[u8]);

/// Every property, under the name of its fuzz target and of its folder in `fuzz/corpus`.
pub const ALL: [(&str, Property); 11] = [
    ("chunk_ranges", ranges::of_a_chunk),
    ("conditions", conditions::hold),
    ("digests", identifiers::digests),
    ("locations", locations::hold),
    ("manifests", manifests::pushed),
    ("names", identifiers::names),
    ("paging", lists::paging),
    ("ranges", ranges::of_a_download),
    ("references", identifiers::references),
    ("routes", paths::routes),
    ("stored_manifests", manifests::stored),
];

/// Holds an input against the property of this name.
///
/// # Panics
/// When it does not hold, or there is none of this name.
pub fn check(name: &str, input: &[u8]) {
    let found = ALL.iter().find(|(known, _)| *known == name);
    let (_, property) = found.unwrap_or_else(|| panic!("there is no property {name}"));
    property(input);
}

/// An input as the text that the host makes of a header.
fn text(input: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(input)
}

/// Whether a value may stand in a header as we write it: visible ASCII and single spaces.
fn fits_a_header(value: &str) -> bool {
    value.bytes().all(|b| (b' '..=b'~').contains(&b))
}

/// Holds a refusal to what every error answer is.
#[track_caller]
fn refused(error: &ErrorResponse) {
    assert!((400..500).contains(&error.status), "a client's mistake is a 4xx: {error}");
    assert!(!error.message.is_empty() && error.message.len() <= 2048, "a message is short: {error}");
    let body: serde_json::Value = serde_json::from_slice(&error.to_json()).expect("the body is JSON");
    let errors = body["errors"].as_array().expect("a list of errors");
    for entry in errors {
        assert_eq!(entry["code"], error.code.as_str());
        assert_eq!(entry["message"], *error.message);
    }
    assert_eq!(errors.len(), error.details.len().max(1));
}
