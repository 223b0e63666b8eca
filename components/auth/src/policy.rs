//! What the configuration says of who may do what.

use crate::bindings::exports::pierhead::registry::auth::{self as wit, Grant, Question, Refusal};
use crate::bindings::pierhead::host::config;
use crate::bindings::pierhead::registry::types::Readable;
use crate::refusal;
use access::{Action, Asker, Glob, quoted};
use std::sync::OnceLock;

/// How it is known who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Login {
    /// It is not: everyone is anyone.
    None,
    /// By a password (RFC 7617), asked for with this challenge.
    Basic { challenge: String },
}

/// Who may do what.
pub struct Policy {
    pub login: Login,
    access: access::Policy,
}

/// The action that rules speak of; reaching the registry is none.
fn action(action: wit::Action) -> Option<Action> {
    match action {
        wit::Action::Ping => None,
        wit::Action::Pull => Some(Action::Pull),
        wit::Action::Push => Some(Action::Push),
        wit::Action::Delete => Some(Action::Delete),
        wit::Action::Catalog => Some(Action::Catalog),
    }
}

impl Policy {
    /// The configuration's, which stays the same for as long as this instance lives.
    pub fn get() -> &'static Policy {
        static POLICY: OnceLock<Policy> = OnceLock::new();
        POLICY.get_or_init(Policy::configured)
    }

    fn configured() -> Policy {
        let login = match config::get("auth").as_deref() {
            None => Login::None,
            Some("htpasswd") => {
                let realm = config::get("auth.htpasswd.realm").unwrap_or_default();
                Login::Basic { challenge: format!("Basic realm={}", quoted(&realm)) }
            }
            // To go on would be to let everyone in.
            Some(_) => panic!("this component knows no such setting of auth"),
        };
        let rules = config::get("access").map(|text| match text.parse() {
            Ok(rules) => rules,
            Err(error) => panic!("the setting access: {error}"),
        });
        let access = access::Policy { login: login != Login::None, rules };
        Policy { login, access }
    }

    /// Whether they may, and what they are told.
    pub fn permit(&self, question: &Question, asker: &Asker<'_>) -> Result<Grant, Refusal> {
        let granted = self.access.grants(asker, action(question.action), question.repository.as_deref());
        if granted.is_none() {
            return Err(match self.login {
                // Nobody can log in: to ask for it would lead nowhere.
                Login::None => refusal::denied(None, ""),
                _ if asker.is_known() => refusal::denied(asker.name(), ""),
                Login::Basic { .. } => self.unauthorized(""),
            });
        }
        let readable = match (question.action, &self.access.rules) {
            (wit::Action::Catalog, None) => Readable::All,
            (wit::Action::Catalog, Some(rules)) => {
                let globs = rules.readable(asker);
                match globs.iter().any(|glob| glob.as_str() == "**") {
                    true => Readable::All,
                    false => {
                        Readable::Matching(globs.into_iter().map(Glob::as_str).map(Into::into).collect())
                    }
                }
            }
            _ => Readable::Matching(Vec::new()),
        };
        Ok(Grant { user: asker.name().map(Into::into), readable })
    }

    /// What is said to whoever is to log in.
    pub fn unauthorized(&self, message: &str) -> Refusal {
        let challenge = match &self.login {
            Login::None => None,
            Login::Basic { challenge } => Some(challenge.clone()),
        };
        refusal::unauthorized(challenge, message)
    }
}
