//! Which settings work, which have no effect, and which must stop the server from starting.

use super::keys::{self, Key, Standing};
use super::source::{Origin, Setting, Sources, Value};
use super::value::{Kind, Text};
use super::{ConfigError, suggest};
use std::fmt;

/// A setting that works, and the value for it.
pub(super) struct Given {
    pub name: &'static str,
    pub kind: &'static Kind,
    /// The name as it was given: of a list's entry with its number.
    pub path: Vec<String>,
    pub text: Text,
    pub origin: Origin,
    /// Which of the findings speaks of it.
    pub finding: usize,
}

/// Refuses a setting if it is given.
pub(super) fn refuse(given: &[Given], name: &str, problem: &str) -> Result<(), ConfigError> {
    match given.iter().find(|given| given.name == name) {
        Some(given) => Err(ConfigError::setting(&given.origin, name, problem)),
        None => Ok(()),
    }
}

/// What is wrong with an entry of a list.
pub(super) fn entry(given: &[Given], list: &str, at: usize, problem: &str) -> ConfigError {
    let of_list = || given.iter().filter(|given| given.name.starts_with(list));
    let origin = of_list().find(|given| given.text.entry == Some(at)).or(of_list().next());
    let origin = origin.map(|given| given.origin.to_string()).unwrap_or_default();
    ConfigError::setting(origin, format!("{list}.{at}"), problem)
}

/// An implementation that was chosen: `htpasswd` of `auth`.
pub(super) struct Chosen {
    pub name: &'static str,
    pub kind: &'static str,
    pub origin: Origin,
}

/// What became of a thing that was given.
#[derive(Debug)]
pub struct Finding {
    /// Where it was given, and its name; nothing of what a fault tells itself.
    given: Option<(Origin, String)>,
    /// What became of it.
    pub verdict: Verdict,
}

/// What may become of a thing that is given.
#[derive(Debug)]
pub enum Verdict {
    /// It counts.
    Honoured,
    /// It is taken and needed for nothing: why.
    Unneeded(&'static str),
    /// It has no effect in this version: for which setting, and what goes without it.
    NoEffect(&'static str, &'static str),
    /// It is not known and has no effect: what may have been meant.
    Unknown(String),
    /// The server does not start with it.
    Fault(ConfigError),
}

impl Finding {
    pub(super) fn into_fault(self) -> Option<ConfigError> {
        match self.verdict {
            Verdict::Fault(fault) => Some(fault),
            _ => None,
        }
    }

    /// The warning for the log, of what has no effect.
    fn warning(&self) -> Option<String> {
        let (origin, given) = self.given.as_ref()?;
        match (&self.verdict, origin) {
            (Verdict::NoEffect(name, why), _) => {
                Some(format!("{origin}: {name} has no effect in this version: {why}"))
            }
            (Verdict::Unknown(hint), Origin::Variable(_)) => {
                Some(format!("{origin} is unknown and has no effect; {hint}"))
            }
            (Verdict::Unknown(hint), _) => {
                Some(format!("{origin}: {given} is unknown and has no effect; {hint}"))
            }
            _ => None,
        }
    }
}

impl From<ConfigError> for Finding {
    fn from(fault: ConfigError) -> Finding {
        Finding { given: None, verdict: Verdict::Fault(fault) }
    }
}

/// A line for people: what became of it, where it was given, its name, and why. Without values.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, why) = match &self.verdict {
            Verdict::Honoured => ("honoured", ""),
            Verdict::Unneeded(why) => ("needed for nothing", *why),
            Verdict::NoEffect(_, why) => ("without effect", *why),
            Verdict::Unknown(hint) => ("unknown", hint.as_str()),
            Verdict::Fault(fault) => return write!(f, "wrong: {fault}"),
        };
        f.write_str(word)?;
        if let Some((origin, name)) = &self.given {
            write!(f, ": {origin}: {name}")?;
        }
        if !why.is_empty() { write!(f, ": {why}") } else { Ok(()) }
    }
}

/// What came of the settings that were given.
pub(super) struct Judged {
    /// What became of each, in the order of the sources.
    pub findings: Vec<Finding>,
    /// Those that work, in the order of the table.
    pub works: Vec<Given>,
    /// The implementations that were named.
    pub chosen: Vec<Chosen>,
    /// What else to warn of.
    pub warnings: Vec<String>,
}

/// Tells settings that work from those that do not, and what to warn of.
pub(super) fn judge(sources: Sources) -> Judged {
    let Sources { settings, faults, warnings } = sources;
    let findings = faults.into_iter().map(Finding::from).collect();
    let mut judged = Judged { findings, works: Vec::new(), chosen: Vec::new(), warnings };
    for setting in settings {
        let given = Some((setting.origin.clone(), setting.name()));
        let finding = match judged.verdict(setting) {
            Ok(None) => continue,
            Ok(Some(verdict)) => Finding { given, verdict },
            Err(fault) => fault.into(),
        };
        judged.findings.push(finding);
    }
    judged.works.sort_by_key(|given| keys::KEYS.iter().position(|key| key.name == given.name));
    judged
}

/// The warnings for the log: one for all that goes without the same thing.
pub(super) fn warnings(findings: &[Finding]) -> Vec<String> {
    let mut without_effect: Vec<&str> = Vec::new();
    let mut warnings = Vec::new();
    for finding in findings {
        if let Verdict::NoEffect(name, _) = finding.verdict {
            if without_effect.contains(&name) {
                continue;
            }
            without_effect.push(name);
        }
        warnings.extend(finding.warning());
    }
    warnings
}

impl Judged {
    /// What becomes of a setting; nothing where it is as good as not given.
    fn verdict(&mut self, setting: Setting) -> Result<Option<Verdict>, ConfigError> {
        if let Some(key) = keys::choice(&setting.path) {
            let chosen = chosen_by(key, &setting)?;
            let any = chosen.is_some();
            self.chosen.extend(chosen);
            if keys::spells(&setting.path, key.name) {
                return Ok(any.then_some(Verdict::Honoured));
            }
        }
        let Some(key) = keys::find(&setting.path) else { return judge_unknown(&setting) };
        let harmless = |unless| harmless(&setting.value, unless);
        match &key.standing {
            Standing::Honoured(kind) => {
                let finding = self.findings.len();
                let works = value_of(key.name, kind, setting, finding)?;
                let any = works.is_some();
                self.works.extend(works);
                Ok(any.then_some(Verdict::Honoured))
            }
            Standing::Ignored { unless } if !harmless(unless) => {
                Ok(Some(Verdict::NoEffect(key.name, key.meaning)))
            }
            Standing::Refused { unless, remedy } if !harmless(unless) => {
                Err(ConfigError::unsupported(&setting.origin, setting.name(), (*remedy).to_owned()))
            }
            _ if matches!(setting.value, Value::Null | Value::Empty) => Ok(None),
            Standing::Ignored { .. } | Standing::Refused { .. } => {
                Ok(Some(Verdict::Unneeded("what it asks for is so anyway")))
            }
            Standing::Unneeded => Ok(Some(Verdict::Unneeded(key.meaning))),
            Standing::Choice { .. } => Ok(None),
        }
    }
}

/// The value of a setting that works; nothing where it is as good as not given.
fn value_of(
    name: &'static str,
    kind: &'static Kind,
    setting: Setting,
    finding: usize,
) -> Result<Option<Given>, ConfigError> {
    let Setting { path, value, origin } = setting;
    match value {
        Value::Text(mut text) => {
            // Of what belongs to a driver distribution takes switches and numbers in quotes.
            text.quoted &= !["storage.s3.", "storage.azure."].iter().any(|driver| name.starts_with(driver));
            text.entry = path.iter().find_map(|part| part.parse().ok());
            match kind {
                Kind::Header { .. } => text.under = keys::header(&path, name).map(Into::into),
                Kind::Field(_) => text.under = path.last().cloned(),
                _ => {}
            }
            Ok(Some(Given { name, kind, path, text, origin, finding }))
        }
        // To fall back to the default here would show an empty registry.
        Value::Null if matches!(kind, Kind::Directory(_)) => {
            Err(ConfigError::setting(origin, name, "empty; write a directory, or leave the setting out"))
        }
        Value::Null => Ok(None),
        Value::Empty if matches!(kind, Kind::Header { .. }) => Ok(None),
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
    let works = |key: &&&Key| matches!(key.standing, Standing::Honoured(_));
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
                text.eq_ignore_ascii_case(other)
                    || units::switch(text).is_some_and(|on| units::switch(other) == Some(on))
            };
            unless.iter().any(|other| same(other))
        }
    }
}

/// Which implementation a setting chooses, if any; refuses whatever chooses another than there are.
fn chosen_by(key: &'static Key, setting: &Setting) -> Result<Option<Chosen>, ConfigError> {
    let Standing::Choice { only, beside, remedy } = &key.standing else { return Ok(None) };
    let choice = |word: &str| {
        let kind = only.iter().find(|kind| word.eq_ignore_ascii_case(kind))?;
        Some(Chosen { name: key.name, kind, origin: setting.origin.clone() })
    };
    let mut remedy = (*remedy).to_owned();
    let name = match (&setting.path[key.name.split('.').count()..], &setting.value) {
        ([], Value::Null | Value::Empty) => return Ok(None),
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
fn judge_unknown(setting: &Setting) -> Result<Option<Verdict>, ConfigError> {
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
    if let Some(meant) = suggest::protecting(&setting.path, matches!(setting.origin, Origin::Variable(_))) {
        // Left out, it would let in who was to be kept out.
        let problem = format!("is unknown; if {meant} was meant, write that");
        return Err(ConfigError::setting(&setting.origin, setting.name(), problem));
    }
    let above = (1..setting.path.len()).rev().find_map(|depth| keys::find(&setting.path[..depth]));
    // A variable with a longer name is one that is not known.
    let by_value =
        setting.origin.path().is_none_or(|own| above.is_some_and(|key| keys::spells(&own, key.name)));
    if let Some(key) = above
        && let Standing::Honoured(kind) = &key.standing
        && by_value
    {
        let problem = format!("takes one value and no names beneath it; write {}", kind.unit());
        return Err(ConfigError::setting(&setting.origin, key.name, problem));
    }
    let hint = match suggest::nearest(&setting.path) {
        Some(name) => format!("the nearest is {}", setting.origin.spell(name)),
        None => "docs/configuration.md lists all settings".into(),
    };
    Ok(Some(Verdict::Unknown(hint)))
}
