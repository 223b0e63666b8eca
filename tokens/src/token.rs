//! Whether a token holds (RFC 7515, RFC 7519).

use crate::keys::Key;
use crate::{Algorithm, Claims, Keys};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use std::fmt;

/// By how many seconds the clocks of different machines may differ: distribution's.
pub const LEEWAY: f64 = 60.0;

/// The longest token that is looked at, in bytes.
pub const LONGEST: usize = 16 << 10;

/// Why a token does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenError {
    /// Longer than any has to be.
    TooLong,
    /// Not a token.
    Malformed,
    /// Signed in a way that is not taken here, or not at all.
    Algorithm,
    /// Signed by someone unknown.
    UnknownKey,
    /// Changed after it was signed, or signed by someone else.
    Signature,
    /// Made by someone else than is trusted.
    Issuer,
    /// Made for another registry.
    Audience,
    /// Its time is over.
    Expired,
    /// Its time has not come.
    Early,
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TokenError::TooLong => "the token is longer than 16 KiB",
            TokenError::Malformed => "the token cannot be read",
            TokenError::Algorithm => "the token is signed in a way that is not taken here",
            TokenError::UnknownKey => "the token is signed with a key that is not known here",
            TokenError::Signature => "the token's signature does not hold",
            TokenError::Issuer => "the token comes from another issuer",
            TokenError::Audience => "the token is for another service",
            TokenError::Expired => "the token has expired",
            TokenError::Early => "the token is not valid yet",
        })
    }
}

impl std::error::Error for TokenError {}

/// Which tokens are taken.
#[derive(Clone, Debug)]
pub struct Trust {
    /// Whose signature holds.
    pub keys: Keys,
    /// How it may be made.
    pub algorithms: Vec<Algorithm>,
    /// Who has to have made it.
    pub issuer: String,
    /// For which registry.
    pub service: String,
    /// How many seconds a token is taken for after its time is over: [`LEEWAY`] where another clock said the time. Before
    /// its time it is always taken for as long, which makes no token last longer: servers that share a key are several
    /// machines too.
    pub late: f64,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    x5c: Option<Vec<String>>,
    jwk: Option<Named>,
    crit: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct Named {
    kid: Option<String>,
}

fn read<T: for<'a> Deserialize<'a>>(part: &str) -> Result<T, TokenError> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::Malformed)?;
    serde_json::from_slice(&bytes).map_err(|_| TokenError::Malformed)
}

impl Trust {
    /// What a token says, if it holds at this time (in seconds since 1970).
    ///
    /// # Errors
    /// When it does not, with the reason.
    pub fn verify(&self, token: &str, now: f64) -> Result<Claims, TokenError> {
        if token.len() > LONGEST {
            return Err(TokenError::TooLong);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
        let (header, claims) = signed.split_once('.').ok_or(TokenError::Malformed)?;
        let header: Header = read(header)?;
        // What a header marks as critical has to be understood, and nothing of the kind is here (RFC 7515, 4.1.11).
        if header.crit.is_some() {
            return Err(TokenError::Malformed);
        }
        let algorithm: Algorithm = header.alg.parse().map_err(|()| TokenError::Algorithm)?;
        if !self.algorithms.contains(&algorithm) {
            return Err(TokenError::Algorithm);
        }
        let key = self.key(&header, algorithm).ok_or(TokenError::UnknownKey)?;
        if key.algorithm() != algorithm {
            return Err(TokenError::Algorithm);
        }
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| TokenError::Malformed)?;
        if !key.signed(signed.as_bytes(), &signature) {
            return Err(TokenError::Signature);
        }
        let claims: Claims = read(claims)?;
        self.hold(&claims, now)?;
        Ok(claims)
    }

    /// The trusted key that a header names: by its certificate, or by its name.
    fn key(&self, header: &Header, algorithm: Algorithm) -> Option<&Key> {
        if let Some(chain) = &header.x5c {
            return self.keys.certified(chain.first()?);
        }
        let embedded = header.jwk.as_ref().and_then(|key| key.kid.as_ref());
        self.keys.named(embedded.or(header.kid.as_ref())?, algorithm)
    }

    /// Whether the time of a token is over (RFC 7519, 4.1.4).
    pub fn is_over(&self, claims: &Claims, now: f64) -> bool {
        now >= claims.expires + self.late
    }

    fn hold(&self, claims: &Claims, now: f64) -> Result<(), TokenError> {
        if claims.issuer != self.issuer {
            return Err(TokenError::Issuer);
        }
        if !claims.audience.names(&self.service) {
            return Err(TokenError::Audience);
        }
        if self.is_over(claims, now) {
            return Err(TokenError::Expired);
        }
        if now < claims.not_before - LEEWAY {
            return Err(TokenError::Early);
        }
        Ok(())
    }
}
