//! Who is asking, and may they. It is asked on every request.
//!
//! Who asks is proved by what the host knows of passwords, or by a token; what they may do follows from the rules of the
//! setting `access`, or from the token. Rules only grant. Without rules, whoever is known may do everything; without
//! `auth` and rules, everyone.

mod bindings {
    #![allow(missing_docs)]
    wit_bindgen::generate!({ world: "pierhead:registry/auth-component", path: "../../wit", generate_all });
}
mod bearer;
mod certificate;
mod issuer;
mod policy;
mod refusal;

use access::{Asker, Authorization};
use bindings::exports::pierhead::registry::auth::{Grant, Guest, Question, Refusal, Token, TokenRequest};
use bindings::pierhead::host::credentials::{self, CredentialsError, Identity};
use policy::Policy;

struct Auth;
bindings::export!(Auth with_types_in bindings);

/// What the host says of a password.
type Verdict = Result<Option<Identity>, CredentialsError>;

/// A name and a password that are still to be asked about.
struct Unverified {
    user: String,
    password: String,
}

/// Decides what can be decided from the question alone.
fn decide(policy: &Policy, question: &Question) -> Result<Result<Grant, Refusal>, Unverified> {
    let certificate = policy.certificate(question.client_cert.as_deref());
    let asker = Asker { certificate: certificate.as_deref(), ..Asker::default() };
    if !policy.can_log_in() {
        return Ok(policy.permit(question, &asker));
    }
    match Authorization::parse(question.authorization.as_deref()) {
        Authorization::None => Ok(policy.permit(question, &asker)),
        Authorization::Basic { user, password } if policy.takes_passwords() => {
            Err(Unverified { user, password })
        }
        Authorization::Basic { .. } => {
            Ok(Err(policy.unauthorized(question, None, "this registry takes tokens, and no passwords")))
        }
        Authorization::Bearer(token) => Ok(policy.permit_bearer(question, token)),
        Authorization::Malformed(why) => Ok(Err(policy.unauthorized(question, None, why))),
    }
}

/// What follows from what the host said of a password.
fn verified(policy: &Policy, question: &Question, verdict: Verdict) -> Result<Grant, Refusal> {
    match verdict {
        Ok(Some(Identity { name, groups })) => {
            let certificate = policy.certificate(question.client_cert.as_deref());
            let asker = Asker { user: Some(&name), groups: &groups, certificate: certificate.as_deref() };
            policy.permit(question, &asker)
        }
        Ok(None) => Err(policy.unauthorized(question, None, refusal::WRONG)),
        Err(error) => Err(refusal::unanswered(error)),
    }
}

impl Guest for Auth {
    fn check_now(question: Question) -> Option<Result<Grant, Refusal>> {
        let policy = match Policy::get() {
            Ok(policy) => policy,
            Err(refusal) => return Some(Err(refusal)),
        };
        match decide(policy, &question) {
            Ok(decision) => Some(decision),
            Err(Unverified { user, password }) => {
                let verdict = credentials::verify_now(&user, &password)?;
                Some(verified(policy, &question, verdict))
            }
        }
    }

    async fn check(question: Question) -> Result<Grant, Refusal> {
        let policy = Policy::get()?;
        match decide(policy, &question) {
            Ok(decision) => decision,
            Err(Unverified { user, password }) => {
                let verdict = credentials::verify(user, password).await;
                verified(policy, &question, verdict)
            }
        }
    }

    async fn issue(request: TokenRequest) -> Result<Token, Refusal> {
        issuer::issue(Policy::get()?, request).await
    }
}
