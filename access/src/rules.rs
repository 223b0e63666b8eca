//! The rules: each grants something to someone, and none takes anything away.

use crate::{Asker, Glob, GlobError};
use std::fmt;
use std::str::FromStr;

/// What a rule is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// Everyone, logged in or not.
    Anonymous,
    /// Everyone who is known.
    Authenticated,
    /// One user.
    User(String),
    /// Every user in a group.
    Group(String),
    /// The name in a client certificate.
    Certificate(String),
}

/// What a request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Reads a repository.
    Pull,
    /// Writes to a repository.
    Push,
    /// Deletes from a repository.
    Delete,
    /// Lists repositories.
    Catalog,
}

/// A word that is not what stands at its place in a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WordError {
    /// Not someone.
    Who,
    /// Not a pattern for repositories.
    Repository(GlobError),
    /// Not an action.
    Action,
}

impl fmt::Display for WordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WordError::Who => f.write_str(
                "not someone; write anonymous, authenticated, a user's name, group:NAME or certificate:NAME, \
                 several as a list",
            ),
            WordError::Repository(error) => error.fmt(f),
            WordError::Action => f.write_str("not an action; write pull, push, delete, catalog or \"*\""),
        }
    }
}

impl std::error::Error for WordError {}

impl FromStr for Who {
    type Err = WordError;

    fn from_str(text: &str) -> Result<Who, WordError> {
        let name = |name: &str| {
            let fits = !name.trim().is_empty() && !name.contains(|c: char| c == ',' || c.is_control());
            if fits { Ok(name.to_owned()) } else { Err(WordError::Who) }
        };
        match text.split_once(':') {
            Some(("group", group)) => name(group).map(Who::Group),
            Some(("certificate", holder)) => name(holder).map(Who::Certificate),
            // The name of a user in Basic ends at a colon.
            Some(_) => Err(WordError::Who),
            None if text == "anonymous" => Ok(Who::Anonymous),
            None if text == "authenticated" => Ok(Who::Authenticated),
            None => name(text).map(Who::User),
        }
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Who::Anonymous => f.write_str("anonymous"),
            Who::Authenticated => f.write_str("authenticated"),
            Who::User(name) => f.write_str(name),
            Who::Group(name) => write!(f, "group:{name}"),
            Who::Certificate(name) => write!(f, "certificate:{name}"),
        }
    }
}

impl Action {
    /// Every action.
    pub const ALL: [Action; 4] = [Action::Pull, Action::Push, Action::Delete, Action::Catalog];

    /// The action in a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Action::Pull => "pull",
            Action::Push => "push",
            Action::Delete => "delete",
            Action::Catalog => "catalog",
        }
    }

    /// The actions that a word of a rule stands for: `*` is all of them.
    ///
    /// # Errors
    /// When it stands for none.
    pub fn named(word: &str) -> Result<Vec<Action>, WordError> {
        if word == "*" {
            return Ok(Action::ALL.into());
        }
        word.parse().map(|action| vec![action])
    }
}

impl FromStr for Action {
    type Err = WordError;

    fn from_str(text: &str) -> Result<Action, WordError> {
        Action::ALL.into_iter().find(|action| action.as_str() == text).ok_or(WordError::Action)
    }
}

/// A rule: any of these may do any of that in any of those.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// For whom it is.
    pub who: Vec<Who>,
    /// In which repositories.
    pub repositories: Vec<Glob>,
    /// What they may do there.
    pub actions: Vec<Action>,
}

impl Rule {
    fn grants(&self, asker: &Asker<'_>, action: Action, repository: Option<&str>) -> bool {
        self.actions.contains(&action)
            && self.who.iter().any(|who| asker.is(who))
            && repository.is_none_or(|name| self.repositories.iter().any(|glob| glob.matches(name)))
    }
}

/// Rules. A request is granted when one of them grants it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules(pub Vec<Rule>);

impl Rules {
    /// The first rule that grants the action. Listing repositories is about none in particular.
    pub fn granting(&self, asker: &Asker<'_>, action: Action, repository: Option<&str>) -> Option<usize> {
        self.0.iter().position(|rule| rule.grants(asker, action, repository))
    }

    /// The patterns of the repositories that may be pulled from.
    pub fn readable(&self, asker: &Asker<'_>) -> Vec<&Glob> {
        let granted = self.0.iter().filter(|rule| rule.grants(asker, Action::Pull, None));
        granted.flat_map(|rule| &rule.repositories).collect()
    }

    /// The groups that rules are for.
    pub fn groups(&self) -> impl Iterator<Item = &str> {
        self.0.iter().flat_map(|rule| &rule.who).filter_map(|who| match who {
            Who::Group(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// Whether a rule grants something to whoever is not logged in.
    pub fn name_anonymous(&self) -> bool {
        self.0.iter().any(|rule| rule.who.contains(&Who::Anonymous))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> Rules {
        "anonymous\tpublic/**\tpull\nalice,group:devs\tteam/*,tools\tpull,push\ncertificate:edge\t**\t*\nauthenticated\t**\tcatalog"
            .parse()
            .expect("rules")
    }

    #[test]
    fn a_request_is_granted_by_the_first_rule_that_grants_it_and_by_nothing_else() {
        let rules = rules();
        let groups = ["devs".to_owned()];
        let anyone = Asker::default();
        let alice = Asker { user: Some("alice"), ..anyone };
        let bob = Asker { user: Some("bob"), groups: &groups, ..anyone };
        let carol = Asker { user: Some("carol"), ..anyone };
        let edge = Asker { certificate: Some("edge"), ..anyone };
        for (asker, action, repository, granted) in [
            (anyone, Action::Pull, Some("public/a"), Some(0)),
            (anyone, Action::Push, Some("public/a"), None),
            (anyone, Action::Pull, Some("team/a"), None),
            (anyone, Action::Catalog, None, None),
            (alice, Action::Push, Some("team/a"), Some(1)),
            (alice, Action::Push, Some("tools"), Some(1)),
            (alice, Action::Push, Some("team/a/b"), None),
            (alice, Action::Delete, Some("team/a"), None),
            (alice, Action::Pull, Some("public/x/y"), Some(0)),
            (bob, Action::Push, Some("team/a"), Some(1)),
            (carol, Action::Push, Some("team/a"), None),
            (carol, Action::Catalog, None, Some(3)),
            (edge, Action::Delete, Some("any/thing"), Some(2)),
        ] {
            assert_eq!(
                rules.granting(&asker, action, repository),
                granted,
                "{asker:?} {action:?} {repository:?}"
            );
        }
    }

    #[test]
    fn a_user_called_like_a_certificate_or_a_group_is_neither() {
        let rules = rules();
        for user in ["edge", "devs", "anonymous"] {
            let asker = Asker { user: Some(user), ..Asker::default() };
            assert_eq!(rules.granting(&asker, Action::Push, Some("team/a")), None, "{user}");
        }
    }

    #[test]
    fn what_may_be_pulled_may_be_listed() {
        let rules = rules();
        let readable = |asker: Asker<'_>| {
            rules.readable(&asker).into_iter().map(Glob::as_str).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(readable(Asker::default()), "public/**");
        assert_eq!(readable(Asker { user: Some("alice"), ..Asker::default() }), "public/** team/* tools");
    }

    #[test]
    fn words_that_stand_for_nobody_or_nothing_are_refused() {
        for who in ["", " ", "a,b", "a\nb", "group:", "certificate:", "role:x", "a:b"] {
            assert_eq!(who.parse::<Who>(), Err(WordError::Who), "{who:?}");
        }
        for action in ["", "Pull", "read", "pull,push"] {
            assert_eq!(Action::named(action), Err(WordError::Action), "{action:?}");
        }
    }
}
