//! Settings out of the variables of a Spin application, which come from its manifest, the command line, the environment
//! or a vault.

mod bindings {
    #![allow(missing_docs)]
    wit_bindgen::generate!({
        world: "pierhead:config-spin/config-spin-component",
        path: ["../../wit", "wit"],
        generate_all,
    });
}

use bindings::exports::pierhead::host::config::Guest;
use bindings::fermyon::spin::variables::{self, Error};
use std::cell::RefCell;
use std::collections::HashMap;

struct Config;
bindings::export!(Config with_types_in bindings);

thread_local! {
    /// What was asked for before: a vault is asked once per instance, and a setting stays the same for as long as that lives.
    static KNOWN: RefCell<HashMap<String, Option<String>>> = RefCell::default();
}

/// How Spin wants a variable to be called: in lower case, and each word with a letter first.
/// `REGISTRY_STORAGE_DELETE_ENABLED` is `registry_storage_delete_enabled`, and `REGISTRY_ACCESS_0_WHO` is
/// `registry_access_n0_who`.
fn spelled(name: &str) -> String {
    let word = |word: &str| match word.starts_with(|first: char| first.is_ascii_digit()) {
        true => format!("n{word}"),
        false => word.to_ascii_lowercase(),
    };
    name.split('_').map(word).collect::<Vec<_>>().join("_")
}

fn variable(name: &str) -> Option<String> {
    let name = spelled(name);
    match variables::get(&name) {
        Ok(value) => Some(value),
        // Not declared, or not of a form that could be.
        Err(Error::Undefined(_) | Error::InvalidName(_)) => None,
        // A password or a rule that cannot be read is not one that is not set: with none of them, all would be let in.
        Err(Error::Provider(why) | Error::Other(why)) => panic!(
            "the variable {name} cannot be read: {why}: see variables_provider in Spin's runtime configuration"
        ),
    }
}

impl Guest for Config {
    fn get(name: String) -> Option<String> {
        if let Some(known) = KNOWN.with_borrow(|known| known.get(&name).cloned()) {
            return known;
        }
        let value = settings::get(&name, variable);
        KNOWN.with_borrow_mut(|known| known.insert(name, value.clone()));
        value
    }
}

#[cfg(test)]
mod tests {
    use super::spelled;

    #[test]
    fn variables_are_spelled_as_spin_wants_them() {
        assert_eq!(spelled("REGISTRY_STORAGE_DELETE_ENABLED"), "registry_storage_delete_enabled");
        assert_eq!(spelled("REGISTRY_ACCESS_0_WHO"), "registry_access_n0_who");
    }
}
