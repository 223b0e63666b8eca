//! `auth` and `access`: how it is known who asks, and what they may do.

use super::judge::{Chosen, Given};
use super::{Config, ConfigError};
use access::{Action, Rule, Rules, Who, WordError};
use std::path::PathBuf;
use std::time::Duration;

/// `auth`: who may come in, and how that is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Auth {
    /// How it is known who asks.
    pub kind: AuthKind,
    /// `auth.htpasswd`: a file of passwords.
    pub htpasswd: Htpasswd,
    /// `auth.failures`: what wrong passwords lead to.
    pub failures: Failures,
}

/// How it is known who asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AuthKind {
    /// Nobody is asked.
    #[default]
    None,
    /// By passwords in a file.
    Htpasswd,
}

impl AuthKind {
    /// Its name in the configuration.
    pub fn name(self) -> Option<&'static str> {
        match self {
            AuthKind::None => None,
            AuthKind::Htpasswd => Some("htpasswd"),
        }
    }
}

/// `auth.htpasswd`: a file of passwords.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Htpasswd {
    /// `auth.htpasswd.path`: the file.
    pub path: Option<PathBuf>,
    /// `auth.htpasswd.realm`: what clients show when they ask for a password.
    pub realm: String,
    /// `auth.htpasswd.remember`: how long a right password is remembered.
    pub remember: Duration,
}

/// `auth.failures`: what wrong passwords lead to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    /// `auth.failures.limit`: how many for one user may come from one address within the window.
    pub limit: usize,
    /// `auth.failures.window`: how long one counts.
    pub window: Duration,
}

fn entry(rules: &mut Rules, at: usize) -> &mut Rule {
    if rules.0.len() <= at {
        rules.0.resize_with(at + 1, Rule::default);
    }
    &mut rules.0[at]
}

pub(super) fn who(rules: &mut Rules, at: usize, text: &str) -> Result<(), String> {
    let who = text.parse().map_err(|error: WordError| error.to_string())?;
    entry(rules, at).who.push(who);
    Ok(())
}

pub(super) fn repository(rules: &mut Rules, at: usize, text: &str) -> Result<(), String> {
    let glob = text.parse().map_err(|error: access::GlobError| error.to_string())?;
    entry(rules, at).repositories.push(glob);
    Ok(())
}

pub(super) fn action(rules: &mut Rules, at: usize, text: &str) -> Result<(), String> {
    let actions = Action::named(text).map_err(|error| error.to_string())?;
    entry(rules, at).actions.extend(actions);
    Ok(())
}

/// Puts together what the single settings cannot tell, and refuses what does not fit together.
pub(super) fn complete(config: &mut Config, chosen: &[Chosen], given: &[Given]) -> Result<(), ConfigError> {
    let chosen: Vec<&Chosen> = chosen.iter().filter(|chosen| chosen.name == "auth").collect();
    if let Some(first) = chosen.first() {
        if let Some(other) = chosen.iter().find(|other| other.kind != first.kind) {
            let problem = format!("there is {} as well; choose one", first.kind);
            return Err(ConfigError::setting(&other.origin, format!("auth.{}", other.kind), problem));
        }
        config.auth.kind = match first.kind {
            "htpasswd" => AuthKind::Htpasswd,
            _ => AuthKind::None,
        };
        if config.auth.kind == AuthKind::Htpasswd && config.auth.htpasswd.path.is_none() {
            let problem = "not given; write the file of users and passwords, which htpasswd -B makes";
            return Err(ConfigError::setting(&first.origin, "auth.htpasswd.path", problem));
        }
    }
    let half = |rule: &Rule| rule.who.is_empty() || rule.repositories.is_empty() || rule.actions.is_empty();
    if let Some(at) = config.access.0.iter().position(half) {
        let of_rules = || given.iter().filter(|given| given.name.starts_with("access."));
        let origin = of_rules().find(|given| given.text.entry == Some(at)).or(of_rules().next());
        let origin = origin.map(|given| given.origin.to_string()).unwrap_or_default();
        let problem = "not a whole rule; write who, repositories and actions";
        return Err(ConfigError::setting(origin, format!("access.{at}"), problem));
    }
    config.warnings.extend(config.access.0.iter().enumerate().filter_map(|(at, rule)| {
        let speaks = |of: fn(&Who) -> bool| rule.who.iter().any(of);
        let user = speaks(|who| matches!(who, Who::User(_)));
        let group = speaks(|who| matches!(who, Who::Group(_)));
        match config.auth.kind {
            AuthKind::None if user || group => Some(format!(
                "access.{at}: it names users or groups, but without auth nobody says who they are"
            )),
            AuthKind::Htpasswd if group => {
                Some(format!("access.{at}: it names a group, but an htpasswd file has no groups"))
            }
            _ => None,
        }
    }));
    Ok(())
}
