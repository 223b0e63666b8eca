//! Which settings work, which have no effect, and which must stop the server from starting.

use super::keys::{self, Standing};
use super::source::{Origin, Setting, Sources, Value};
use super::value::{Kind, Text, switch};
use super::{ConfigError, suggest};

/// A setting that works, and the value for it.
pub(super) struct Given {
    pub name: &'static str,
    pub kind: &'static Kind,
    pub text: Text,
    pub origin: Origin,
}

/// An implementation that was chosen: `htpasswd` of `auth`.
pub(super) struct Chosen {
    pub name: &'static str,
    pub kind: &'static str,
    pub origin: Origin,
}

/// What came of the settings that were given.
pub(super) struct Judged {
    /// Those that work, in the order of the table.
    pub works: Vec<Given>,
    /// The implementations that were named.
    pub chosen: Vec<Chosen>,
    /// What to warn of.
    pub warnings: Vec<String>,
}

/// Tells settings that work from those that do not, and what to warn of.
pub(super) fn judge(sources: Sources) -> Result<Judged, ConfigError> {
    let Sources { settings, mut warnings } = sources;
    let (mut works, mut chosen) = (Vec::new(), Vec::new());
    let mut without_effect: Vec<&str> = Vec::new();
    for setting in settings {
        if let Some(key) = keys::choice(&setting.path) {
            chosen.extend(chosen_by(key, &setting)?);
            if keys::spells(&setting.path, key.name) {
                continue;
            }
        }
        let Some(key) = keys::find(&setting.path) else {
            warnings.extend(judge_unknown(&setting)?);
            continue;
        };
        match &key.standing {
            Standing::Honoured(kind) => works.extend(value_of(key.name, kind, setting)?),
            Standing::Ignored { unless } => {
                // One warning for all that goes without the same thing.
                if !harmless(&setting.value, unless) && !without_effect.contains(&key.meaning) {
                    without_effect.push(key.meaning);
                    let (origin, name) = (&setting.origin, key.name);
                    warnings.push(format!("{origin}: {name} has no effect in this version: {}", key.meaning));
                }
            }
            Standing::Refused { unless, remedy } => {
                if !harmless(&setting.value, unless) {
                    let remedy = (*remedy).to_owned();
                    return Err(ConfigError::unsupported(&setting.origin, setting.name(), remedy));
                }
            }
            Standing::Unneeded | Standing::Choice { .. } => {}
        }
    }
    works.sort_by_key(|given: &Given| keys::KEYS.iter().position(|key| key.name == given.name));
    Ok(Judged { works, chosen, warnings })
}

/// The value of a setting that works; nothing where it is as good as not given.
fn value_of(name: &'static str, kind: &'static Kind, setting: Setting) -> Result<Option<Given>, ConfigError> {
    let origin = setting.origin;
    match setting.value {
        Value::Text(mut text) => {
            match kind {
                Kind::Header(_) => text.under = keys::header(&setting.path).map(Into::into),
                _ => text.entry = setting.path.iter().find_map(|part| part.parse().ok()),
            }
            Ok(Some(Given { name, kind, text, origin }))
        }
        // To fall back to the default here would show an empty registry.
        Value::Null if matches!(kind, Kind::Directory(_)) => {
            Err(ConfigError::setting(origin, name, "empty; write a directory, or leave the setting out"))
        }
        Value::Null => Ok(None),
        Value::Empty if matches!(kind, Kind::Header(_)) => Ok(None),
        Value::Empty | Value::List => {
            Err(ConfigError::setting(origin, name, format!("takes one value; write {}", kind.unit())))
        }
    }
}

/// Refuses a value for a group of settings. An empty one from a variable as well: what the file says in the group
/// would be forgotten unnoticed.
pub(super) fn refuse_group(setting: &Setting) -> Result<(), ConfigError> {
    let group = keys::group(&setting.path);
    if group.is_empty() {
        return Ok(());
    }
    let works = |key: &&&keys::Key| matches!(key.standing, Standing::Honoured(_));
    let mut names: Vec<_> = group.iter().filter(works).map(|key| setting.origin.spell(key.name)).collect();
    if names.is_empty() {
        names = group.iter().map(|key| setting.origin.spell(key.name)).collect();
    }
    let problem =
        format!("a group of settings, which takes no value itself; set one of {}", names.join(", "));
    Err(ConfigError::setting(&setting.origin, setting.name(), problem))
}

/// Whether ignoring a value ignores nothing.
fn harmless(value: &Value, unless: &[&str]) -> bool {
    match value {
        Value::Null | Value::Empty => true,
        Value::List => false,
        Value::Text(Text { text, .. }) => {
            let same = |other: &str| {
                text.eq_ignore_ascii_case(other) || switch(text).is_some_and(|on| switch(other) == Some(on))
            };
            text.is_empty() || unless.iter().any(|other| same(other))
        }
    }
}

/// Which implementation a setting chooses, if any; refuses whatever chooses another than there are.
fn chosen_by(key: &'static keys::Key, setting: &Setting) -> Result<Option<Chosen>, ConfigError> {
    let Standing::Choice { only, beside, remedy } = &key.standing else { return Ok(None) };
    let choice = |word: &str| {
        let kind = only.iter().find(|kind| word.eq_ignore_ascii_case(kind))?;
        Some(Chosen { name: key.name, kind, origin: setting.origin.clone() })
    };
    let mut remedy = (*remedy).to_owned();
    let name = match (&setting.path[key.name.split('.').count()..], &setting.value) {
        ([], Value::Null | Value::Empty) => return Ok(None),
        ([], Value::Text(Text { text, .. })) if text.is_empty() => return Ok(None),
        ([], Value::Text(Text { text, .. })) if let Some(chosen) = choice(text) => return Ok(Some(chosen)),
        // What was chosen is a value here, and values are not for messages.
        ([], _) => key.name.to_owned(),
        ([group, ..], _) if beside.contains(&group.as_str()) => return Ok(None),
        ([group, ..], _) if let Some(chosen) = choice(group) => return Ok(Some(chosen)),
        ([..], _) => {
            if let Some(near) = suggest::nearest(&setting.path) {
                remedy = format!("{remedy}; if {} was meant, write that", setting.origin.spell(near));
            }
            setting.name()
        }
    };
    Err(ConfigError::unsupported(&setting.origin, name, remedy))
}

/// What to say of a name that is not in the table: groups take no value, settings take no names beneath them, and
/// all others are unknown.
fn judge_unknown(setting: &Setting) -> Result<Option<String>, ConfigError> {
    let nothing = matches!(setting.value, Value::Null | Value::Empty);
    let rules = match setting.path.as_slice() {
        [access] => access == "access" && setting.value == Value::Empty,
        [access, _] => access == "access" && nothing,
        _ => false,
    };
    if rules {
        // Without rules whoever is known may do everything: nobody says that with a list in which there are none.
        let problem = "no rule; write who, repositories and actions, or leave access out to let whoever is logged in do everything";
        return Err(ConfigError::setting(&setting.origin, setting.name(), problem));
    }
    if !nothing {
        refuse_group(setting)?;
    } else if !keys::group(&setting.path).is_empty() {
        return Ok(None);
    }
    if setting.path[0] == "access" {
        // A condition that was meant to hold and does not would grant too much.
        let problem = "not part of a rule; a rule has who, repositories and actions";
        return Err(ConfigError::setting(&setting.origin, setting.name(), problem));
    }
    let above = (1..setting.path.len()).rev().find_map(|depth| keys::find(&setting.path[..depth]));
    if let Some(key) = above
        && let Standing::Honoured(kind) = &key.standing
        && matches!(setting.origin, Origin::File { .. })
    {
        let problem = format!("takes one value and no names beneath it; write {}", kind.unit());
        return Err(ConfigError::setting(&setting.origin, key.name, problem));
    }
    let hint = match suggest::nearest(&setting.path) {
        Some(name) => format!("the nearest is {}", setting.origin.spell(name)),
        None => "docs/configuration.md lists all settings".into(),
    };
    Ok(Some(match &setting.origin {
        Origin::Variable(name) => {
            format!("the variable {} is unknown and has no effect; {hint}", name.escape_debug())
        }
        origin => format!("{origin}: {} is unknown and has no effect; {hint}", setting.name()),
    }))
}
