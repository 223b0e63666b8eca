//! `auth` and `access`: how it is known who asks, and what they may do.

use super::judge::{self, Chosen, Given};
use super::ldap::Ldap;
use super::value::entry;
use super::{Config, ConfigError};
use access::{Action, Rule, Rules, Who, WordError};
use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;
use tokens::Algorithm;

/// `auth`: who may come in, and how that is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Auth {
    /// How it is known who asks.
    pub kind: AuthKind,
    /// `auth.htpasswd`: a file of passwords.
    pub htpasswd: Htpasswd,
    /// `auth.ldap`: a directory that checks passwords.
    pub ldap: Ldap,
    /// `auth.failures`: what wrong passwords lead to.
    pub failures: Failures,
    /// `auth.token`: tokens that someone else makes.
    pub token: Token,
    /// `auth.issuer`: tokens of our own.
    pub issuer: Issuer,
}

/// How it is known who asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AuthKind {
    /// Nobody is asked.
    #[default]
    None,
    /// By passwords in a file.
    Htpasswd,
    /// By passwords that a directory checks.
    Ldap,
    /// By tokens that someone else makes.
    Token,
}

impl AuthKind {
    /// Its name in the configuration.
    pub fn name(self) -> Option<&'static str> {
        match self {
            AuthKind::None => None,
            AuthKind::Htpasswd => Some("htpasswd"),
            AuthKind::Ldap => Some("ldap"),
            AuthKind::Token => Some("token"),
        }
    }

    /// Whether people have passwords.
    pub fn takes_passwords(self) -> bool {
        matches!(self, AuthKind::Htpasswd | AuthKind::Ldap)
    }
}

impl Auth {
    /// Adds what components may know.
    pub(super) fn describe(&self, settings: &mut HashMap<&'static str, String>) {
        match self.kind {
            AuthKind::None => {}
            AuthKind::Htpasswd | AuthKind::Ldap => {
                match self.kind {
                    AuthKind::Ldap => settings.insert("auth.ldap.realm", self.ldap.realm.clone()),
                    _ => settings.insert("auth.htpasswd.realm", self.htpasswd.realm.clone()),
                };
                if self.issuer.enabled == Some(true) {
                    settings.extend([
                        ("auth.issuer.enabled", "true".into()),
                        ("auth.issuer.name", self.issuer.name.clone()),
                        ("auth.issuer.service", self.issuer.service.clone()),
                        ("auth.issuer.expiration", self.issuer.expiration.as_secs().to_string()),
                        ("auth.token.signingalgorithms", Algorithm::EdDsa.as_str().into()),
                    ]);
                }
            }
            AuthKind::Token => {
                let token = &self.token;
                settings.extend([
                    ("auth.token.realm", token.realm.clone()),
                    ("auth.token.service", token.service.clone()),
                    ("auth.token.issuer", token.issuer.clone()),
                ]);
                let algorithms = token.signingalgorithms.iter().map(|algorithm| algorithm.as_str());
                let algorithms = algorithms.collect::<Vec<_>>().join(" ");
                if !algorithms.is_empty() {
                    settings.insert("auth.token.signingalgorithms", algorithms);
                }
                if token.autoredirect {
                    settings.insert("auth.token.autoredirectpath", token.autoredirectpath.clone());
                }
            }
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

/// `auth.token`: tokens that someone else makes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Token {
    /// `auth.token.realm`: where clients get them.
    pub realm: String,
    /// `auth.token.service`: the name under which the issuer knows this registry.
    pub service: String,
    /// `auth.token.issuer`: who makes them.
    pub issuer: String,
    /// `auth.token.rootcertbundle`: certificates whose keys sign them.
    pub rootcertbundle: Option<PathBuf>,
    /// `auth.token.jwks`: keys that sign them.
    pub jwks: Option<PathBuf>,
    /// `auth.token.signingalgorithms`: how they may be signed; where it is empty, in every way that is known.
    pub signingalgorithms: Vec<Algorithm>,
    /// `auth.token.autoredirect`: whether clients get them under the name of this registry.
    pub autoredirect: bool,
    /// `auth.token.autoredirectpath`: at which path, then.
    pub autoredirectpath: String,
}

/// `auth.issuer`: tokens of our own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Issuer {
    /// `auth.issuer.enabled`: whether they are made. Not given: where a rule grants something to everyone, as docker
    /// goes on without a login only where it is offered a token.
    pub enabled: Option<bool>,
    /// `auth.issuer.key`: the file of the key that signs them. Without one the key is made at each start.
    pub key: Option<PathBuf>,
    /// `auth.issuer.name`: under which name they are made.
    pub name: String,
    /// `auth.issuer.service`: for which registry.
    pub service: String,
    /// `auth.issuer.expiration`: for how long.
    pub expiration: Duration,
}

pub(super) fn algorithm(token: &mut Token, text: &str) -> Result<(), String> {
    let known = || Algorithm::ALL.map(Algorithm::as_str).join(", ");
    let algorithm =
        text.parse().map_err(|()| format!("not an algorithm of this version; write {}", known()))?;
    token.signingalgorithms.push(algorithm);
    Ok(())
}

pub(super) fn who(rules: &mut Rules, at: usize, text: &str) -> Result<(), String> {
    let who = text.parse().map_err(|error: WordError| error.to_string())?;
    entry(&mut rules.0, at).who.push(who);
    Ok(())
}

pub(super) fn repository(rules: &mut Rules, at: usize, text: &str) -> Result<(), String> {
    let glob = text.parse().map_err(|error: access::GlobError| error.to_string())?;
    entry(&mut rules.0, at).repositories.push(glob);
    Ok(())
}

pub(super) fn action(rules: &mut Rules, at: usize, text: &str) -> Result<(), String> {
    let actions = Action::named(text).map_err(|error| error.to_string())?;
    entry(&mut rules.0, at).actions.extend(actions);
    Ok(())
}

/// Whether a text may stand after the name of this registry in a URL, and in the quotes of a challenge.
fn is_path(text: &str) -> bool {
    text.starts_with('/') && text.bytes().all(|b| b.is_ascii_graphic() && !b"\"\\<>^`{|}".contains(&b))
}

/// What the chosen kind needs and is not given, or is given and goes with no rules.
fn lacking(config: &Config) -> Option<(&'static str, &'static str)> {
    let (auth, token) = (&config.auth, &config.auth.token);
    match auth.kind {
        AuthKind::None => None,
        AuthKind::Htpasswd => auth.htpasswd.path.is_none().then_some((
            "auth.htpasswd.path",
            "not given; write the file of users and passwords, which htpasswd -B makes",
        )),
        AuthKind::Ldap => auth.ldap.lacking(),
        AuthKind::Token if token.realm.is_empty() => {
            Some(("auth.token.realm", "not given; write the URL where clients get tokens"))
        }
        AuthKind::Token if token.service.is_empty() => Some((
            "auth.token.service",
            "not given; write the name under which the issuer knows this registry",
        )),
        AuthKind::Token if token.issuer.is_empty() => {
            Some(("auth.token.issuer", "not given; write the name of whoever makes the tokens"))
        }
        AuthKind::Token if token.jwks.is_none() && token.rootcertbundle.is_none() => {
            Some(("auth.token.jwks", "not given, nor is auth.token.rootcertbundle; write a file of keys"))
        }
        AuthKind::Token if token.autoredirect && !is_path(&token.autoredirectpath) => Some((
            "auth.token.autoredirectpath",
            "not a path of a URL; write one as /auth/token, from its slash on",
        )),
        AuthKind::Token if !config.access.0.is_empty() => {
            Some(("access", "with auth.token the tokens say what may be done; remove access"))
        }
        AuthKind::Token => None,
    }
}

/// How the names begin of those settings of a directory that are nothing without each other.
const BIND: &str = "auth.ldap.bind";

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
            "ldap" => AuthKind::Ldap,
            "token" => AuthKind::Token,
            _ => AuthKind::None,
        };
        if let Some((name, problem)) = lacking(config) {
            let at = |name: &str| given.iter().find(|given| given.name.starts_with(name));
            // Where it is given, or else what it is needed for: a name for its password, or the kind itself.
            let at = at(name).or_else(|| at(name.starts_with(BIND).then_some(BIND)?));
            return Err(ConfigError::setting(at.map_or(&first.origin, |given| &given.origin), name, problem));
        }
    }
    if config.auth.kind == AuthKind::Ldap {
        config.auth.ldap.directory.groups.wanted = config.access.groups().map(Into::into).collect();
        config.warnings.extend(config.auth.ldap.clear());
    }
    let issuer = config.auth.issuer.enabled;
    if issuer == Some(true) && !config.auth.kind.takes_passwords() {
        let origin = given.iter().find(|given| given.name == "auth.issuer.enabled");
        let origin = origin.map(|given| given.origin.to_string()).unwrap_or_default();
        let problem = "tokens are made for whoever has a password; use it with auth.htpasswd or auth.ldap";
        return Err(ConfigError::setting(origin, "auth.issuer.enabled", problem));
    }
    let enabled = config.auth.kind.takes_passwords() && config.access.name_anonymous();
    config.auth.issuer.enabled = Some(issuer.unwrap_or(enabled));
    let half = |rule: &Rule| rule.who.is_empty() || rule.repositories.is_empty() || rule.actions.is_empty();
    if let Some(at) = config.access.0.iter().position(half) {
        let problem = "not a whole rule; write who, repositories and actions";
        return Err(judge::entry(given, "access", at, problem));
    }
    config.warnings.extend(config.access.0.iter().enumerate().filter_map(|(at, rule)| {
        let speaks = |of: fn(&Who) -> bool| rule.who.iter().any(of);
        let user = speaks(|who| matches!(who, Who::User(_)));
        let group = speaks(|who| matches!(who, Who::Group(_)));
        match config.auth.kind {
            AuthKind::None if user || group => Some(format!(
                "access.{at}: it names users or groups, but without auth nobody says who they are"
            )),
            AuthKind::Token => None,
            AuthKind::Htpasswd if group => {
                Some(format!("access.{at}: it names a group, but an htpasswd file has no groups"))
            }
            AuthKind::Ldap if group && !config.auth.ldap.directory.groups.has_source() => Some(format!(
                "access.{at}: it names a group, but neither auth.ldap.groups.basedn nor auth.ldap.groups.memberof \
                 says where groups are"
            )),
            _ => None,
        }
    }));
    Ok(())
}
