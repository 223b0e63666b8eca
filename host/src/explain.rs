//! Who may do what, explained: the same code that decides about a request decides here.

use crate::config::{AuthKind, Config, FILE_VARIABLE};
use access::{Action, Asker, Granted, Policy, Rule};
use names::RepositoryName;
use std::path::PathBuf;

/// A request as it might come.
#[derive(clap::Args)]
pub struct Check {
    /// The configuration file, in YAML.
    #[arg(long, value_name = "FILE", env = FILE_VARIABLE)]
    pub config: Option<PathBuf>,
    /// The user who asks; without this and a certificate, someone who is not logged in.
    #[arg(long)]
    user: Option<String>,
    /// A group that the user is in; may be given several times.
    #[arg(long, requires = "user")]
    group: Vec<String>,
    /// The name in the client's certificate.
    #[arg(long, value_name = "NAME")]
    certificate: Option<String>,
    /// The repository; for every action but catalog.
    #[arg(long)]
    repository: Option<RepositoryName>,
    /// pull, push, delete or catalog.
    #[arg(long)]
    action: Action,
}

/// What becomes of a request, and why.
pub struct Explained {
    /// Whether it is granted.
    pub granted: bool,
    /// Why, for people.
    pub why: String,
}

fn words<T>(words: &[T], word: impl Fn(&T) -> String) -> String {
    words.iter().map(word).collect::<Vec<_>>().join(", ")
}

fn described(rule: &Rule) -> String {
    format!(
        "{} may {} in {}",
        words(&rule.who, ToString::to_string),
        words(&rule.actions, |action| action.as_str().into()),
        words(&rule.repositories, |glob| glob.as_str().into())
    )
}

impl Check {
    /// What a registry with this configuration does with the request.
    ///
    /// # Errors
    /// When the request lacks a repository, or names someone whom such a registry could never know.
    pub fn explain(&self, config: &Config) -> Result<Explained, String> {
        if self.repository.is_none() && self.action != Action::Catalog {
            return Err(format!("--action {} needs a --repository", self.action.as_str()));
        }
        if config.auth.kind == AuthKind::Token {
            return Err("with auth.token the token says what may be done, and there are no rules".into());
        }
        if self.user.is_some() && config.auth.kind == AuthKind::None {
            return Err("--user: without auth nobody says who they are".into());
        }
        if self.certificate.is_some() && !config.http.tls.verifies_clients() {
            return Err(
                "--certificate: clients' certificates are not verified here (http.tls.clientcas)".into()
            );
        }
        let rules = (!config.access.0.is_empty()).then(|| config.access.clone());
        let asker = Asker {
            user: self.user.as_deref(),
            groups: &self.group,
            // Without rules a certificate opens the connection and no more.
            certificate: self.certificate.as_deref().filter(|_| rules.is_some()),
        };
        let policy = Policy { login: config.auth.kind != AuthKind::None, rules };
        let repository = self.repository.as_ref().map(RepositoryName::as_str);
        let granted = policy.grants(&asker, Some(self.action), repository);
        let why = match granted {
            Some(Granted::Rule(at)) => format!("granted by access.{at}: {}", described(&config.access.0[at])),
            Some(Granted::Known) => "granted: there are no rules, and it is known who asks".into(),
            Some(Granted::Open) => "granted: there are neither rules nor a way to log in".into(),
            None if config.access.0.is_empty() => "refused: it is not known who asks".into(),
            None => format!("refused: none of the {} rules of access grants it", config.access.0.len()),
        };
        Ok(Explained { granted: granted.is_some(), why })
    }
}
