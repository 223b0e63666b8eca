use std::fmt;
use std::str::FromStr;

/// A digest algorithm of the specification's registered ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Algorithm {
    /// SHA-256: 64 hexadecimal characters.
    Sha256,
    /// SHA-512: 128 hexadecimal characters.
    Sha512,
}

impl Algorithm {
    /// Every algorithm, in the order of their names.
    pub const ALL: [Algorithm; 2] = [Algorithm::Sha256, Algorithm::Sha512];

    /// The name in a digest: `sha256`, `sha512`.
    pub fn as_str(self) -> &'static str {
        match self {
            Algorithm::Sha256 => "sha256",
            Algorithm::Sha512 => "sha512",
        }
    }

    /// How many hexadecimal characters a digest of this algorithm has.
    pub fn hex_len(self) -> usize {
        match self {
            Algorithm::Sha256 => 64,
            Algorithm::Sha512 => 128,
        }
    }
}

impl FromStr for Algorithm {
    type Err = DigestError;

    fn from_str(name: &str) -> Result<Algorithm, DigestError> {
        Algorithm::ALL.into_iter().find(|known| known.as_str() == name).ok_or(DigestError::Algorithm)
    }
}

/// `<algorithm>:<lower-case hex>`: the name of some bytes (OCI Distribution Specification, "Digest").
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest {
    algorithm: Algorithm,
    text: Box<str>,
}

/// Why a text is no digest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// There is no `algorithm:` in front.
    #[error("a digest is <algorithm>:<hex>, as in sha256:<64 hexadecimal characters>")]
    Form,
    /// The algorithm is not one this registry computes.
    #[error("the digest algorithm is not supported: sha256 and sha512 are")]
    Algorithm,
    /// The part after the colon is not as long as the algorithm demands.
    #[error("a {} digest has {} hexadecimal characters, this one has {found}", .algorithm.as_str(), .algorithm.hex_len())]
    Length {
        /// The algorithm named.
        algorithm: Algorithm,
        /// How many characters there were.
        found: usize,
    },
    /// A character that is not one of `0-9a-f`.
    #[error("a digest is written with the characters 0-9 and a-f in lower case")]
    Hex,
}

impl Digest {
    /// The algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The hexadecimal part.
    pub fn hex(&self) -> &str {
        &self.text[self.algorithm.as_str().len() + 1..]
    }

    /// The whole: `sha256:…`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// A digest from the raw output of its hash function.
    ///
    /// # Panics
    /// When `raw` is not as long as the algorithm's output: the caller mixed up two algorithms.
    pub fn from_raw(algorithm: Algorithm, raw: &[u8]) -> Digest {
        assert_eq!(raw.len() * 2, algorithm.hex_len(), "the output of another hash function");
        let mut text = String::with_capacity(algorithm.as_str().len() + 1 + raw.len() * 2);
        text.push_str(algorithm.as_str());
        text.push(':');
        for byte in raw {
            text.push(char::from_digit(u32::from(byte >> 4), 16).expect("a nibble"));
            text.push(char::from_digit(u32::from(byte & 15), 16).expect("a nibble"));
        }
        Digest { algorithm, text: text.into() }
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Digest, DigestError> {
        let (name, hex) = text.split_once(':').ok_or(DigestError::Form)?;
        let algorithm: Algorithm = name.parse()?;
        if hex.len() != algorithm.hex_len() {
            return Err(DigestError::Length { algorithm, found: hex.chars().count() });
        }
        if !hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(DigestError::Hex);
        }
        Ok(Digest { algorithm, text: text.into() })
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn a_digest_reads_back_as_it_was_written() {
        let digest: Digest = EMPTY.parse().unwrap();
        assert_eq!(digest.to_string(), EMPTY);
        assert_eq!(digest.hex(), &EMPTY[7..]);
        assert_eq!(Digest::from_raw(Algorithm::Sha256, &[0xe3; 32]).hex(), "e3".repeat(32));
    }

    #[test]
    fn what_is_no_digest_says_why() {
        for (text, error) in [
            ("", DigestError::Form),
            ("sha256", DigestError::Form),
            ("md5:d41d8cd98f00b204e9800998ecf8427e", DigestError::Algorithm),
            ("SHA256:e3b0", DigestError::Algorithm),
            ("sha256:e3b0", DigestError::Length { algorithm: Algorithm::Sha256, found: 4 }),
        ] {
            assert_eq!(text.parse::<Digest>(), Err(error), "{text}");
        }
        assert_eq!(EMPTY.to_uppercase().replace("SHA", "sha").parse::<Digest>(), Err(DigestError::Hex));
        assert_eq!(EMPTY.replace('e', "/").parse::<Digest>(), Err(DigestError::Hex));
    }
}
