//! Tokens of our own: short-lived, good for what the rules grant of what was asked for, signed by the host.

use crate::Unverified;
use crate::bearer::{Bearer, now};
use crate::bindings::exports::pierhead::registry::auth::{Challenge, Refusal, Token, TokenRequest};
use crate::bindings::pierhead::host::credentials::{self, Identity};
use crate::bindings::pierhead::host::signer;
use crate::policy::Policy;
use crate::refusal;
use access::{Action, Asker, Authorization};
use names::RepositoryName;
use tokens::{Access, Audience, Claims, LONGEST};

/// A token for what is granted of what was asked for.
pub async fn issue(policy: &Policy, request: TokenRequest) -> Result<Token, Refusal> {
    let Some(bearer) = &policy.bearer else { return Err(refusal::denied(None, "no tokens are made here")) };
    let unauthorized =
        |message: &str| refusal::unauthorized(policy.basic.clone().map(Challenge::Whole), message);
    let login = match (request.login, Authorization::parse(request.authorization.as_deref())) {
        (Some((user, password)), _) => Some(Unverified { user, password }),
        (None, Authorization::Basic { user, password }) => Some(Unverified { user, password }),
        (None, Authorization::None) => None,
        (None, Authorization::Bearer(_)) => return Err(unauthorized("a token is no login")),
        (None, Authorization::Malformed(why)) => return Err(unauthorized(why)),
    };
    let certificate = policy.certificate(request.client_cert.as_deref());
    let asker = Asker { certificate: certificate.as_deref(), ..Asker::default() };
    let Some(Unverified { user, password }) = login else {
        let anyone = policy.access.rules.as_ref().is_some_and(access::Rules::name_anonymous);
        return match anyone || asker.is_known() {
            true => signed(policy, bearer, &asker, &request.scopes),
            false => Err(unauthorized("")),
        };
    };
    let verdict = match credentials::verify_now(&user, &password) {
        Some(verdict) => verdict,
        None => credentials::verify(user, password).await,
    };
    match verdict {
        Ok(Some(Identity { name, groups })) => {
            let asker = Asker { user: Some(&name), groups: &groups, ..asker };
            signed(policy, bearer, &asker, &request.scopes)
        }
        Ok(None) => Err(unauthorized(refusal::WRONG)),
        Err(error) => Err(refusal::unanswered(error)),
    }
}

fn signed(policy: &Policy, bearer: &Bearer, asker: &Asker<'_>, scopes: &[String]) -> Result<Token, Refusal> {
    let expires_in = bearer.expiration();
    let access: Vec<Access> = scopes.iter().filter_map(|scope| granted(policy, asker, scope)).collect();
    let lists = access.iter().any(|access| access.kind == "registry");
    let now = now();
    let claims = Claims {
        issuer: bearer.issuer().into(),
        subject: asker.name().unwrap_or_default().into(),
        audience: Audience::One(bearer.service().into()),
        expires: now + f64::from(expires_in),
        not_before: now,
        issued: now,
        access: Some(access),
        readable: if lists { policy.readable(asker) } else { None },
    };
    let claims = serde_json::to_string(&claims).expect("claims are JSON");
    match signer::sign(&claims) {
        // It would be refused when it comes back.
        Some(text) if text.len() > LONGEST => Err(refusal::denied(
            asker.name(),
            "a token for all of this would be longer than 16 KiB: ask for less",
        )),
        Some(text) => Ok(Token { text, expires_in }),
        None => Err(refusal::denied(None, "no tokens are made here")),
    }
}

/// What is granted of a scope.
fn granted(policy: &Policy, asker: &Asker<'_>, scope: &str) -> Option<Access> {
    let Access { kind, name, actions } = scope.parse().ok()?;
    if kind == "registry" && name == "catalog" {
        policy.access.grants(asker, Some(Action::Catalog), None)?;
        return Some(Access { kind, name, actions: Some(vec!["*".into()]) });
    }
    let _: RepositoryName = (kind == "repository").then(|| name.parse().ok()).flatten()?;
    let wanted = actions.unwrap_or_default();
    let may = |action: &Action| {
        let asked = wanted.iter().any(|wanted| wanted == action.as_str() || wanted == "*");
        asked && policy.access.grants(asker, Some(*action), Some(&name)).is_some()
    };
    let actions = [Action::Pull, Action::Push, Action::Delete].into_iter().filter(may);
    let actions: Vec<String> = actions.map(|action| action.as_str().into()).collect();
    (!actions.is_empty()).then_some(Access { kind, name, actions: Some(actions) })
}
