//! What is to be known of a directory before it can be asked, and what is wrong with words that cannot be that.

use super::fault::{self, Fault};
use crate::Secret;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;
use url::{Host, Url};
use zeroize::Zeroizing;

/// A directory, and how people and groups are found in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DirectoryOptions {
    /// Where it is: the first of these that answers. [`directory_url`] says what they may be.
    pub urls: Vec<Url>,
    /// Whether TLS is begun within a connection to `ldap://`.
    pub starttls: bool,
    /// The file of certificates that sign the directory's; without it, those that the system trusts.
    pub roots: Option<PathBuf>,
    /// As whom people and groups are looked for; without it, as nobody.
    pub bind_dn: Option<String>,
    /// The password of `bind_dn`.
    pub bind_password: Option<Secret>,
    /// The file with the password of `bind_dn`, which is read each time it is needed.
    pub bind_password_file: Option<PathBuf>,
    /// Beneath which entry people are.
    pub base: String,
    /// The attribute that holds a person's name.
    pub attribute: String,
    /// What else is true of people.
    pub filter: Option<String>,
    /// How groups are found.
    pub groups: GroupOptions,
    /// How long the directory may take for each step.
    pub timeout: Duration,
    /// How many connections to it there may be.
    pub connections: usize,
}

impl DirectoryOptions {
    /// The searcher's password.
    pub(super) fn password(&self) -> Result<Zeroizing<String>, Fault> {
        let Some(path) = &self.bind_password_file else {
            let password = self.bind_password.as_ref().map(|password| password.reveal().to_owned());
            return Ok(Zeroizing::new(password.unwrap_or_default()));
        };
        let unusable = |why: &dyn std::fmt::Display| {
            let problem = format!("{}: {why}; name a file with the password in it", path.display());
            Fault::Lasting(fault::BIND_PASSWORD_FILE, problem)
        };
        let text = Zeroizing::new(std::fs::read_to_string(path).map_err(|error| unusable(&error))?);
        let line = text.strip_suffix('\n').unwrap_or(&text);
        let line = line.strip_suffix('\r').unwrap_or(line);
        match line.is_empty() {
            // A bind without a password is nobody's, and is let in.
            true => Err(unusable(&"it is empty")),
            false => Ok(Zeroizing::new(line.to_owned())),
        }
    }
}

/// How the groups are found that a person is in. Without `member_of` and `base` there are none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupOptions {
    /// The attribute of a person that names groups by their distinguished names.
    pub member_of: Option<String>,
    /// Beneath which entry groups are.
    pub base: Option<String>,
    /// Which of them have a member, for which `{dn}` and `{user}` stand.
    pub filter: String,
    /// The attribute that holds a group's name.
    pub attribute: String,
    /// How deep they are looked for: 1 for those that have the person as a member, 2 also for those that have these.
    pub depth: usize,
    /// The names of the groups that anyone wants to know of. No others are told.
    pub wanted: BTreeSet<String>,
}

impl GroupOptions {
    /// Whether a person can be in one.
    pub fn has_source(&self) -> bool {
        self.member_of.is_some() || self.base.is_some()
    }
}

/// The URL of a directory.
///
/// # Errors
/// When it is none.
pub fn directory_url(text: &str) -> Result<Url, String> {
    let wanted =
        "not the URL of a directory; write ldap:// or ldaps:// and the host, as in ldaps://ldap.example.com";
    let url = Url::parse(text).map_err(|_| wanted)?;
    let bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
    let nobody = url.username().is_empty() && url.password().is_none();
    if !matches!(url.scheme(), "ldap" | "ldaps")
        || url.host_str().is_none_or(str::is_empty)
        || !bare
        || !nobody
    {
        return Err(wanted.into());
    }
    if url.scheme() == "ldaps" && matches!(url.host(), Some(Host::Ipv6(_))) {
        return Err("TLS needs a host's name or its IPv4 address; write one of these".into());
    }
    Ok(url)
}

/// The name of an attribute, or its number (RFC 4512, 1.4).
///
/// # Errors
/// When it is neither.
pub fn attribute(text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    match text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(fits) {
        true => Ok(text.into()),
        false => Err("not an attribute".into()),
    }
}

/// A filter that is true of some entries (RFC 4515).
///
/// # Errors
/// When it is none.
pub fn filter(text: &str) -> Result<String, String> {
    match text.starts_with('(') && ldap3::parse_filter(text).is_ok() {
        true => Ok(text.into()),
        false => Err("not a filter (RFC 4515)".into()),
    }
}

/// A filter that is true of the groups of a member.
///
/// # Errors
/// When it is no filter, or speaks of no member.
pub fn member_filter(text: &str) -> Result<String, String> {
    if !text.contains("{dn}") && !text.contains("{user}") {
        return Err("it speaks of no member, for which {dn} or {user} stands".into());
    }
    filter(&of_member(text, "dn", "user")).map(|_| text.into())
}

/// The filter with a member in it, escaped (RFC 4515, 3).
pub(crate) fn of_member(filter: &str, dn: &str, user: &str) -> String {
    // In one go: what stands for one must not bring the other.
    let mut whole = String::with_capacity(filter.len() + dn.len());
    let mut rest = filter;
    while let Some(at) = rest.find('{') {
        whole.push_str(&rest[..at]);
        rest = &rest[at..];
        let (value, length) = match rest {
            _ if rest.starts_with("{dn}") => (ldap3::ldap_escape(dn), 4),
            _ if rest.starts_with("{user}") => (ldap3::ldap_escape(user), 6),
            _ => ("{".into(), 1),
        };
        whole.push_str(&value);
        rest = &rest[length..];
    }
    whole + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_where_a_url_says_and_nothing_else_is_in_it() {
        for text in
            ["ldap://localhost", "ldaps://ldap.example.com:1636/", "ldap://[::1]:389", "ldaps://10.0.0.1"]
        {
            assert!(directory_url(text).is_ok(), "{text}");
        }
        for text in [
            "",
            "ldap.example.com",
            "ldap://",
            "http://a",
            "ldapi://%2frun%2fslapd",
            "ldap://a/dc=example",
            "ldap://u:p@a",
            "ldap://a?x",
            "ldaps://[::1]",
            "ldap://a:99999",
        ] {
            assert!(directory_url(text).is_err(), "{text}");
        }
    }

    #[test]
    fn attributes_and_filters_are_read_before_anyone_needs_them() {
        assert!(
            ["uid", "sAMAccountName", "0.9.2342.19200300.100.1.1"].iter().all(|text| attribute(text).is_ok())
        );
        assert!(["", "a b", "uid)(", "a=b", "-a"].iter().all(|text| attribute(text).is_err()));
        assert!(filter("(&(objectClass=person)(!(locked=TRUE)))").is_ok());
        assert!(["", "uid=a", "(uid=a", "(uid=a))", "(uid=(a)"].iter().all(|text| filter(text).is_err()));
        assert!(member_filter("(member:1.2.840.113556.1.4.1941:={dn})").is_ok());
        assert!(member_filter("(memberUid={user})").is_ok());
        assert!(member_filter("(member=*)").expect_err("no member").contains("{dn}"));
    }

    #[test]
    fn a_member_cannot_end_its_place_in_a_filter_nor_bring_another() {
        let filter = of_member("(|(member={dn})(uid={user})(a={))", "cn={user})(*,\\", "*)(uid=\0");
        assert_eq!(filter, "(|(member=cn={user}\\29\\28\\2a,\\5c)(uid=\\2a\\29\\28uid=\\00)(a={))");
    }
}
