//! Tokens (distribution, "Token Authentication"; RFC 6750).

use crate::bindings::exports::pierhead::registry::auth::{Action, Challenge, Grant, Question, RealmHere};
use crate::bindings::pierhead::host::config;
use crate::bindings::pierhead::registry::types::Readable;
use crate::bindings::wasi::clocks::system_clock;
use access::quoted;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use tokens::{Algorithm, Claims, Keys, LEEWAY, TokenError, Trust};

/// How many tokens an instance remembers to have verified, and the longest of them.
const REMEMBERED: usize = 256;
const REMEMBERED_LENGTH: usize = 4 << 10;

/// What is wrong with a token, in the word of RFC 6750, 3.1.
#[derive(Clone, Copy)]
pub enum Flaw {
    /// It does not hold.
    Invalid,
    /// It does not say enough: the client shall ask for one with this scope.
    Insufficient,
}

/// Where tokens are to be had.
enum Realm {
    /// At a URL.
    There(String),
    /// Under the name of this registry: at a path, or where it makes them itself.
    Here(Option<String>),
}

/// How tokens are checked.
pub struct Bearer {
    realm: Realm,
    trust: Trust,
    /// For how many seconds those that we make hold.
    expiration: u32,
}

/// A setting without which tokens can neither be checked nor made: to go on would be to guess.
fn setting(name: &str) -> Result<String, String> {
    config::get(name).ok_or_else(|| format!("{name} is missing"))
}

/// The time, in seconds since 1970.
pub fn now() -> f64 {
    system_clock::now().seconds as f64
}

impl Bearer {
    /// Tokens of our own, where they are made.
    pub fn own() -> Result<Option<Bearer>, String> {
        if config::get("auth.issuer.enabled").as_deref() != Some("true") {
            return Ok(None);
        }
        let expiration = setting("auth.issuer.expiration")?;
        let expiration = expiration.parse().map_err(|error| format!("auth.issuer.expiration: {error}"))?;
        // Our own clock has dated them, or that of a server with the same key: they hold as long as is configured.
        let trust = trust(setting("auth.issuer.name")?, setting("auth.issuer.service")?, 0.0)?;
        Ok(Some(Bearer { realm: Realm::Here(None), trust, expiration }))
    }

    /// Tokens that someone else makes.
    pub fn foreign() -> Result<Bearer, String> {
        let realm = match config::get("auth.token.autoredirectpath") {
            Some(path) => Realm::Here(Some(path)),
            None => Realm::There(setting("auth.token.realm")?),
        };
        let trust = trust(setting("auth.token.issuer")?, setting("auth.token.service")?, LEEWAY)?;
        Ok(Bearer { realm, trust, expiration: 0 })
    }

    /// For whom tokens are.
    pub fn service(&self) -> &str {
        &self.trust.service
    }

    /// For how many seconds those that we make hold.
    pub fn expiration(&self) -> u32 {
        self.expiration
    }

    /// Who makes them.
    pub fn issuer(&self) -> &str {
        &self.trust.issuer
    }

    /// Whether a token says that this may be done.
    pub fn permit(&self, question: &Question, token: &str) -> Result<Grant, (Flaw, String)> {
        let claims = self.verify(token).map_err(|error| (Flaw::Invalid, error.to_string()))?;
        let may = match (question.action, question.repository.as_deref()) {
            (Action::Ping, _) => true,
            (Action::Catalog, _) => claims.allow("registry", "catalog", "*"),
            (Action::Pull, Some(name)) => claims.allow("repository", name, "pull"),
            (Action::Push, Some(name)) => claims.allow("repository", name, "push"),
            (Action::Delete, Some(name)) => claims.allow("repository", name, "delete"),
            (_, None) => false,
        };
        if !may {
            let scope = scope(question).unwrap_or_default();
            let why = match &*claims.subject {
                "" => format!("a token that names no user is not good for {scope}: log in first"),
                user => format!("the token of {user} is not good for {scope}"),
            };
            return Err((Flaw::Insufficient, why));
        }
        let user = Some(claims.subject.clone()).filter(|subject| !subject.is_empty());
        let readable = match question.action {
            Action::Catalog => claims.readable.clone().map_or(Readable::All, Readable::Matching),
            _ => Readable::Matching(Vec::new()),
        };
        Ok(Grant { user, readable })
    }

    /// What a token says, if it holds. A signature is checked once.
    fn verify(&self, token: &str) -> Result<Rc<Claims>, TokenError> {
        thread_local! {
            static VERIFIED: RefCell<BTreeMap<String, Rc<Claims>>> = RefCell::default();
        }
        let now = now();
        VERIFIED.with_borrow_mut(|verified| {
            if let Some(claims) = verified.get(token) {
                if self.trust.is_over(claims, now) {
                    verified.remove(token);
                    return Err(TokenError::Expired);
                }
                return Ok(claims.clone());
            }
            let claims = Rc::new(self.trust.verify(token, now)?);
            if token.len() <= REMEMBERED_LENGTH {
                if verified.len() >= REMEMBERED {
                    verified.clear();
                }
                verified.insert(token.into(), claims.clone());
            }
            Ok(claims)
        })
    }

    /// Where a token is to be had that is good for what was asked.
    pub fn challenge(&self, question: &Question, flaw: Option<Flaw>) -> Challenge {
        let mut parameters = format!("service={}", quoted(&self.trust.service));
        if let Some(scope) = scope(question) {
            parameters.push_str(&format!(",scope=\"{scope}\""));
        }
        match flaw {
            Some(Flaw::Invalid) => parameters.push_str(",error=\"invalid_token\""),
            Some(Flaw::Insufficient) => parameters.push_str(",error=\"insufficient_scope\""),
            None => {}
        }
        match &self.realm {
            Realm::There(realm) => Challenge::Whole(format!("Bearer realm={},{parameters}", quoted(realm))),
            Realm::Here(path) => Challenge::Here(RealmHere { path: path.clone(), parameters }),
        }
    }
}

/// The tokens of one issuer for this registry, and how many seconds they are taken for after their time.
fn trust(issuer: String, service: String, late: f64) -> Result<Trust, String> {
    // What the keys are made of depends on the host: everywhere they may be a key set.
    let keys = setting("auth.token.keys").map_err(|_| "auth.token.jwks is missing")?;
    let keys: Keys =
        keys.parse().map_err(|error| format!("auth.token.jwks: {error}; write the text of one"))?;
    if keys.is_empty() {
        return Err("auth.token.jwks: no key in it is one for signatures by RS256, ES256 or EdDSA".into());
    }
    let algorithms = match config::get("auth.token.signingalgorithms") {
        None => Algorithm::ALL.into(),
        Some(names) => names.split(' ').map(algorithm).collect::<Result<_, _>>()?,
    };
    Ok(Trust { keys, algorithms, issuer, service, late })
}

/// A way of signing that is configured.
fn algorithm(name: &str) -> Result<Algorithm, String> {
    name.parse().map_err(|()| {
        let known = Algorithm::ALL.map(Algorithm::as_str).join(", ");
        format!("auth.token.signingalgorithms: {name:?} is not an algorithm of this version; write {known}")
    })
}

/// The scope of what was asked. Who pushes looks first.
fn scope(question: &Question) -> Option<String> {
    let actions = match question.action {
        Action::Ping => return None,
        Action::Catalog => return Some("registry:catalog:*".into()),
        Action::Pull => "pull",
        Action::Push => "pull,push",
        Action::Delete => "delete",
    };
    Some(["repository:", question.repository.as_deref()?, ":", actions].concat())
}
