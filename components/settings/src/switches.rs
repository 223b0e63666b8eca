//! Switches, which are spelled as YAML spells them, and the one that is often given as a map.

use crate::variable;
use std::cell::RefCell;
use std::collections::BTreeSet;

/// The settings that are switches, and what counts where the value of one is neither on nor off: that by which least is written,
/// removed and left unchecked.
const SWITCHES: [(&str, bool); 10] = [
    ("auth.token.autoredirect", false),
    ("http.relativeurls", false),
    ("storage.delete.enabled", false),
    ("storage.filesystem.fsync", true),
    ("storage.maintenance.readonly.enabled", true),
    ("storage.maintenance.uploadpurging.dryrun", true),
    ("storage.maintenance.uploadpurging.enabled", false),
    ("validation.disabled", false),
    ("validation.enabled", true),
    ("validation.manifests.blobs.required", true),
];

/// What stands under a name in a map: distribution takes `REGISTRY_STORAGE_MAINTENANCE_READONLY={"enabled":true}` as well. What
/// is no map is the value itself.
pub fn in_map(map: &str, name: &str) -> Option<String> {
    let Some(entries) = map.trim().strip_prefix('{').and_then(|map| map.strip_suffix('}')) else {
        return Some(map.to_owned());
    };
    let plain = |text: &str| text.trim().trim_matches(['"', '\'']).to_owned();
    let entries = entries.split(',').filter_map(|entry| entry.split_once(':'));
    entries
        .map(|(name, value)| (plain(name), plain(value)))
        .find(|(known, _)| known == name)
        .map(|(_, value)| value)
}

/// The value of a setting; of a switch `true` or `false`, however that is spelled.
pub fn settled(name: &str, value: String) -> String {
    thread_local! {
        static TOLD: RefCell<BTreeSet<String>> = RefCell::default();
    }
    let Some((_, careful)) = SWITCHES.iter().find(|(switch, _)| *switch == name) else { return value };
    let on = units::switch(&value).unwrap_or_else(|| {
        if TOLD.with_borrow_mut(|told| told.insert(name.to_owned())) {
            let name = variable(name);
            guest_log::log!(
                "{name}: {value:?} is not a switch; write true or false; until then it is {careful}"
            );
        }
        *careful
    });
    on.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::of;

    #[test]
    fn a_switch_is_spelled_as_on_our_own_host() {
        let read_only = |text| {
            of(
                &[("REGISTRY_STORAGE_MAINTENANCE_READONLY_ENABLED", text)],
                "storage.maintenance.readonly.enabled",
            )
        };
        for (text, wanted) in
            [("true", "true"), ("True", "true"), ("YES", "true"), ("off", "false"), ("1", "true")]
        {
            assert_eq!(read_only(text).as_deref(), Some(wanted), "{text}");
        }
        let purges = |text| {
            of(
                &[("REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_ENABLED", text)],
                "storage.maintenance.uploadpurging.enabled",
            )
        };
        for (text, wanted) in [("Yes", "true"), ("False", "false"), ("never", "false")] {
            assert_eq!(purges(text).as_deref(), Some(wanted), "{text}");
        }
        let map = |text| {
            of(&[("REGISTRY_STORAGE_MAINTENANCE_READONLY", text)], "storage.maintenance.readonly.enabled")
        };
        for (text, wanted) in
            [(r#"{"enabled":true}"#, "true"), ("{enabled: no}", "false"), ("on", "true"), ("{}", "")]
        {
            assert_eq!(map(text).as_deref().unwrap_or_default(), wanted, "{text}");
        }
    }

    #[test]
    fn every_switch_that_components_ask_for_is_known() {
        let table = include_str!("../../../docs/configuration.md");
        let switches = table.lines().filter(|line| line.contains("` | true or false |"));
        let names: Vec<&str> = switches.filter_map(|line| line.split('`').nth(1)).collect();
        // Those of files, logs, connections, who watches and who is told are our own host's alone, and a bucket reads its own.
        let others = [
            "http.http2.",
            "http.h2c.",
            "http.debug.",
            "health.",
            "log.",
            "notifications.",
            "auth.issuer.",
            "auth.ldap.",
            "storage.s3.",
            "storage.redirect.",
        ];
        for name in names.iter().filter(|name| !others.iter().any(|of| name.starts_with(of))) {
            assert!(SWITCHES.iter().any(|(known, _)| known == name), "{name}");
        }
        assert!(SWITCHES.iter().all(|(known, _)| names.contains(known)));
    }
}
