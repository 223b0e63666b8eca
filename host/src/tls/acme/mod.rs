//! Certificates from an authority that makes them without a person: one for each host, kept in a folder, and
//! renewed while the server runs.

mod cache;
mod certificate;
mod order;
mod served;

pub(super) use served::Served;

use crate::FileError;
use crate::config::LetsEncrypt;
use cache::Cache;
use certificate::Certificate;
use instant_acme::Error;
use rustls::{ConfigBuilder, ServerConfig, WantsVerifier};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use time::OffsetDateTime;
use tokio::sync::watch;

/// The protocol in which an authority looks whether a host is ours (RFC 8737).
pub(super) const ALPN: &[u8] = b"acme-tls/1";

/// The longest that one order may take, with everything that is asked for it.
const ATTEMPT: Duration = Duration::from_secs(300);

/// How long to wait after the authority could not be reached; twice as long after each time.
const UNREACHED: Duration = Duration::from_secs(5);

/// How long to wait after the authority refused. It counts refusals, and takes no more orders after some.
const REFUSED: Duration = Duration::from_secs(60);

/// The longest to wait after a failure.
const LONGEST: Duration = Duration::from_secs(3600);

/// The longest to sleep: clocks are set, and machines stand still.
const NAP: Duration = Duration::from_secs(600);

/// What asks the authority for certificates.
pub struct Authority {
    settings: LetsEncrypt,
    cache: Cache,
    /// What answers to an authority that looks are made from.
    builder: ConfigBuilder<ServerConfig, WantsVerifier>,
    answers: watch::Sender<Option<Arc<ServerConfig>>>,
    served: Arc<Served>,
    hosts: Vec<Host>,
}

/// What is known of a host's certificate.
struct Host {
    name: String,
    /// When to ask for the next one.
    due: SystemTime,
    /// Until when there is one.
    ends: Option<SystemTime>,
    /// How often asking has failed since it last did not.
    failures: u32,
}

/// Why there is no certificate.
struct Failure {
    reason: String,
    /// How long to wait after the first time.
    wait: Duration,
    /// When the authority wants to be asked again, where it says so.
    asked_for: Duration,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let wait = match error {
            Error::Other(_) | Error::Http(_) | Error::Hyper(_) | Error::Json(_) => UNREACHED,
            _ => REFUSED,
        };
        let asked_for = match error {
            Error::Timeout(Some(at)) => at.saturating_duration_since(Instant::now()),
            _ => Duration::ZERO,
        };
        Failure { reason: causes(&error), wait, asked_for }
    }
}

impl Failure {
    fn refused(reason: String) -> Failure {
        Failure { reason, wait: REFUSED, asked_for: Duration::ZERO }
    }
}

/// An error and what led to it, in a line.
fn causes(error: &dyn std::error::Error) -> String {
    let chain = std::iter::successors(Some(error), |error| error.source());
    let mut causes: Vec<String> = chain.map(ToString::to_string).collect();
    causes.dedup();
    causes.join(": ")
}

/// How long to wait after so many failures, the first of which asks for `first`.
fn back_off(first: Duration, failures: u32) -> Duration {
    first.saturating_mul(1 << failures.min(16)).min(LONGEST)
}

async fn sleep_until(time: SystemTime) {
    while let Ok(left) = time.duration_since(SystemTime::now()).map(|left| left.min(NAP)) {
        if left.is_zero() {
            return;
        }
        tokio::time::sleep(left).await;
    }
}

/// Reads the files that the settings name and that are the operator's to write.
///
/// # Errors
/// When one cannot be read or is not what its setting asks for.
pub(super) fn check(settings: &LetsEncrypt) -> Result<(), FileError> {
    let file = settings.directoryca.as_ref().filter(|_| settings.cachefile.is_some());
    file.map_or(Ok(()), |file| super::files::root(file, "http.tls.letsencrypt.directoryca"))
}

impl Authority {
    /// Reads the certificates that there are; nothing is asked of the authority yet.
    ///
    /// # Errors
    /// When the folder cannot be written to, or something in it not be read.
    pub(super) fn open(
        settings: &LetsEncrypt,
        builder: ConfigBuilder<ServerConfig, WantsVerifier>,
    ) -> Result<Option<Authority>, FileError> {
        let Some(folder) = &settings.cachefile else { return Ok(None) };
        check(settings)?;
        let cache = Cache::open(folder, builder.crypto_provider().clone())?;
        let served = Arc::new(Served::new(&settings.hosts));
        let mut hosts = Vec::new();
        for name in &settings.hosts {
            let kept = cache.certificate(name)?;
            if let Some(certificate) = &kept {
                served.put(name, certificate.pair.clone());
            }
            hosts.push(Host {
                name: name.clone(),
                due: kept.as_ref().map_or(SystemTime::UNIX_EPOCH, |kept| kept.due),
                ends: kept.map(|kept| kept.ends),
                failures: 0,
            });
        }
        let answers = watch::Sender::new(None);
        Ok(Some(Authority { settings: settings.clone(), cache, builder, answers, served, hosts }))
    }

    /// The certificates as they come.
    pub(super) fn served(&self) -> Arc<Served> {
        self.served.clone()
    }

    /// What those get who ask for [`ALPN`], while an authority is expected to look.
    pub(super) fn answers(&self) -> watch::Receiver<Option<Arc<ServerConfig>>> {
        self.answers.subscribe()
    }

    /// Asks for what is missing, and from then on for what comes to its end, for as long as the process lives. The
    /// authority connects to this server then, which must listen already.
    ///
    /// # Errors
    /// When there can be no thread.
    pub fn start(self) -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let work = move || runtime.block_on(self.work());
        std::thread::Builder::new().name("acme".into()).spawn(work).map(drop)
    }

    async fn work(mut self) {
        loop {
            let next = (0..self.hosts.len()).min_by_key(|at| self.hosts[*at].due);
            let at = next.expect("the configuration names a host");
            sleep_until(self.hosts[at].due).await;
            let outcome = self.renew(&self.hosts[at].name).await;
            let host = &mut self.hosts[at];
            let failure = match outcome {
                Ok(certificate) => {
                    host.ends = Some(certificate.ends);
                    let (ends, due) = (OffsetDateTime::from(certificate.ends), certificate.due);
                    tracing::info!(host = host.name, %ends, renewed = %OffsetDateTime::from(due), "got a certificate");
                    if due > SystemTime::now() {
                        (host.due, host.failures) = (due, 0);
                        continue;
                    }
                    Failure::refused("it is at its end already; look at this machine's clock".into())
                }
                Err(failure) => failure,
            };
            let wait = back_off(failure.wait, host.failures).max(failure.asked_for);
            host.due = SystemTime::now() + wait;
            host.failures += 1;
            host.complain(&failure.reason, wait);
        }
    }

    /// Gets a certificate, keeps and serves it.
    async fn renew(&self, host: &str) -> Result<Certificate, Failure> {
        let obtained = tokio::time::timeout(ATTEMPT, self.obtain(host)).await;
        let pem = obtained.map_err(|_| Error::Timeout(None)).flatten()?;
        let certificate = self.cache.parse(host, pem.as_bytes()).map_err(Failure::refused)?;
        self.cache.keep_certificate(host, &pem);
        self.served.put(host, certificate.pair.clone());
        Ok(certificate)
    }
}

impl Host {
    fn complain(&self, reason: &str, wait: Duration) {
        let (host, again) = (&self.name, tracing::field::debug(wait));
        let Some(ends) = self.ends else {
            tracing::error!(
                host,
                reason,
                again,
                "no certificate could be got, and connections for this host are refused; the authority must be \
                 reachable, and must reach this server on port 443 of the host"
            );
            return;
        };
        let ends = tracing::field::display(OffsetDateTime::from(ends));
        tracing::error!(
            host,
            reason,
            again,
            ends,
            "a certificate could not be renewed; the last one stays in use"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::{Failure, LONGEST, REFUSED, UNREACHED, back_off};
    use instant_acme::{Error, Problem};
    use std::time::{Duration, Instant};

    #[test]
    fn waits_become_longer_with_every_failure_and_end_at_an_hour() {
        let waits: Vec<u64> = (0..5).map(|failures| back_off(REFUSED, failures).as_secs()).collect();
        assert_eq!(waits, [60, 120, 240, 480, 960]);
        assert_eq!(back_off(UNREACHED, 0), Duration::from_secs(5));
        for failures in [6, 40, u32::MAX] {
            assert_eq!(back_off(REFUSED, failures), LONGEST);
        }
    }

    #[test]
    fn a_refusal_counts_for_more_than_an_authority_that_is_away() {
        let problem: Problem = serde_json::from_str(r#"{"detail": "no"}"#).unwrap();
        let refused = Failure::from(Error::Api(problem));
        assert_eq!((refused.wait, refused.asked_for), (REFUSED, Duration::ZERO));
        assert_eq!(Failure::from(Error::Other("away".into())).wait, UNREACHED);
        let later = Instant::now() + Duration::from_secs(7200);
        let asked_for = Failure::from(Error::Timeout(Some(later))).asked_for;
        assert!(asked_for > Duration::from_secs(7100), "{asked_for:?}");
    }
}
