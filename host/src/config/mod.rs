//! What the server is told: distribution's configuration file and `REGISTRY_*` variables, and our own keys.
//!
//! `keys` is the one table of settings. `source` turns the file and the environment into settings that know
//! where they were given, `judge` tells those that work from those that must warn or stop the server, `value`
//! reads each by its type, and this file puts them together.

mod address;
pub(crate) mod auth;
mod error;
mod judge;
mod keys;
mod ldap;
mod source;
mod suggest;
mod tls;
mod value;
mod yaml;

#[cfg(test)]
mod tests;

pub use auth::{Auth, AuthKind};
pub use error::ConfigError;
pub use tls::{ClientAuth, Tls, TlsVersion};

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The variable that names the configuration file when the command line does not.
pub const FILE_VARIABLE: &str = "REGISTRY_CONFIGURATION_PATH";

/// Everything the server is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `http`: where and how to listen, and how clients see the server.
    pub http: Http,
    /// `log`: what is logged.
    pub log: Log,
    /// `storage`: where content lies.
    pub storage: Storage,
    /// `catalog.maxentries`: the largest page of repositories.
    pub catalog_maxentries: u32,
    /// `tags.maxtags`: the largest page of tags.
    pub tags_maxtags: u32,
    /// `referrers.maxentries`: the largest page of referrers.
    pub referrers_maxentries: u32,
    /// `validation.manifests`: what must be there before a manifest is taken.
    pub validation: Validation,
    /// `auth`: who may come in, and how that is known.
    pub auth: Auth,
    /// `access`: who may do what; without rules, whoever is known may do everything.
    pub access: access::Rules,
    /// `limits`: what is admitted, and what one request may use.
    pub limits: Limits,
    /// What the operator should know of the configuration, to be logged once logging is up. Without values,
    /// as they may be secret.
    pub warnings: Vec<String>,
}

/// `http`: where and how to listen, and how clients see the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http {
    /// `http.net`: what `http.addr` is.
    pub net: Net,
    /// `http.addr` as given: a path with [`Net::Unix`], else what [`Config::listen_addresses`] resolves.
    pub addr: String,
    /// `http.host`: the URL that clients use, without a slash at the end. It wins over what a request says.
    pub host: Option<String>,
    /// `http.relativeurls`: whether Location is relative.
    pub relativeurls: bool,
    /// `http.draintimeout`: how long a stopping server waits for requests in flight. Zero: not at all.
    pub draintimeout: Duration,
    /// `http.http2.disabled`: whether HTTP/2 is not spoken.
    pub http2_disabled: bool,
    /// `http.h2c.enabled`: whether it is spoken without TLS, unless it is not spoken at all.
    pub h2c: bool,
    /// `http.tls`: certificates.
    pub tls: Tls,
}

/// What `http.addr` is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Net {
    /// A host and a port.
    #[default]
    Tcp,
    /// A path, of a socket in the file system.
    Unix,
}

impl Net {
    fn parse(text: &str) -> Option<Net> {
        match text.to_ascii_lowercase().as_str() {
            "tcp" => Some(Net::Tcp),
            "unix" => Some(Net::Unix),
            _ => None,
        }
    }
}

/// `log`: what is logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// `log.level`: the least severe level that is logged.
    pub level: Level,
}

/// A level of severity, in distribution's spelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Something failed.
    Error,
    /// Something should be looked at.
    Warn,
    /// What happens: starts, stops, requests.
    Info,
    /// What helps to find a fault.
    Debug,
}

/// `storage`: where content lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Storage {
    /// `storage.filesystem`: the directory.
    pub filesystem: Filesystem,
    /// `storage.delete.enabled`: whether manifests, tags and blobs may be deleted.
    pub delete: bool,
    /// `storage.maintenance.uploadpurging`: uploads that nobody finishes.
    pub uploadpurging: UploadPurging,
}

/// `storage.maintenance.uploadpurging`: uploads that nobody finishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadPurging {
    /// `enabled`: whether they are removed.
    pub enabled: bool,
    /// `age`: how old one must be.
    pub age: Duration,
    /// `interval`: how often to look for them.
    pub interval: Duration,
    /// `dryrun`: whether they are only counted.
    pub dryrun: bool,
}

/// `storage.filesystem`: content in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filesystem {
    /// `storage.filesystem.rootdirectory`: the directory, relative to the working directory unless absolute.
    pub rootdirectory: PathBuf,
    /// `storage.filesystem.fsync`: whether content is on the disk before it is acknowledged.
    pub fsync: bool,
}

/// `validation.manifests`: what must be there before a manifest is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Validation {
    /// `blobs.required`: whether its blobs must be.
    pub blobs_required: bool,
    /// `indexes.platforms`: which manifests of an index must be.
    pub platforms: Platforms,
    /// `indexes.platformlist`: those that must be there, with [`Platforms::List`].
    pub platformlist: Vec<Platform>,
}

/// Which manifests of an index must be there, in distribution's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platforms {
    /// All.
    All,
    /// None: a sparse index is taken.
    None,
    /// Those of the platforms in a list.
    List,
}

/// Where an image runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Platform {
    /// The processor: `amd64`.
    pub architecture: String,
    /// The operating system: `linux`.
    pub os: String,
}

/// `limits`: what is admitted, and what one request may use.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// `limits.chunkminlength`: the least that clients are asked to send in a chunk, in bytes. Zero: nothing is asked.
    pub chunkminlength: usize,
    /// `limits.cache`: how much of the storage's content is remembered, in bytes.
    pub cache: usize,
    /// `limits.memory`: the most memory of one component instance, in bytes.
    pub memory: usize,
    /// `limits.computation`: the longest a component may compute for one request, waiting not counted.
    pub computation: Duration,
    /// `limits.threads`: how many threads serve. Zero: one for each processor core.
    pub threads: usize,
}

impl Config {
    /// Reads the configuration file, if there is one, and lays the environment over it.
    ///
    /// Of the environment only what begins with `REGISTRY_` is looked at; [`FILE_VARIABLE`] is not, as the
    /// command line has heeded it already. What the caller cannot read as UTF-8 it leaves out.
    ///
    /// # Errors
    /// When the file cannot be read or is not a configuration of version 0.1, when a value does not fit its
    /// setting, and when a setting is given that this version cannot honour and must not ignore.
    pub fn load(
        file: Option<&Path>,
        env: impl Iterator<Item = (String, String)>,
    ) -> Result<Config, ConfigError> {
        let mut sources = source::Sources::default();
        if let Some(file) = file {
            sources.read_file(file)?;
        }
        sources.read_environment(env)?;

        let mut config = Config::blank();
        for key in keys::KEYS {
            if let keys::Standing::Honoured(kind) = &key.standing
                && !key.default.is_empty()
            {
                kind.set(&mut config, &value::Text::plain(key.default))
                    .map_err(|problem| ConfigError::setting("the built-in default", key.name, problem))?;
            }
        }
        let judge::Judged { works: given, chosen, warnings } = judge::judge(sources)?;
        for given in &given {
            given
                .kind
                .set(&mut config, &given.text)
                .map_err(|problem| ConfigError::setting(&given.origin, given.name, problem))?;
        }
        config.warnings = warnings;
        auth::complete(&mut config, &chosen, &given)?;
        config.http.tls.check(&given)?;
        if let Some(net) = given.iter().find(|given| given.name == "http.net")
            && config.http.net == Net::Unix
            && !given.iter().any(|given| given.name == "http.addr")
        {
            let problem =
                "a socket in the file system needs a path; give http.addr too, as in /run/pierhead.sock";
            return Err(ConfigError::setting(&net.origin, net.name, problem));
        }
        let halved = |one: &Platform| one.architecture.is_empty() || one.os.is_empty();
        if let Some(at) = config.validation.platformlist.iter().position(halved) {
            let list = "validation.manifests.indexes.platformlist";
            let name = format!("{list}.{at}");
            let origin = given.iter().find(|given| given.name.starts_with(list)).map(|given| &given.origin);
            let origin = origin.map(ToString::to_string).unwrap_or_default();
            return Err(ConfigError::setting(
                origin,
                name,
                "half a platform; write its architecture and its os",
            ));
        }
        let directory = "storage.filesystem.rootdirectory";
        if let Some(file) = file
            && !given.iter().any(|given| given.name == directory)
        {
            config.warnings.push(format!(
                "{}: {directory} is not given: content lies in {}, where distribution takes /var/lib/registry",
                file.display(),
                config.storage.filesystem.rootdirectory.display()
            ));
        }
        Ok(config)
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
        address::resolve(&self.http.addr)
    }

    /// The settings that components may ask for, as text under their names. What is not set is not there.
    pub fn settings(&self) -> HashMap<&'static str, String> {
        let platforms = match self.validation.platforms {
            Platforms::All => "all",
            Platforms::None => "none",
            Platforms::List => "list",
        };
        let mut settings = HashMap::from([
            ("storage.delete.enabled", self.storage.delete.to_string()),
            ("catalog.maxentries", self.catalog_maxentries.to_string()),
            ("tags.maxtags", self.tags_maxtags.to_string()),
            ("referrers.maxentries", self.referrers_maxentries.to_string()),
            ("limits.tags", self.limits.tags.to_string()),
            ("limits.chunkminlength", self.limits.chunkminlength.to_string()),
            ("http.relativeurls", self.http.relativeurls.to_string()),
            ("validation.manifests.blobs.required", self.validation.blobs_required.to_string()),
            ("validation.manifests.indexes.platforms", platforms.to_owned()),
        ]);
        if self.validation.platforms == Platforms::List {
            let list = self.validation.platformlist.iter();
            let list: Vec<String> = list.map(|one| [&one.os, "/", &one.architecture].concat()).collect();
            settings.insert("validation.manifests.indexes.platformlist", list.join(" "));
        }
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
        settings
    }

    /// A configuration with nothing in it, to be filled from the table of settings.
    fn blank() -> Config {
        Config {
            http: Http {
                net: Net::default(),
                addr: String::new(),
                host: None,
                relativeurls: false,
                draintimeout: Duration::ZERO,
                http2_disabled: false,
                h2c: false,
                tls: Tls::default(),
            },
            log: Log { level: Level::Info },
            storage: Storage {
                filesystem: Filesystem { rootdirectory: PathBuf::new(), fsync: false },
                delete: false,
                uploadpurging: UploadPurging {
                    enabled: false,
                    age: Duration::ZERO,
                    interval: Duration::ZERO,
                    dryrun: false,
                },
            },
            catalog_maxentries: 0,
            tags_maxtags: 0,
            referrers_maxentries: 0,
            validation: Validation {
                blobs_required: false,
                platforms: Platforms::All,
                platformlist: Vec::new(),
            },
            auth: Auth::default(),
            access: access::Rules::default(),
            limits: Limits {
                requests: 0,
                connections: 0,
                headertimeout: Duration::ZERO,
                idletimeout: Duration::ZERO,
                lingertime: Duration::ZERO,
                readbuffer: 0,
                headers: 0,
                headercount: 0,
                tags: 0,
                chunkminlength: 0,
                cache: 0,
                memory: 0,
                computation: Duration::ZERO,
                threads: 0,
            },
            warnings: Vec::new(),
        }
    }
}
