//! One connection to a directory: TLS, and the few questions that are asked over it.

use super::fault::{self, Fault};
use super::options::DirectoryOptions;
use ldap3::{
    Ldap, LdapConnAsync, LdapConnSettings, LdapError, Scope, SearchEntry, SearchOptions, SearchResult,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore, crypto};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::AbortHandle;
use tokio::time::timeout;
use url::Url;

/// A connection; without it its task ends.
pub struct Connection {
    ldap: Ldap,
    task: AbortHandle,
    patience: Duration,
    /// Whether it is the searcher's; else it is a person's, or nobody's.
    pub searches: bool,
    /// When it was last used.
    pub used: Instant,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What a search found, and the result that ended it.
pub struct Found {
    pub entries: Vec<SearchEntry>,
    pub result: ldap3::LdapResult,
}

/// How TLS is spoken with a directory; `none` where it is not.
pub fn tls(options: &DirectoryOptions) -> Result<Option<Arc<ClientConfig>>, Fault> {
    if !options.starttls && options.urls.iter().all(|url| url.scheme() == "ldap") {
        return Ok(None);
    }
    let mut roots = RootCertStore::empty();
    match &options.roots {
        Some(path) => {
            for certificate in read(path)? {
                roots.add(certificate).map_err(|error| unusable(path, &error))?;
            }
        }
        None => {
            // Whatever of it cannot be used signs nothing.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if roots.is_empty() {
        let problem =
            "not given, and the system trusts nobody; name a file of certificates in PEM".to_owned();
        return Err(Fault::Lasting(fault::ROOTS, problem));
    }
    let config = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider has suites for them")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Some(Arc::new(config)))
}

fn unusable(path: &Path, why: &dyn std::fmt::Display) -> Fault {
    let problem =
        format!("{}: {why}; name a file of certificates in PEM that this user may read", path.display());
    Fault::Lasting(fault::ROOTS, problem)
}

fn read(path: &Path) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let certificates = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match certificates {
        Ok(certificates) if certificates.is_empty() => Err(unusable(path, &"there is no certificate in it")),
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(unusable(path, &error)),
    }
}

impl Connection {
    /// Connects to one of the places, with TLS where that is to be.
    pub async fn open(
        url: &Url,
        options: &DirectoryOptions,
        tls: Option<Arc<ClientConfig>>,
    ) -> Result<Connection, Fault> {
        let mut settings = LdapConnSettings::new().set_starttls(options.starttls);
        if let Some(tls) = tls {
            settings = settings.set_config(tls);
        }
        let connecting = LdapConnAsync::from_url_with_settings(settings, url);
        let (connection, ldap) = timeout(options.timeout, connecting)
            .await
            .map_err(|_| {
                Fault::Lost(format!("{url}: no connection within {:?} (auth.ldap.timeout)", options.timeout))
            })?
            .map_err(|error| fault::of_connecting(url, options, &error))?;
        // What breaks the connection, whoever waits for an answer is told.
        let task = tokio::spawn(async move { drop(connection.drive().await) }).abort_handle();
        Ok(Connection { ldap, task, patience: options.timeout, searches: false, used: Instant::now() })
    }

    /// Whether it is known to be closed.
    pub fn is_closed(&mut self) -> bool {
        self.ldap.is_closed()
    }

    /// Tries a password. The directory's answer is the result's code.
    pub async fn bind(&mut self, dn: &str, password: &str) -> Result<ldap3::LdapResult, Fault> {
        self.searches = false;
        answered(self.patience, self.ldap.simple_bind(dn, password)).await
    }

    /// Looks for entries, of which `limit` are enough; 0 is all of them.
    pub async fn search(
        &mut self,
        base: &str,
        scope: Scope,
        filter: &str,
        attributes: &[&str],
        limit: i32,
    ) -> Result<Found, Fault> {
        let seconds = i32::try_from(self.patience.as_secs()).unwrap_or(i32::MAX).max(1);
        self.ldap.with_search_options(SearchOptions::new().sizelimit(limit).timelimit(seconds));
        let searching = self.ldap.search(base, scope, filter, attributes);
        let SearchResult(entries, result) = answered(self.patience, searching).await?;
        Ok(Found { entries: entries.into_iter().map(SearchEntry::construct).collect(), result })
    }
}

/// What was asked for, if it comes in time.
async fn answered<T>(
    patience: Duration,
    asked: impl Future<Output = Result<T, LdapError>>,
) -> Result<T, Fault> {
    match timeout(patience, asked).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(Fault::Lost(format!("the directory has gone away ({error})"))),
        Err(_) => {
            Err(Fault::Lost(format!("no answer of the directory within {patience:?} (auth.ldap.timeout)")))
        }
    }
}

/// The values of an attribute, whose name is the same in every case (RFC 4512, 2.5).
pub fn values<'a>(entry: &'a SearchEntry, attribute: &str) -> &'a [String] {
    let found = entry.attrs.iter().find(|(name, _)| name.eq_ignore_ascii_case(attribute));
    found.map_or(&[], |(_, values)| values)
}
