//! What is said to whoever may not.

use crate::bindings::exports::pierhead::registry::auth::{Reason, Refusal};

/// A refusal for this reason and no more.
fn refusal(reason: Reason, message: &str) -> Refusal {
    Refusal { reason, user: None, challenge: None, retry_after: None, message: message.into() }
}

/// Who asks is to log in, as the challenge says.
pub fn unauthorized(challenge: Option<String>, message: &str) -> Refusal {
    Refusal { challenge, ..refusal(Reason::Unauthorized, message) }
}

/// Who asks is known, and may not.
pub fn denied(user: Option<&str>, message: &str) -> Refusal {
    Refusal { user: user.map(Into::into), ..refusal(Reason::Denied, message) }
}

/// There were too many wrong passwords.
pub fn too_many(seconds: u32) -> Refusal {
    let message = "too many wrong passwords for this user from this address: wait before the next";
    Refusal { retry_after: Some(seconds), ..refusal(Reason::TooManyRequests, message) }
}

/// The password could not be looked at.
pub fn unavailable() -> Refusal {
    let message = "passwords cannot be checked for the moment: try again";
    Refusal { retry_after: Some(5), ..refusal(Reason::Unavailable, message) }
}
