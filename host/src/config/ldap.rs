//! `auth.ldap`: a directory that knows who people are.

use credentials::DirectoryOptions;
use std::time::Duration;

/// `auth.ldap`: a directory that checks passwords, and says in which groups people are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ldap {
    /// `auth.ldap.realm`: what clients show when they ask for a password.
    pub realm: String,
    /// `auth.ldap.remember`: how long a right password is remembered.
    pub remember: Duration,
    /// Everything else beneath `auth.ldap`.
    pub directory: DirectoryOptions,
}

impl Ldap {
    /// What it needs and is not given, or is given and goes with nothing else.
    pub(super) fn lacking(&self) -> Option<(&'static str, &'static str)> {
        let directory = &self.directory;
        let encrypted = directory.urls.iter().filter(|url| url.scheme() == "ldaps").count();
        let password = directory.bind_password.is_some() || directory.bind_password_file.is_some();
        let faults = [
            (
                directory.urls.is_empty(),
                "auth.ldap.url",
                "not given; write where the directory is, as in ldaps://ldap.example.com",
            ),
            (
                directory.base.is_empty(),
                "auth.ldap.basedn",
                "not given; write beneath which entry people are, as in ou=people,dc=example,dc=com",
            ),
            (
                directory.starttls && encrypted > 0,
                "auth.ldap.starttls",
                "ldaps:// begins with TLS; write ldap://, or remove starttls",
            ),
            (
                directory.roots.is_some() && !directory.starttls && encrypted == 0,
                "auth.ldap.rootcertbundle",
                "there is no TLS to need certificates; write ldaps://, or set auth.ldap.starttls",
            ),
            (
                directory.bind_password.is_some() && directory.bind_password_file.is_some(),
                "auth.ldap.bindpassword",
                "there is a bindpasswordfile as well; write one of them",
            ),
            (
                directory.bind_dn.is_some() && !password,
                "auth.ldap.bindpassword",
                "not given; write the password of auth.ldap.binddn, or a file with it as auth.ldap.bindpasswordfile",
            ),
            (
                directory.bind_dn.is_none() && password,
                "auth.ldap.binddn",
                "not given; write whose password auth.ldap.bindpassword is",
            ),
        ];
        faults.into_iter().find(|(wrong, ..)| *wrong).map(|(_, name, problem)| (name, problem))
    }

    /// What to say where passwords are sent in the clear.
    pub(super) fn clear(&self) -> Option<String> {
        let in_clear = |url: &&credentials::Url| url.scheme() == "ldap";
        let url = self.directory.urls.iter().find(in_clear).filter(|_| !self.directory.starttls)?;
        Some(format!(
            "auth.ldap.url: passwords go to {url} in the clear; write ldaps://, or set auth.ldap.starttls"
        ))
    }
}
