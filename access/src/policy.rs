use crate::{Action, Asker, Rules};

/// Who may do what: the rules, and what counts where there are none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Whether there is a way to log in.
    pub login: bool,
    /// The rules, where some are configured.
    pub rules: Option<Rules>,
}

/// Why something is granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Granted {
    /// This rule grants it, counted from 0.
    Rule(usize),
    /// No rule is needed: it is known who asks.
    Known,
    /// No rule is needed, and nobody can log in: everyone may.
    Open,
}

impl Policy {
    /// Why an action is granted, if it is. Without an action: to reach the registry at all.
    pub fn grants(
        &self,
        asker: &Asker<'_>,
        action: Option<Action>,
        repository: Option<&str>,
    ) -> Option<Granted> {
        match (action, &self.rules) {
            (Some(action), Some(rules)) => rules.granting(asker, action, repository).map(Granted::Rule),
            // docker learns how to log in where it reaches the registry, and nowhere else.
            _ if asker.is_known() => Some(Granted::Known),
            _ => (!self.login).then_some(Granted::Open),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_rules_whoever_is_known_may_do_everything() {
        let (anyone, alice) = (Asker::default(), Asker { user: Some("alice"), ..Asker::default() });
        for action in Action::ALL.map(Some).into_iter().chain([None]) {
            let policy = Policy { login: true, rules: None };
            assert_eq!(policy.grants(&alice, action, Some("a")), Some(Granted::Known));
            assert_eq!(policy.grants(&anyone, action, Some("a")), None);
            assert_eq!(Policy::default().grants(&anyone, action, Some("a")), Some(Granted::Open));
        }
    }

    #[test]
    fn with_rules_what_none_of_them_grants_is_refused_even_where_nobody_can_log_in() {
        let rules: Rules = "anonymous\tpublic/**\tpull".parse().expect("rules");
        for login in [true, false] {
            let policy = Policy { login, rules: Some(rules.clone()) };
            let alice = Asker { user: Some("alice"), ..Asker::default() };
            for asker in [Asker::default(), alice] {
                let pull = Some(Action::Pull);
                assert_eq!(policy.grants(&asker, pull, Some("public/a")), Some(Granted::Rule(0)));
                assert_eq!(policy.grants(&asker, pull, Some("team/a")), None);
                assert_eq!(policy.grants(&asker, Some(Action::Push), Some("public/a")), None);
                assert_eq!(policy.grants(&asker, Some(Action::Catalog), None), None);
            }
            assert_eq!(policy.grants(&Asker::default(), None, None).is_some(), !login);
        }
    }
}
