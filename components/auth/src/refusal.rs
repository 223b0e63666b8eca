//! What is said to whoever may not.

use crate::bindings::exports::pierhead::registry::auth::{Challenge, Reason, Refusal};
use crate::bindings::pierhead::host::credentials::CredentialsError;

/// A refusal for this reason and no more.
fn refusal(reason: Reason, message: &str) -> Refusal {
    Refusal { reason, user: None, challenge: None, retry_after: None, message: message.into() }
}

/// Who asks is to log in, as the challenge says.
pub fn unauthorized(challenge: Option<Challenge>, message: &str) -> Refusal {
    Refusal { challenge, ..refusal(Reason::Unauthorized, message) }
}

/// Who asks is known, and may not.
pub fn denied(user: Option<&str>, message: &str) -> Refusal {
    Refusal { user: user.map(Into::into), ..refusal(Reason::Denied, message) }
}

/// Nobody gets in, whoever it is, until someone has set right what is wrong.
pub fn misconfigured() -> Refusal {
    refusal(Reason::Unavailable, "who may do what is not configured: the log says what is wrong")
}

/// What is said of a password that is not the user's.
pub const WRONG: &str = "the name or the password is wrong";

/// The password was not looked at.
pub fn unanswered(error: CredentialsError) -> Refusal {
    let (reason, seconds, message) = match error {
        CredentialsError::TooMany(seconds) => {
            let message = "too many wrong passwords for this user from this address: wait before the next";
            (Reason::TooManyRequests, seconds, message)
        }
        CredentialsError::Unavailable => {
            (Reason::Unavailable, 5, "passwords cannot be checked for the moment: try again")
        }
    };
    Refusal { retry_after: Some(seconds), ..refusal(reason, message) }
}
