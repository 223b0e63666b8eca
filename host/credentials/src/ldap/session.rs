//! One login: a person is found, proves to be that, and is in groups.

use super::Directory;
use super::connection::{Connection, Found, values};
use super::fault::{self, Fault, code};
use super::seats::Seat;
use crate::lock;
use ldap3::{LdapResult, Scope, SearchEntry};
use std::time::Instant;

/// What nobody is called.
const NOBODY: &str = "nobody has this name";

/// Someone who is in the directory.
#[derive(Clone, Debug)]
pub struct Person {
    /// The distinguished name.
    pub dn: String,
    /// The name as the directory spells it. Of several it is the first in the order of their bytes, whichever was typed.
    pub name: String,
    /// The groups that the entry itself names.
    pub(super) member_of: Vec<String>,
}

/// A connection for one login.
pub struct Session {
    pub(super) directory: Directory,
    /// Nothing once it has failed.
    connection: Option<Connection>,
    _seat: Seat,
}

impl Session {
    pub(super) fn new(directory: &Directory, connection: Option<Connection>, seat: Seat) -> Session {
        Session { directory: directory.clone(), connection, _seat: seat }
    }

    /// Whether it has a connection, which may be gone by now.
    pub(super) fn is_connected(&self) -> bool {
        self.connection.is_some()
    }

    /// Gives it a new connection.
    pub(super) async fn connect(&mut self) -> Result<(), Fault> {
        self.connection = Some(self.directory.connect().await?);
        Ok(())
    }

    fn connection(&mut self) -> Result<&mut Connection, Fault> {
        self.connection.as_mut().ok_or_else(|| Fault::Lost("the directory has gone away".into()))
    }

    /// Looks for entries as the searcher, of which `limit` are enough; 0 is all of them.
    pub(super) async fn search(
        &mut self,
        base: &str,
        scope: Scope,
        filter: &str,
        attributes: &[&str],
        limit: i32,
    ) -> Result<Found, Fault> {
        let directory = self.directory.clone();
        let connection = self.connection()?;
        let found = match directory.become_searcher(connection).await {
            Ok(()) => connection.search(base, scope, filter, attributes, limit).await,
            Err(fault) => Err(fault),
        };
        self.noted(found)
    }

    /// Tries a password. The directory's answer is the result's code.
    async fn bind(&mut self, dn: &str, password: &str) -> Result<LdapResult, Fault> {
        let answer = self.connection()?.bind(dn, password).await;
        self.noted(answer)
    }

    /// Takes note of what came of a question: after a loss the connection is of no use.
    fn noted<T>(&mut self, answer: Result<T, Fault>) -> Result<T, Fault> {
        if let Err(Fault::Lost(_)) = answer {
            self.connection = None;
        }
        answer
    }

    /// The entries that have one of these names, or two of them: a second one is as bad as many.
    async fn named(&mut self, names: &[String]) -> Result<Vec<SearchEntry>, Fault> {
        let directory = self.directory.clone();
        let options = &directory.0.options;
        let of = |name: &String| format!("({}={})", options.attribute, ldap3::ldap_escape(name.as_str()));
        let mut filter = names.iter().map(of).collect::<String>();
        if names.len() > 1 {
            filter = format!("(|{filter})");
        }
        if let Some(other) = &options.filter {
            filter = format!("(&{filter}{other})");
        }
        let mut attributes = vec![options.attribute.as_str()];
        attributes.extend(options.groups.member_of.as_deref());
        let found = self.search(&options.base, Scope::Subtree, &filter, &attributes, 2).await?;
        if found.entries.len() > 1 {
            return Ok(found.entries);
        }
        match fault::of_result(&found.result, fault::BASE, "people cannot be looked for beneath it") {
            Some(fault) => Err(fault),
            None => Ok(found.entries),
        }
    }

    /// Finds who has a name.
    pub(super) async fn find(&mut self, user: &str) -> Result<Option<Person>, Fault> {
        let directory = self.directory.clone();
        let options = &directory.0.options;
        let found = self.named(&[user.to_owned()]).await?;
        if let [first, second, ..] = &found[..] {
            let (first, second) = (&first.dn, &second.dn);
            tracing::warn!(
                first,
                second,
                "two entries have one name, and neither can log in (auth.ldap.filter)"
            );
            return Ok(None);
        }
        let Some(entry) = found.first() else { return Ok(None) };
        let names = values(entry, &options.attribute);
        let Some(name) = names.iter().min() else {
            let problem = format!("the searcher may not read it in {}", entry.dn);
            return Err(Fault::Lasting(fault::ATTRIBUTE, problem));
        };
        // Rules hear one name of several, and that is not the one that was looked for: who may write their own entry could add
        // another's name to it, and be them.
        if names.len() > 1
            && let [first, second, ..] = &self.named(names).await?[..]
        {
            let (first, second) = (&first.dn, &second.dn);
            tracing::warn!(
                first,
                second,
                dn = entry.dn,
                "an entry has several names, and one of them is another's too: it cannot log in; name an attribute that \
                 people may not write themselves (auth.ldap.attribute)"
            );
            return Ok(None);
        }
        let member_of =
            options.groups.member_of.as_deref().map_or(&[][..], |attribute| values(entry, attribute));
        Ok(Some(Person { dn: entry.dn.clone(), name: name.clone(), member_of: member_of.to_vec() }))
    }

    /// Whether a password is that of the person with this distinguished name.
    ///
    /// An empty one is nobody's: the directory would take it for a bind without a name, which it lets in
    /// (RFC 4513, 5.1.2).
    pub async fn proves(&mut self, dn: &str, password: &str) -> Result<bool, Fault> {
        if dn.is_empty() || password.is_empty() {
            return Ok(false);
        }
        let result = self.bind(dn, password).await?;
        match result.rc {
            0 => Ok(true),
            code::INVALID_CREDENTIALS => Ok(false),
            // No password, or none that may be used: locked, expired, not allowed.
            code::INAPPROPRIATE_AUTH
            | code::UNWILLING
            | code::CONSTRAINT
            | code::NO_SUCH_OBJECT
            | code::ACCESS_RIGHTS => {
                tracing::info!(dn, %result, "the directory does not let this user log in");
                Ok(false)
            }
            _ => Err(fault::of_result(&result, fault::URL, "the directory does not check passwords")
                .unwrap_or_else(|| Fault::Busy(result.to_string()))),
        }
    }

    /// Does as much as for a wrong password, where there is nobody to have one.
    pub async fn proves_nothing(&mut self, password: &str) -> Result<(), Fault> {
        let options = &self.directory.0.options;
        let dn = format!("{}={NOBODY},{}", options.attribute, options.base);
        if !password.is_empty() {
            self.bind(&dn, password).await?;
        }
        Ok(())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // After a panic something may still be on its way over it.
        if let Some(mut connection) = self.connection.take().filter(|_| !std::thread::panicking()) {
            connection.used = Instant::now();
            lock(&self.directory.0.idle).push(connection);
        }
    }
}
