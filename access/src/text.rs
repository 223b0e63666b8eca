//! Rules as text, which is how a host gives them to the component: the setting `access`.
//!
//! A line for each rule, three columns in it with a tab between them (who, repositories, actions), and commas between
//! the words of a column: `alice,group:devs<TAB>team/**<TAB>pull,push`. No word has a tab, a comma or a line's end in it.

use crate::{Action, Rule, Rules, WordError};
use std::fmt;
use std::str::FromStr;

/// A text that is not rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RulesError {
    /// A line, counted from 1, that has not three columns.
    Columns(usize),
    /// A word in a line that is not what should stand there.
    Word(usize, WordError),
}

impl fmt::Display for RulesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RulesError::Columns(line) => {
                write!(
                    f,
                    "rule {line}: not three columns (who, repositories, actions) with tabs between them"
                )
            }
            RulesError::Word(line, error) => write!(f, "rule {line}: {error}"),
        }
    }
}

impl std::error::Error for RulesError {}

impl FromStr for Rules {
    type Err = RulesError;

    fn from_str(text: &str) -> Result<Rules, RulesError> {
        let rule = |(at, line): (usize, &str)| {
            let wrong = |error| RulesError::Word(at + 1, error);
            let columns: Vec<&str> = line.split('\t').collect();
            let [who, repositories, actions] = columns[..] else { return Err(RulesError::Columns(at + 1)) };
            let mut rule = Rule::default();
            for word in who.split(',') {
                rule.who.push(word.parse().map_err(wrong)?);
            }
            for word in repositories.split(',') {
                rule.repositories.push(word.parse().map_err(|error| wrong(WordError::Repository(error)))?);
            }
            for word in actions.split(',') {
                rule.actions.extend(Action::named(word).map_err(wrong)?);
            }
            Ok(rule)
        };
        text.lines().enumerate().map(rule).collect::<Result<_, _>>().map(Rules)
    }
}

fn joined<T>(words: &[T], word: impl Fn(&T) -> String) -> String {
    words.iter().map(word).collect::<Vec<_>>().join(",")
}

impl fmt::Display for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for rule in &self.0 {
            let who = joined(&rule.who, ToString::to_string);
            let repositories = joined(&rule.repositories, |glob| glob.as_str().into());
            let actions = joined(&rule.actions, |action| action.as_str().into());
            writeln!(f, "{who}\t{repositories}\t{actions}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_that_were_written_are_read_again() {
        let text = "anonymous\tpublic/**\tpull\nJane Doe,group:a b,certificate:CN=x\ta,b/*\t*\n";
        let rules: Rules = text.parse().expect("rules");
        assert_eq!(rules.to_string().parse(), Ok(rules));
        assert_eq!("".parse(), Ok(Rules::default()));
    }

    #[test]
    fn a_line_that_is_no_rule_is_named() {
        for (text, line) in [
            ("alice\tx\tpull\nbob\tx", 2),
            ("alice\tx\tpull\textra", 1),
            ("\n", 1),
            ("alice\tX\tpull", 1),
            ("alice\tx\tpul", 1),
            ("\tx\tpull", 1),
        ] {
            let error = text.parse::<Rules>().expect_err(text).to_string();
            assert!(error.starts_with(&format!("rule {line}: ")), "{text:?}: {error}");
        }
    }
}
