//! Names, tags, references and digests, against their grammar written a second time.

use names::{Algorithm, Digest, Reference, RepositoryName, Tag, UploadId};

fn is_word(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit()
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`, read the other way round: by what stands between the words.
fn is_component(text: &str) -> bool {
    let joins =
        |between: &str| matches!(between, "" | "." | "_" | "__") || between.bytes().all(|byte| byte == b'-');
    text.starts_with(is_word) && text.ends_with(is_word) && text.split(is_word).all(joins)
}

pub(crate) fn names(input: &[u8]) {
    let text = crate::text(input);
    let by_grammar = text.len() <= RepositoryName::MAX_LEN && text.split('/').all(is_component);
    match text.parse::<RepositoryName>() {
        Ok(name) => {
            assert!(by_grammar, "no name by the grammar: {text:?}");
            assert_eq!(name.as_str(), text);
            assert_eq!(name.to_string().parse(), Ok(name));
        }
        Err(why) => assert!(!by_grammar, "a name by the grammar: {text:?}: {why}"),
    }
}

pub(crate) fn references(input: &[u8]) {
    let text = crate::text(input);
    let is_tag_byte = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    let is_tag =
        (1..=128).contains(&text.len()) && text.bytes().all(is_tag_byte) && !text.starts_with(['.', '-']);
    assert_eq!(text.parse::<Tag>().is_ok(), is_tag, "{text:?}");
    match text.parse::<Reference>() {
        Ok(reference) => {
            assert_eq!(matches!(reference, Reference::Tag(_)), is_tag);
            assert_eq!(reference.to_string(), text);
        }
        Err(why) => {
            assert!(!is_tag && text.parse::<Digest>().is_err(), "{text:?} is one: {why}");
            assert!(why.to_string().len() < 256);
        }
    }
    if let Ok(id) = text.parse::<UploadId>() {
        assert_eq!(id.as_str(), text);
        assert!(text.len() == 36 && text.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit()));
    }
}

pub(crate) fn digests(input: &[u8]) {
    let text = crate::text(input);
    if let Ok(digest) = text.parse::<Digest>() {
        assert_eq!(digest.as_str(), text);
        assert_eq!(format!("{}:{}", digest.algorithm().as_str(), digest.hex()), text);
        let raw: Vec<u8> = (0..digest.hex().len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&digest.hex()[at..at + 2], 16).expect("hexadecimal"))
            .collect();
        assert_eq!(Digest::from_raw(digest.algorithm(), &raw), digest);
    }
    for algorithm in Algorithm::ALL {
        let mut raw = input.to_vec();
        raw.resize(algorithm.hex_len() / 2, 0);
        let digest = Digest::from_raw(algorithm, &raw);
        assert_eq!(digest.as_str().parse(), Ok(digest.clone()));
        assert!(digest.to_string().to_uppercase().parse::<Digest>().is_err());
    }
}
