//! JSON Web Tokens as distribution's token form has them: which keys are trusted, whether a token holds, and what it
//! says may be done.
//!
//! Signatures are checked by libraries in Rust alone, so that it can be done in a component. Everything here is a
//! function of its arguments; the time is one of them.
#![forbid(unsafe_code)]

mod claims;
mod keys;
mod scope;
mod token;

pub use claims::{Access, Audience, Claims};
pub use keys::{Algorithm, Keys, KeysError};
pub use token::{LEEWAY, LONGEST, TokenError, Trust};

#[cfg(test)]
mod tests;
