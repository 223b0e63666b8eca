//! Whether the server can do its work, as far as `health` has it looked after. While a check fails, every request is answered
//! with 503, so that a load balancer sends clients elsewhere.

use crate::config::{Config, HttpCheck};
use crate::redirects::elsewhere;
use crate::storage::Storage;
use reqwest::Url;
use reqwest::redirect::Policy;
use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::timeout;
use upstream::causes;

/// How often a look over HTTP is sent elsewhere.
const REDIRECTS: usize = 5;

/// What a look finds, to come.
type Look = oneshot::Receiver<Result<(), String>>;

/// What fails at the moment.
#[derive(Default)]
pub struct Health {
    fails: AtomicBool,
    failures: Mutex<BTreeMap<String, String>>,
}

/// Something that is looked after.
struct Check {
    /// What it is called, as in distribution.
    name: String,
    interval: Duration,
    /// How long a look may take.
    patience: Duration,
    /// How often in a row it must fail to count.
    threshold: usize,
    look: Arc<dyn Fn() -> Result<(), String> + Send + Sync>,
}

fn is_absent(file: &std::path::Path) -> Result<(), String> {
    match fs::metadata(file) {
        Ok(_) => Err("file exists".into()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

fn connects(server: &str, timeout: Duration) -> Result<(), String> {
    let addresses: Vec<_> = server.to_socket_addrs().map_err(|error| error.to_string())?.collect();
    let mut last = "it has no address".to_owned();
    for address in &addresses {
        match TcpStream::connect_timeout(address, timeout / addresses.len() as u32) {
            Ok(_) => return Ok(()),
            Err(error) => last = error.to_string(),
        }
    }
    Err(last)
}

/// Whether something is there over HTTP.
fn answers(check: &HttpCheck) -> Result<(), String> {
    let Some(uri) = check.uri.clone() else { return Ok(()) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let late = |_| Err(format!("no answer within {:?}", check.timeout));
    runtime.block_on(async { timeout(check.timeout, asked(check, uri)).await.unwrap_or_else(late) })
}

async fn asked(check: &HttpCheck, uri: Url) -> Result<(), String> {
    let client = upstream::client().pool_max_idle_per_host(0).redirect(Policy::none()).build();
    let client = client.map_err(causes)?;
    let has_secrets = !check.headers.is_empty() || !uri.username().is_empty() || uri.password().is_some();
    let mut url = uri.clone();
    for _ in 0..=REDIRECTS {
        let request = client.head(url).headers(check.headers.clone());
        let answer = request.send().await.map_err(causes)?;
        let status = answer.status();
        let there = match elsewhere(&answer, &uri) {
            _ if status == check.statuscode => return Ok(()),
            Some(there) if !check.statuscode.is_redirection() => there,
            _ => return Err(format!("it answers {status}, and not {}", check.statuscode)),
        };
        if has_secrets && !there.is_same_host {
            let host = there.url.host_str().unwrap_or_default();
            return Err(format!(
                "it answers {status} to {host}, where it is not asked, for its headers or its password are for the one host alone, and \
                 not without TLS; write the URL where it is"
            ));
        }
        url = there.url;
    }
    Err("it is sent elsewhere again and again".into())
}

fn checks(config: &Config, storage: &Storage) -> Vec<Check> {
    let mut checks = Vec::new();
    let looks = &config.health.storagedriver;
    if looks.enabled {
        let storage = storage.clone();
        checks.push(Check {
            name: config.storage.driver.check().into(),
            interval: looks.interval,
            patience: looks.interval,
            threshold: looks.threshold,
            look: Arc::new(move || storage.check().map_err(|error| error.to_string())),
        });
    }
    for check in config.health.file.iter().cloned() {
        checks.push(Check {
            name: check.file.display().to_string(),
            interval: check.interval,
            patience: check.interval,
            threshold: 0,
            look: Arc::new(move || is_absent(&check.file)),
        });
    }
    for check in config.health.tcp.iter().cloned() {
        checks.push(Check {
            name: check.addr.clone(),
            interval: check.interval,
            // It gives up itself, and says why.
            patience: check.timeout + Duration::from_secs(1),
            threshold: check.threshold,
            look: Arc::new(move || connects(&check.addr, check.timeout)),
        });
    }
    for (at, check) in config.health.http.iter().cloned().enumerate() {
        // Those of which only what is not shown differs are told apart by their places.
        let name = check.name();
        let is_shared = config.health.http.iter().filter(|other| other.name() == name).count() > 1;
        checks.push(Check {
            name: if is_shared { format!("{name} (health.http.{at})") } else { name },
            interval: check.interval,
            // As above.
            patience: check.timeout + Duration::from_secs(1),
            threshold: check.threshold,
            look: Arc::new(move || answers(&check)),
        });
    }
    checks
}

impl Check {
    /// Looks, on a thread of its own: what waits for a disk that is gone keeps neither others waiting nor the server from
    /// its end.
    fn begin(&self) -> Look {
        let (tell, answer) = oneshot::channel();
        let look = self.look.clone();
        let begun = std::thread::Builder::new().name("health".into()).spawn(move || tell.send(look()));
        match begun {
            Ok(_) => answer,
            Err(error) => {
                let (tell, answer) = oneshot::channel();
                let _ = tell.send(Err(format!("no thread can be had to look: {error}")));
                answer
            }
        }
    }

    /// What is found now. A look that takes too long is `late`: none is begun before it has ended, and what it finds then is
    /// of another time.
    async fn found(&self, late: &mut Option<Look>) -> Result<(), String> {
        let too_long = || Err(format!("no answer within {:?}", self.patience));
        if let Some(look) = late {
            if timeout(self.patience, look).await.is_err() {
                return too_long();
            }
            *late = None;
        }
        let mut look = self.begin();
        match timeout(self.patience, &mut look).await {
            Ok(found) => found.unwrap_or_else(|_| Err("the check itself failed".into())),
            Err(_) => {
                *late = Some(look);
                too_long()
            }
        }
    }
}

impl Health {
    /// Begins to look after what the configuration names, for as long as the runtime lives in which this is called.
    pub fn begin(config: &Config, storage: &Storage) -> Arc<Health> {
        let health = Arc::new(Health::default());
        for check in checks(config, storage) {
            tokio::spawn(health.clone().watch(check));
        }
        health
    }

    /// Whether something does.
    pub fn fails(&self) -> bool {
        self.fails.load(Ordering::Relaxed)
    }

    /// The checks that fail, each with why.
    pub fn failures(&self) -> BTreeMap<String, String> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn watch(self: Arc<Self>, check: Check) {
        let (mut late, mut failed) = (None, 0);
        loop {
            let found = check.found(&mut late).await;
            failed = if found.is_ok() { 0 } else { failed + 1 };
            self.note(&check, found, failed);
            tokio::time::sleep(check.interval).await;
        }
    }

    /// Takes note of what a check found, which has now failed so often in a row.
    fn note(&self, check: &Check, found: Result<(), String>, failed: usize) {
        let mut failures = self.lock();
        match found {
            Ok(()) if failures.remove(&check.name).is_some() => {
                tracing::info!(check = check.name, "a check of health passes again");
            }
            Ok(()) => {}
            Err(reason) if failed < check.threshold => {
                tracing::warn!(check = check.name, failed, reason, "a check of health failed");
            }
            Err(reason) => {
                if failures.insert(check.name.clone(), reason.clone()).is_none() {
                    tracing::error!(
                        check = check.name,
                        reason,
                        "a check of health fails: every request is answered with 503 until it passes"
                    );
                }
            }
        }
        self.fails.store(!failures.is_empty(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;
    use std::sync::mpsc;

    async fn becomes(health: &Health, fails: bool) {
        for _ in 0..5000 {
            if health.fails() == fails {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        panic!("it does not come to that");
    }

    #[tokio::test]
    async fn what_hangs_fails_and_is_not_begun_again_until_it_answers() {
        let (go, wait) = mpsc::channel::<()>();
        let (begun, wait) = (Arc::new(AtomicUsize::new(0)), Mutex::new(wait));
        let count = begun.clone();
        let check = Check {
            name: "disk".into(),
            interval: Duration::from_millis(1),
            patience: Duration::from_millis(5),
            threshold: 2,
            look: Arc::new(move || {
                count.fetch_add(1, Ordering::SeqCst);
                let _ = wait.lock().unwrap().recv();
                Ok(())
            }),
        };
        let health = Arc::new(Health::default());
        tokio::spawn(health.clone().watch(check));
        becomes(&health, true).await;
        assert_eq!(health.failures()["disk"], "no answer within 5ms");
        assert_eq!(begun.load(Ordering::SeqCst), 1);
        drop(go);
        becomes(&health, false).await;
        assert_eq!(health.failures(), BTreeMap::new());
    }

    #[tokio::test]
    async fn what_a_look_finds_that_took_too_long_is_of_no_use() {
        let check = Check {
            name: "disk".into(),
            interval: Duration::from_millis(20),
            patience: Duration::from_millis(20),
            threshold: 3,
            look: Arc::new(|| {
                std::thread::sleep(Duration::from_millis(30));
                Ok(())
            }),
        };
        let health = Arc::new(Health::default());
        tokio::spawn(health.clone().watch(check));
        becomes(&health, true).await;
        for _ in 0..200 {
            tokio::time::sleep(Duration::from_millis(1)).await;
            assert!(health.fails());
        }
    }
}
