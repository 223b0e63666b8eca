//! `notifications`: who is told what becomes of content, as in distribution.

use super::judge::{self, Given};
use super::{ConfigError, value};
use crate::notifications::{self as told, Action};
use http::HeaderMap;
use std::time::Duration;

/// `notifications`: who is told what becomes of content.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notifications {
    /// `events.includereferences`: whether of manifests it is told what they refer to.
    pub includereferences: bool,
    /// `endpoints`: who is told.
    pub endpoints: Vec<Endpoint>,
}

/// An entry of `notifications.endpoints`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// `disabled`: whether it is told nothing.
    pub disabled: bool,
    /// The rest of it.
    pub to: told::Endpoint,
}

impl Default for Endpoint {
    fn default() -> Endpoint {
        Endpoint {
            disabled: false,
            to: told::Endpoint {
                name: String::new(),
                url: None,
                headers: HeaderMap::new(),
                timeout: Duration::from_secs(1),
                threshold: 10,
                backoff: Duration::from_secs(1),
                ignored_types: Vec::new(),
                ignored_actions: Vec::new(),
                queue: 10_000,
            },
        }
    }
}

/// The most failures in a row before an endpoint is left alone.
pub(super) const MAX_THRESHOLD: usize = 1_000_000;

/// The most events that wait for an endpoint.
pub(super) const MAX_QUEUE: usize = 1_000_000;

pub(super) const DURATION: &str = "a duration, as in 500ms (0: the default)";
pub(super) const ACTIONS: &str = "pull, push, mount or delete";

/// Reads a duration, of which zero stands for what holds anyway.
pub(super) fn duration(text: &str, slot: &mut Duration) -> Result<(), String> {
    let time = value::time(text, Duration::ZERO)?;
    if !time.is_zero() {
        *slot = time;
    }
    Ok(())
}

pub(super) fn action(text: &str) -> Result<Action, String> {
    match text.to_ascii_lowercase().as_str() {
        "pull" => Ok(Action::Pull),
        "push" => Ok(Action::Push),
        "mount" => Ok(Action::Mount),
        "delete" => Ok(Action::Delete),
        _ => Err(format!("not one of these; write {ACTIONS}")),
    }
}

impl Notifications {
    /// Those who are told.
    pub fn told(&self) -> impl Iterator<Item = &told::Endpoint> {
        self.endpoints.iter().filter(|endpoint| !endpoint.disabled).map(|endpoint| &endpoint.to)
    }

    /// Refuses endpoints that are nowhere, and names those that have no name.
    pub(super) fn complete(&mut self, given: &[Given]) -> Result<(), ConfigError> {
        for (at, Endpoint { disabled, to }) in self.endpoints.iter_mut().enumerate() {
            let host = to.url.as_ref().and_then(|url| url.host_str());
            if to.name.is_empty() {
                to.name = host.unwrap_or_default().to_owned();
            }
            if to.url.is_none() && !*disabled {
                let problem =
                    "an endpoint that is nowhere; write its url, or disabled: true (the first entry is 0)";
                return Err(judge::entry(given, "notifications.endpoints", at, problem));
            }
        }
        Ok(())
    }
}
