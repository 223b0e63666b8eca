//! The certificates that connections get.

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// The certificates that there are, by their hosts.
#[derive(Debug)]
pub(in crate::tls) struct Served {
    /// The host of those who name none, such as probes that know an address alone.
    first: String,
    /// For each host, what there is for it.
    hosts: RwLock<HashMap<String, Option<Arc<CertifiedKey>>>>,
}

impl Served {
    /// None for any of these hosts, of which there is one.
    pub(in crate::tls) fn new(hosts: &[String]) -> Served {
        let none = hosts.iter().map(|host| (host.clone(), None));
        Served { first: hosts[0].clone(), hosts: RwLock::new(none.collect()) }
    }

    /// New connections get this one.
    pub(super) fn put(&self, host: &str, pair: Arc<CertifiedKey>) {
        let mut hosts = self.hosts.write().unwrap_or_else(PoisonError::into_inner);
        hosts.insert(host.to_owned(), Some(pair));
    }
}

impl ResolvesServerCert for Served {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let host = hello.server_name().unwrap_or(&self.first);
        let found = self.hosts.read().unwrap_or_else(PoisonError::into_inner).get(host).cloned();
        match &found {
            None => tracing::info!(host, "a client wants a host that is not in http.tls.letsencrypt.hosts"),
            Some(None) => tracing::info!(host, "a client wants a host for which no certificate has come yet"),
            Some(Some(_)) => {}
        }
        found.flatten()
    }
}
