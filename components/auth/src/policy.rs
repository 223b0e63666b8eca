//! What the configuration says of who may do what.

use crate::bearer::{Bearer, Flaw};
use crate::bindings::exports::pierhead::registry::auth::{self as wit, Challenge, Grant, Question, Refusal};
use crate::bindings::pierhead::host::config;
use crate::bindings::pierhead::registry::types::Readable;
use crate::{certificate, refusal};
use access::{Action, Asker, Glob, Rules, quoted};
use std::sync::OnceLock;

/// Who may do what, and how it is known who asks.
pub struct Policy {
    /// The challenge that asks for a password (RFC 7617), where passwords are taken.
    pub basic: Option<String>,
    /// How tokens are checked, where they are taken.
    pub bearer: Option<Bearer>,
    /// Whether the host verifies certificates of clients, and rules say what follows from one.
    certificates: bool,
    /// What is granted to whom.
    pub access: access::Policy,
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
    /// The configuration's, which stays the same for as long as this instance lives. By one that is wrong nobody gets in: our
    /// own host does not begin with it, and on others the log says what is wrong.
    pub fn get() -> Result<&'static Policy, Refusal> {
        static POLICY: OnceLock<Result<Policy, ()>> = OnceLock::new();
        let told = |problem| guest_log::log!("nobody gets in: {problem}");
        POLICY
            .get_or_init(|| Policy::configured().map_err(told))
            .as_ref()
            .map_err(|()| refusal::misconfigured())
    }

    fn configured() -> Result<Policy, String> {
        let (basic, bearer) = match config::get("auth").as_deref() {
            None => (None, None),
            Some(kind @ ("htpasswd" | "ldap")) => {
                let realm = config::get(&format!("auth.{kind}.realm")).unwrap_or_default();
                (Some(format!("Basic realm={}", quoted(&realm))), Bearer::own()?)
            }
            Some("token") => (None, Some(Bearer::foreign()?)),
            Some(kind) => {
                return Err(format!("auth: {kind:?} is no way to log in here; write htpasswd or token"));
            }
        };
        let rules = config::get("access").map(|text| text.parse::<Rules>()).transpose();
        let rules = rules.map_err(|error| format!("access: {error}"))?;
        // Without rules a certificate opens the connection and no more, as with distribution.
        let certificates = rules.is_some() && config::get("http.tls.clientcas").as_deref() == Some("true");
        let access = access::Policy { login: basic.is_some() || bearer.is_some(), rules };
        Ok(Policy { basic, bearer, certificates, access })
    }

    /// Whether anyone can prove who they are.
    pub fn can_log_in(&self) -> bool {
        self.access.login
    }

    /// Whether a password proves it.
    pub fn takes_passwords(&self) -> bool {
        self.basic.is_some()
    }

    /// The name in a client's certificate, where rules may speak of it.
    pub fn certificate(&self, header: Option<&str>) -> Option<String> {
        header.filter(|_| self.certificates).and_then(certificate::name)
    }

    /// Whether they may, and what they are told.
    pub fn permit(&self, question: &Question, asker: &Asker<'_>) -> Result<Grant, Refusal> {
        let granted = self.access.grants(asker, action(question.action), question.repository.as_deref());
        if granted.is_none() {
            return Err(match asker.is_known() || !self.can_log_in() {
                // Where nobody can log in, to ask for it would lead nowhere.
                true => refusal::denied(asker.name(), ""),
                false => self.unauthorized(question, None, ""),
            });
        }
        let readable = match question.action {
            wit::Action::Catalog => self.readable(asker).map_or(Readable::All, Readable::Matching),
            _ => Readable::Matching(Vec::new()),
        };
        Ok(Grant { user: asker.name().map(Into::into), readable })
    }

    /// Whether a token says that they may, and what they are told.
    pub fn permit_bearer(&self, question: &Question, token: &str) -> Result<Grant, Refusal> {
        match &self.bearer {
            Some(bearer) => bearer
                .permit(question, token)
                .map_err(|(flaw, message)| self.unauthorized(question, Some(flaw), &message)),
            None => {
                let message = "this registry asks for a name and a password, and takes no tokens";
                Err(self.unauthorized(question, None, message))
            }
        }
    }

    /// The patterns of what may be listed; `none` is everything.
    pub fn readable(&self, asker: &Asker<'_>) -> Option<Vec<String>> {
        let globs = self.access.rules.as_ref()?.readable(asker);
        let all = globs.iter().any(|glob| glob.as_str() == "**");
        (!all).then(|| globs.into_iter().map(Glob::as_str).map(Into::into).collect())
    }

    /// What is said to whoever is to log in, or to bring another token.
    pub fn unauthorized(&self, question: &Question, flaw: Option<Flaw>, message: &str) -> Refusal {
        let challenge = match (&self.bearer, &self.basic) {
            (Some(bearer), _) => Some(bearer.challenge(question, flaw)),
            (None, basic) => basic.clone().map(Challenge::Whole),
        };
        refusal::unauthorized(challenge, message)
    }
}
