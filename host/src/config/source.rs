//! The file and the environment, as settings that know where they were given.

use super::keys::{self, Standing};
use super::value::Text;
use super::{ConfigError, FILE_VARIABLE, judge, yaml};
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Where a setting was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// In a file, on a line.
    File { file: String, line: usize },
    /// By a variable.
    Variable(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::File { file, line } => write!(f, "{file}, line {line}"),
            Origin::Variable(name) => write!(f, "the variable {}", name.escape_debug()),
        }
    }
}

impl Origin {
    /// The name that a variable stands for, a level each.
    pub(super) fn path(&self) -> Option<Vec<String>> {
        match self {
            Origin::File { .. } => None,
            Origin::Variable(name) => Some(name.split('_').skip(1).map(str::to_lowercase).collect()),
        }
    }

    /// A setting's name as it would be spelt here.
    pub(super) fn spell(&self, name: &str) -> String {
        match self {
            Origin::File { .. } => name.into(),
            Origin::Variable(_) => format!("REGISTRY_{}", name.to_ascii_uppercase().replace('.', "_")),
        }
    }
}

/// What was given for a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// Nothing: as if it had not been mentioned, except that it takes back what was there.
    Null,
    /// An empty map or list.
    Empty,
    /// A list.
    List,
    /// A scalar, which is not empty.
    Text(Text),
}

/// One thing that was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Setting {
    /// Its name, a level each, in lower case.
    pub path: Vec<String>,
    /// What was given.
    pub value: Value,
    /// Where.
    pub origin: Origin,
}

impl Setting {
    /// Its name, fit for a message. What the value of a variable has for names is shown where the variable is a group of
    /// settings: elsewhere it may be part of a secret, which YAML takes for a map.
    pub(super) fn name(&self) -> String {
        let own = self.origin.path().filter(|own| keys::group(own).is_empty());
        let known = keys::find(&self.path).is_some_and(|key| matches!(key.standing, Standing::Honoured(_)));
        let path = own.as_ref().filter(|_| !known).unwrap_or(&self.path);
        path.join(".").escape_debug().to_string()
    }
}

/// The settings of a file and of an environment.
#[derive(Default)]
pub(super) struct Sources {
    /// What was given, in the order of the sources.
    pub settings: Vec<Setting>,
    /// What is wrong with them, as far as they could be read at all.
    pub faults: Vec<ConfigError>,
    /// What the operator should know.
    pub warnings: Vec<String>,
}

/// The largest configuration file, in bytes: rules for a thousand teams are far smaller.
const MAX_FILE: u64 = 1 << 20;

/// What a file has in it, if that is not too much.
fn read(file: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(file)?.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > MAX_FILE {
        true => Err(io::Error::other("more than 1MiB")),
        false => Ok(bytes),
    }
}

impl Sources {
    /// Reads distribution's file.
    ///
    /// # Errors
    /// When it is no configuration at all; what is wrong with single settings is among the faults.
    pub(super) fn read_file(&mut self, file: &Path) -> Result<(), ConfigError> {
        let name = file.display().to_string();
        let bytes = read(file).map_err(|source| ConfigError::Unreadable { file: name.clone(), source })?;
        let source = String::from_utf8(bytes).map_err(|error| {
            let line = error.as_bytes()[..error.utf8_error().valid_up_to()].split(|b| *b == b'\n').count();
            let place = Origin::File { file: name.clone(), line };
            ConfigError::malformed(place, "not text in UTF-8; write the configuration as YAML")
        })?;
        let (settings, faults) = yaml::read_file(&name, &source)?;
        (self.settings, self.faults) = (settings, faults);
        Ok(())
    }

    /// Lays variables over what is there, in the order of their names.
    pub(super) fn read_environment(&mut self, env: impl Iterator<Item = (String, String)>) {
        let mut variables: Vec<_> = env
            .filter(|(name, _)| name.starts_with("REGISTRY_") && name != FILE_VARIABLE)
            .filter(|(name, value)| !is_service_link(name, value))
            .collect();
        variables.sort();
        for (name, value) in variables {
            let origin = Origin::Variable(name);
            let path = origin.path().unwrap_or_default();
            if path == ["version"] {
                self.warnings.push(format!("{origin} has no effect: the file alone has a version"));
                continue;
            }
            let (given, faults) = yaml::read_variable(origin, &path, &value);
            self.faults.extend(faults);
            if let [one] = given.as_slice() {
                if path != ["auth"]
                    && matches!(one.value, Value::Null | Value::Empty)
                    && let Err(fault) = judge::refuse_group(one)
                {
                    self.faults.push(fault);
                    continue;
                }
                // Distribution throws the file's block away here; but who names the storage that is in use
                // anyway does not want its directory forgotten.
                let elsewhere = |setting: &Setting| match setting.path.as_slice() {
                    [storage, driver, ..] => storage == "storage" && ["s3", "azure"].contains(&&**driver),
                    _ => false,
                };
                if path == ["storage"]
                    && one.value == Value::Text(Text::plain("filesystem"))
                    && !self.settings.iter().any(elsewhere)
                {
                    continue;
                }
            }
            self.settings.retain(|setting| !setting.path.starts_with(&path));
            self.settings.extend(given);
        }
    }
}

/// Kubernetes describes every service to every container by variables that begin with the service's name, which
/// is often `registry`: `REGISTRY_PORT=tcp://10.0.0.1:5000`, `REGISTRY_SERVICE_HOST`.
fn is_service_link(name: &str, value: &str) -> bool {
    let parts: Vec<&str> = name.split('_').collect();
    let number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let protocol = |part: &str| matches!(part, "TCP" | "UDP" | "SCTP");
    let port = match parts.as_slice() {
        [.., "PORT", n, p] | [.., "PORT", n, p, "PROTO" | "PORT" | "ADDR"] if number(n) => protocol(p),
        [.., "PORT"] => ["tcp://", "udp://", "sctp://"].iter().any(|scheme| value.starts_with(scheme)),
        _ => false,
    };
    port || name.ends_with("_SERVICE_HOST")
        || name.ends_with("_SERVICE_PORT")
        || name.contains("_SERVICE_PORT_")
}
