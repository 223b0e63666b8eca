//! `http.tls.letsencrypt`: certificates from an authority that makes them without a person (RFC 8555).

use super::judge::{Given, refuse};
use super::{Config, ConfigError, value};
use crate::certificate::is_dns_name;
use std::path::PathBuf;

/// `http.tls.letsencrypt`: certificates from an authority that makes them without a person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LetsEncrypt {
    /// `cachefile`: the folder of the account and the certificates; without one, nothing is asked of an authority.
    pub cachefile: Option<PathBuf>,
    /// `email`: how the authority reaches the operator; empty where it cannot.
    pub email: String,
    /// `hosts`: the names to get certificates for, in lower case and each once. Not empty where there is a cachefile.
    pub hosts: Vec<String>,
    /// `directoryurl`: where the authority says what it can do; begins with `https://`.
    pub directoryurl: String,
    /// `directoryca`: the file of the certificate that the authority's own server is trusted by; where there is
    /// none, by those of the system.
    pub directoryca: Option<PathBuf>,
}

impl LetsEncrypt {
    /// Refuses what asks for certificates, and would get none. Beside files, and without a cachefile, it is not used.
    pub(super) fn check(&self, given: &[Given], files: bool) -> Result<(), ConfigError> {
        let refuse = |name, problem| refuse(given, name, problem);
        if self.cachefile.is_none() {
            if files {
                return Ok(());
            }
            let rest = given.iter().find(|given| given.name.starts_with("http.tls.letsencrypt."));
            let problem = "without a folder for certificates none are got, and there is no TLS; give \
                           http.tls.letsencrypt.cachefile too";
            return rest.map_or(Ok(()), |given| refuse(given.name, problem));
        }
        let problem = "certificates come from files or from an authority, not from both; remove it, or remove \
                       http.tls.letsencrypt";
        refuse("http.tls.certificate", problem)?;
        refuse("http.tls.key", problem)?;
        if self.hosts.is_empty() {
            let problem = "no name to get a certificate for; give http.tls.letsencrypt.hosts too, as in \
                           [registry.example.com]";
            refuse("http.tls.letsencrypt.cachefile", problem)?;
        }
        Ok(())
    }
}

pub(super) fn put_cachefile(config: &mut Config, text: &str) -> Result<(), String> {
    config.http.tls.letsencrypt.cachefile = Some(value::path(text)?);
    Ok(())
}

pub(super) fn put_host(config: &mut Config, text: &str) -> Result<(), String> {
    let name = text.to_ascii_lowercase();
    let number = |label: &str| label.bytes().all(|b| b.is_ascii_digit());
    let problem = if text.starts_with("*.") {
        "this way of asking gets no certificate for all names of a domain"
    } else if !text.is_ascii() {
        "a name in other letters than ASCII stands as it is in DNS, with xn--"
    } else if !is_dns_name(&name) || name.split('.').next_back().is_some_and(number) {
        "not a name of DNS, without scheme and port"
    } else {
        let hosts = &mut config.http.tls.letsencrypt.hosts;
        if !hosts.contains(&name) {
            hosts.push(name);
        }
        return Ok(());
    };
    Err(problem.into())
}

pub(super) fn put_email(config: &mut Config, text: &str) -> Result<(), String> {
    let fits = |c: char| c.is_ascii_graphic() && !"\"(),:;<>?[\\]".contains(c);
    let whole = text.split_once('@').is_some_and(|(name, host)| {
        !name.is_empty() && !host.is_empty() && !host.contains('@') && text.chars().all(fits)
    });
    if !whole {
        return Err("not an address of e-mail".into());
    }
    config.http.tls.letsencrypt.email = text.into();
    Ok(())
}

pub(super) fn put_directoryurl(config: &mut Config, text: &str) -> Result<(), String> {
    let rest = text.strip_prefix("https://").ok_or("who answers is known with https:// alone")?;
    let fits = |c: char| c.is_ascii_graphic() && !"#@\"<>\\^`{|}".contains(c);
    if rest.is_empty() || rest.starts_with(['/', ':']) || !rest.chars().all(fits) {
        return Err("not a URL".into());
    }
    config.http.tls.letsencrypt.directoryurl = text.into();
    Ok(())
}
