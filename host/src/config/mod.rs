//! What the server is told: distribution's configuration file and `REGISTRY_*` variables, and our own keys.
//!
//! `keys` is the one table of settings. `source` turns the file and the environment into settings that know
//! where they were given, `judge` tells those that work from those that must warn or stop the server, `value`
//! reads each by its type, and this file puts them together.

mod address;
mod auth;
mod azure;
mod debug;
mod effective;
mod error;
mod health;
mod http;
mod judge;
mod keys;
mod ldap;
mod letsencrypt;
mod log;
mod notifications;
mod proxy;
mod source;
mod storage;
mod suggest;
mod tls;
mod validation;
mod value;
mod yaml;

#[cfg(test)]
mod tests;

pub use self::http::{Headers, Http, Net, Proxies};
pub use auth::{Auth, AuthKind, Issuer};
pub use debug::{Debug, HEALTH, Prometheus};
pub use error::ConfigError;
pub use health::{Health, HttpCheck};
pub use judge::{Finding, Verdict};
pub use keys::MAX_THREADS;
pub use letsencrypt::LetsEncrypt;
pub use log::{Formatter, Level, Log};
pub use notifications::Notifications;
pub use proxy::Proxy;
pub use storage::{Driver, Filesystem, S3, Storage, UploadPurging};
pub use tls::{ClientAuth, Tls, TlsVersion};
pub use validation::{Platform, Platforms, Validation};

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

/// The variable that names the configuration file when the command line does not.
pub const FILE_VARIABLE: &str = "REGISTRY_CONFIGURATION_PATH";

/// The setting that says where content lies.
const DIRECTORY: &str = "storage.filesystem.rootdirectory";

/// Where content lies when there is a file and it says nothing of that: where distribution takes it to be, whose file it is.
const WITH_A_FILE: &str = "/var/lib/registry";

/// How many ranges of a blob in a bucket one request gets at most: for each of them the bucket is asked.
const RANGES_IN_A_BUCKET: usize = 16;

/// Everything the server is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `http`: where and how to listen, and how clients see the server.
    pub http: Http,
    /// `log`: what is logged, and how.
    pub log: Log,
    /// `storage`: where content lies.
    pub storage: Storage,
    /// `proxy`: of which registry this one is a cache.
    pub proxy: Proxy,
    /// `catalog.maxentries`: the largest page of repositories.
    pub catalog_maxentries: u32,
    /// `tags.maxtags`: the largest page of tags.
    pub tags_maxtags: u32,
    /// `referrers.maxentries`: the largest page of referrers.
    pub referrers_maxentries: u32,
    /// `validation`: what a manifest must be to be taken.
    pub validation: Validation,
    /// `auth`: who may come in, and how that is known.
    pub auth: Auth,
    /// `access`: who may do what; without rules, whoever is known may do everything.
    pub access: access::Rules,
    /// `health`: what is looked after.
    pub health: Health,
    /// `notifications`: who is told what becomes of content.
    pub notifications: Notifications,
    /// `limits`: what is admitted, and what one request may use.
    pub limits: Limits,
    /// What the operator should know of the configuration, to be logged once logging is up. Without values,
    /// as they may be secret.
    pub warnings: Vec<String>,
}

/// A configuration that was read to its end, whatever is wrong with it.
pub struct Examined {
    /// What came of it; of use where there is no fault. Its warnings are those that no finding tells.
    pub config: Config,
    /// What became of each thing that was given, in the order of the sources, and after them what does not go together.
    pub findings: Vec<Finding>,
    given: Vec<judge::Given>,
}

/// `limits`: what is admitted, and what one request may use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// `limits.requests`: the most requests in flight.
    pub requests: usize,
    /// `limits.connections`: the most open connections.
    pub connections: usize,
    /// `limits.headertimeout`: the longest a client may take to send a request's head.
    pub headertimeout: Duration,
    /// `limits.idletimeout`: the longest a connection or a body may stand still.
    pub idletimeout: Duration,
    /// `limits.lingertime`: how long the rest of a request that was refused may still come in.
    pub lingertime: Duration,
    /// `limits.readbuffer`: how much is read from one connection at a time, in bytes.
    pub readbuffer: usize,
    /// `limits.headers`: the largest head of a request, in bytes.
    pub headers: usize,
    /// `limits.headercount`: the most header fields of a request.
    pub headercount: usize,
    /// `limits.tags`: the most tags that one push of a manifest may name in its query.
    pub tags: usize,
    /// `limits.ranges`: the most ranges of a blob that one request gets; one that asks for more gets the whole blob.
    pub ranges: usize,
    /// `limits.chunkminlength`: the least that clients are asked to send in a chunk, in bytes. Zero: nothing is asked.
    pub chunkminlength: usize,
    /// `limits.cache`: how much of the storage's content is remembered, in bytes.
    pub cache: usize,
    /// `limits.uploadmemory`: how much of uploads to a bucket may be in memory until each keeps as little as it can, in bytes.
    pub uploadmemory: usize,
    /// `limits.memory`: the most memory of one component instance, in bytes.
    pub memory: usize,
    /// `limits.computation`: the longest a component may compute for one request, waiting not counted.
    pub computation: Duration,
    /// `limits.threads`: how many threads serve. Zero: one for each processor core.
    pub threads: usize,
}

impl Limits {
    /// Refuses to allow heads of which not all would be read.
    fn check(&self, given: &[judge::Given]) -> Result<(), ConfigError> {
        if self.headers > self.readbuffer {
            let problem = "more than limits.readbuffer, which bounds heads too; write no more here than there, or more there";
            judge::refuse(given, "limits.headers", problem)?;
        }
        Ok(())
    }
}

impl Config {
    /// Reads the configuration file, if there is one, and lays the environment over it.
    ///
    /// Of the environment only what begins with `REGISTRY_` is looked at; [`FILE_VARIABLE`] is not, as the
    /// command line has heeded it already. What the caller cannot read as UTF-8 it leaves out.
    ///
    /// # Errors
    /// When the file cannot be read or is not a configuration of version 0.1, when a value does not fit its
    /// setting, and when a setting is given that this version cannot honour and must not ignore: the first fault.
    pub fn load(
        file: Option<&Path>,
        env: impl Iterator<Item = (String, String)>,
    ) -> Result<Config, ConfigError> {
        let Examined { mut config, findings, .. } = Config::examine(file, env);
        config.warnings.splice(0..0, judge::warnings(&findings));
        match findings.into_iter().find_map(Finding::into_fault) {
            Some(fault) => Err(fault),
            None => Ok(config),
        }
    }

    /// Reads as [`load`](Config::load) does, to the end whatever is wrong.
    pub fn examine(file: Option<&Path>, env: impl Iterator<Item = (String, String)>) -> Examined {
        let mut config = Config::blank();
        for key in keys::KEYS {
            if let keys::Standing::Honoured(kind) = &key.standing
                && !key.default.is_empty()
            {
                kind.set(&mut config, &value::Text::plain(key.default)).expect("a test sets every default");
            }
        }
        let mut sources = source::Sources::default();
        if let Some(file) = file
            && let Err(fault) = sources.read_file(file)
        {
            // What else there is to say would be said of half a configuration.
            return Examined { config, findings: vec![fault.into()], given: Vec::new() };
        }
        sources.read_environment(env);
        let judge::Judged { mut findings, works, chosen, warnings } = judge::judge(sources);
        let mut given = Vec::new();
        for one in works {
            match one.kind.set(&mut config, &one.text) {
                Ok(()) => given.push(one),
                Err(problem) => {
                    let fault = ConfigError::setting(&one.origin, one.name, problem);
                    findings[one.finding].verdict = Verdict::Fault(fault);
                }
            }
        }
        config.warnings = warnings;
        let checks = [
            auth::complete(&mut config, &chosen, &given),
            config.storage.complete(config.limits.uploadmemory, &chosen, &given),
            config.proxy.check(&config.storage, &given),
            config.http.tls.check(&given),
            config.check_address(&given),
            config.validation.check(&given),
            config.health.complete(config.storage.driver, &given),
            config.notifications.complete(&given),
            config.http.debug.check(Some(&*config.http.addr).filter(|_| config.http.net == Net::Tcp), &given),
            config.limits.check(&given),
        ];
        findings.extend(checks.into_iter().filter_map(Result::err).map(Finding::from));
        config.warnings.extend(config.http.doubts());
        config.warnings.extend(config.proxy.doubts());
        config.warnings.extend(config.http.debug.doubts());
        if file.is_some() && !given.iter().any(|given| given.name == DIRECTORY) {
            config.storage.filesystem.rootdirectory = WITH_A_FILE.into();
        }
        Examined { config, findings, given }
    }

    /// Refuses to listen on a path where none is given.
    fn check_address(&self, given: &[judge::Given]) -> Result<(), ConfigError> {
        if self.http.net == Net::Unix && !given.iter().any(|given| given.name == "http.addr") {
            let problem =
                "a socket in the file system needs a path; give http.addr too, as in /run/pierhead.sock";
            judge::refuse(given, "http.net", problem)?;
        }
        Ok(())
    }

    /// Where to listen: on the first of these addresses whose address family the machine has.
    ///
    /// `:5000` gives `[::]:5000`, which is meant to take IPv4 as well (without `IPV6_V6ONLY`), and after it
    /// `0.0.0.0:5000` for a machine without IPv6. A host name gives one address, IPv4 where it has one. An
    /// address that is already in use is an error, not a reason to try the next.
    ///
    /// # Errors
    /// When the host's name cannot be resolved.
    pub fn listen_addresses(&self) -> Result<Vec<SocketAddr>, ConfigError> {
        address::resolve(&self.http.addr, "http.addr")
    }

    /// Whether clients write nothing: what is kept in a cache is not for them to say.
    pub fn takes_no_writes(&self) -> bool {
        self.storage.readonly || self.proxy.remoteurl.is_some()
    }

    /// The settings that components may ask for, as text under their names. What is not set is not there.
    pub fn settings(&self) -> HashMap<&'static str, String> {
        let ranges = match self.storage.driver {
            Driver::Filesystem => self.limits.ranges,
            Driver::S3 | Driver::Azure => self.limits.ranges.min(RANGES_IN_A_BUCKET),
        };
        let mut settings = HashMap::from([
            ("storage.delete.enabled", self.storage.delete.to_string()),
            ("catalog.maxentries", self.catalog_maxentries.to_string()),
            ("tags.maxtags", self.tags_maxtags.to_string()),
            ("referrers.maxentries", self.referrers_maxentries.to_string()),
            ("limits.tags", self.limits.tags.to_string()),
            ("limits.ranges", ranges.to_string()),
            ("limits.chunkminlength", self.limits.chunkminlength.to_string()),
            ("http.relativeurls", self.http.relativeurls.to_string()),
            ("storage.maintenance.readonly.enabled", self.takes_no_writes().to_string()),
        ]);
        // Where it is they need not know, only that there is one.
        if self.proxy.remoteurl.is_some() {
            settings.insert("proxy", "true".into());
        }
        // Nor who is told of it.
        if self.notifications.told().next().is_some() {
            settings.insert("notifications", "true".into());
        }
        self.validation.describe(&mut settings);
        if let Some(kind) = self.auth.kind.name() {
            settings.insert("auth", kind.to_owned());
            self.auth.describe(&mut settings);
        }
        if !self.access.0.is_empty() {
            settings.insert("access", self.access.to_string());
        }
        if self.http.tls.verifies_clients() {
            settings.insert("http.tls.clientcas", "true".into());
        }
        if let Some(host) = &self.http.host {
            settings.insert("http.host", host.clone());
        }
        if !self.http.prefix.is_empty() {
            settings.insert("http.prefix", self.http.prefix.clone());
        }
        settings
    }

    /// A configuration with nothing in it, to be filled from the table of settings: what is the default stands there.
    fn blank() -> Config {
        Config {
            http: Http::default(),
            log: Log::default(),
            storage: Storage::default(),
            proxy: Proxy::default(),
            catalog_maxentries: 0,
            tags_maxtags: 0,
            referrers_maxentries: 0,
            validation: Validation::default(),
            auth: Auth::default(),
            access: access::Rules::default(),
            health: Health::default(),
            notifications: Notifications::default(),
            limits: Limits::default(),
            warnings: Vec::new(),
        }
    }
}
