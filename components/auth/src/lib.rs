//! Who is asking, and may they. It is asked on every request.
//!
//! Who asks is proved by what the host knows of passwords; what they may do follows from the rules of the setting
//! `access`. Rules only grant. Without rules, whoever is known may do everything; without `auth` and rules, everyone.

mod bindings {
    #![allow(missing_docs)]
    wit_bindgen::generate!({ world: "pierhead:registry/auth-component", path: "../../wit", generate_all });
}
mod policy;
mod refusal;

use access::{Asker, Authorization};
use bindings::exports::pierhead::registry::auth::{Grant, Guest, Question, Refusal};
use bindings::pierhead::host::credentials::{self, CredentialsError, Identity};
use policy::{Login, Policy};

struct Auth;
bindings::export!(Auth with_types_in bindings);

/// What is asked of the host about a password.
type Verdict = Result<Option<Identity>, CredentialsError>;

/// A name and a password that are still to be asked about.
struct Unverified {
    user: String,
    password: String,
}

/// Decides what can be decided from the question alone.
fn decide(policy: &Policy, question: &Question) -> Result<Result<Grant, Refusal>, Unverified> {
    if policy.login == Login::None {
        return Ok(policy.permit(question, &Asker::default()));
    }
    match Authorization::parse(question.authorization.as_deref()) {
        Authorization::None => Ok(policy.permit(question, &Asker::default())),
        Authorization::Basic { user, password } => Err(Unverified { user, password }),
        Authorization::Bearer(_) => {
            Ok(Err(policy.unauthorized("this registry asks for a name and a password, and takes no tokens")))
        }
        Authorization::Malformed(why) => Ok(Err(policy.unauthorized(why))),
    }
}

/// What follows from what the host said of a password.
fn verified(policy: &Policy, question: &Question, user: &str, verdict: Verdict) -> Result<Grant, Refusal> {
    match verdict {
        Ok(Some(identity)) => {
            let asker = Asker { user: Some(user), groups: &identity.groups, certificate: None };
            policy.permit(question, &asker)
        }
        Ok(None) => Err(policy.unauthorized("the name or the password is wrong")),
        Err(CredentialsError::TooMany(seconds)) => Err(refusal::too_many(seconds)),
        Err(CredentialsError::Unavailable) => Err(refusal::unavailable()),
    }
}

impl Guest for Auth {
    fn check_now(question: Question) -> Option<Result<Grant, Refusal>> {
        let policy = Policy::get();
        match decide(policy, &question) {
            Ok(decision) => Some(decision),
            Err(Unverified { user, password }) => {
                let verdict = credentials::verify_now(&user, &password)?;
                Some(verified(policy, &question, &user, verdict))
            }
        }
    }

    async fn check(question: Question) -> Result<Grant, Refusal> {
        let policy = Policy::get();
        match decide(policy, &question) {
            Ok(decision) => decision,
            Err(Unverified { user, password }) => {
                let verdict = credentials::verify(user.clone(), password).await;
                verified(policy, &question, &user, verdict)
            }
        }
    }
}
