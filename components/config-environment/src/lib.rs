//! Settings out of the environment, which every host can give a component.

mod bindings {
    #![allow(missing_docs)]
    wit_bindgen::generate!({ world: "pierhead:registry/config-environment-component", path: "../../wit", generate_all });
}

use bindings::exports::pierhead::host::config::Guest;

struct Config;
bindings::export!(Config with_types_in bindings);

impl Guest for Config {
    fn get(name: String) -> Option<String> {
        settings::get(&name, |variable| std::env::var(variable).ok())
    }
}
