//! What `pierhead:host/config` answers on hosts that have variables and no configuration file: the settings that
//! components ask for, out of variables named as distribution's are.
#![forbid(unsafe_code)]

mod switches;

use std::time::Duration;
use switches::{in_map, settled};

/// A setting that is a map, with one switch in it.
const READ_ONLY: &str = "storage.maintenance.readonly";

/// The settings that choose a kind of `auth` where only what belongs to it is given, as in distribution: one is enough.
const HTPASSWD: [&str; 2] = ["auth.htpasswd.users", "auth.htpasswd.realm"];
const TOKEN: [&str; 4] = ["auth.token.realm", "auth.token.service", "auth.token.issuer", "auth.token.jwks"];

/// What else may be given of a kind of `auth` that is chosen on our own host, and what to give here in its place. To pass
/// over any of them would be to let everyone in.
const UNANSWERED: [(&[&str], &str); 3] = [
    (
        &["auth.htpasswd.path", "auth.htpasswd.remember", "auth.issuer.enabled"],
        "the lines of an htpasswd file as REGISTRY_AUTH_HTPASSWD_USERS",
    ),
    (
        &[
            "auth.token.rootcertbundle",
            "auth.token.signingalgorithms",
            "auth.token.autoredirect",
            "auth.token.autoredirectpath",
        ],
        "REGISTRY_AUTH_TOKEN_REALM, REGISTRY_AUTH_TOKEN_SERVICE, REGISTRY_AUTH_TOKEN_ISSUER, and the keys as a JSON Web \
         Key Set as REGISTRY_AUTH_TOKEN_JWKS",
    ),
    (
        &[
            "auth.ldap.url",
            "auth.ldap.starttls",
            "auth.ldap.rootcertbundle",
            "auth.ldap.binddn",
            "auth.ldap.bindpassword",
            "auth.ldap.bindpasswordfile",
            "auth.ldap.basedn",
            "auth.ldap.attribute",
            "auth.ldap.filter",
            "auth.ldap.groups.basedn",
            "auth.ldap.groups.filter",
            "auth.ldap.groups.attribute",
            "auth.ldap.groups.depth",
            "auth.ldap.groups.memberof",
            "auth.ldap.realm",
            "auth.ldap.remember",
            "auth.ldap.timeout",
            "auth.ldap.connections",
        ],
        "the lines of an htpasswd file as REGISTRY_AUTH_HTPASSWD_USERS, for this host asks no directory",
    ),
];

/// How far behind the last rule another is looked for: whoever leaves a gap, or counts from 1, is told.
const GAP: usize = 16;

/// The parts of a rule.
const PARTS: [&str; 3] = ["who", "repositories", "actions"];

/// The name of a setting's variable: `storage.delete.enabled` is `REGISTRY_STORAGE_DELETE_ENABLED`.
pub fn variable(name: &str) -> String {
    ["REGISTRY_", &name.replace('.', "_").to_ascii_uppercase()].concat()
}

/// The value of a setting, or none where it is not set. `lookup` gives a variable's value, under its name as [`variable`]
/// spells it.
pub fn get(name: &str, lookup: impl Fn(&str) -> Option<String>) -> Option<String> {
    let text = |name: &str| lookup(&variable(name)).filter(|value| !value.is_empty());
    let given = |name: &str| {
        let value = text(name)
            .or_else(|| in_map(&text(READ_ONLY)?, name.strip_prefix(READ_ONLY)?.strip_prefix('.')?));
        Some(settled(name, value?))
    };
    match name {
        "auth" => given(name).or_else(|| kind(given)),
        "access" => rules(given).unwrap_or_else(|missing| {
            // Without any rule, whoever is logged in could do everything.
            let missing = variable(&missing);
            guest_log::log!(
                "{missing} is missing: rules are counted from 0 without a gap, and each has who, repositories and \
                 actions; until it is given nobody may do what takes a rule"
            );
            Some(String::new())
        }),
        "auth.htpasswd.realm" => given(name).or_else(|| Some("Registry".into())),
        // There are no files: what is a file's name elsewhere is its text here.
        "auth.token.keys" => given("auth.token.jwks"),
        "auth.token.autoredirectpath" => (given("auth.token.autoredirect").as_deref() == Some("true"))
            .then(|| given(name).unwrap_or_else(|| "/auth/token".into())),
        "auth.token.signingalgorithms" => given(name).map(|list| words(&list).join(" ")),
        "http.prefix" => Some(given(name)?.trim_end_matches('/').to_owned()),
        "limits.chunkminlength" => {
            given(name).map(|text| units::size(&text).map_or(text, |bytes| bytes.to_string()))
        }
        // As in distribution: where nothing is said of them, no layer has URLs.
        "validation.manifests.urls.allow" => given(name).or_else(|| {
            let said = given("validation.manifests.urls.deny").is_some() || unchecked(given);
            (!said).then(|| "^$".into())
        }),
        "validation.manifests.indexes.platforms" => {
            given(name).or_else(|| unchecked(given).then(|| "none".into()))
        }
        _ => given(name),
    }
}

/// Whether manifests are taken unchecked.
fn unchecked(given: impl Fn(&str) -> Option<String>) -> bool {
    let is = |name: &str| given(name).as_deref() == Some("true");
    is("validation.disabled") && !is("validation.enabled")
}

/// A setting that is a duration: the default where it is not set, and where it is none, as the log says then. `get` gives a
/// setting's value.
pub fn duration(name: &str, get: impl Fn(&str) -> Option<String>, default: Duration) -> Duration {
    let Some(text) = get(name) else { return default };
    units::duration(&text).unwrap_or_else(|problem| {
        guest_log::log!("{name}: {text:?} is {problem}; until then it is {default:?}");
        default
    })
}

/// Until then an upload makes its repository one that is listed, and may be gone on with; later it may be removed. A week where
/// nothing is said, as in distribution.
pub fn upload_age(get: impl Fn(&str) -> Option<String>) -> Duration {
    duration("storage.maintenance.uploadpurging.age", get, Duration::from_secs(168 * 60 * 60))
}

/// Whether uploads that nobody finishes are removed: not where they are only counted.
pub fn purges_uploads(get: impl Fn(&str) -> Option<String>) -> bool {
    let is = |name: &str, value: &str| {
        get(&["storage.maintenance.uploadpurging.", name].concat()).as_deref() == Some(value)
    };
    !is("enabled", "false") && !is("dryrun", "true")
}

/// How it is known who asks, where only what belongs to it is given. Where that is nothing this host can go by, it is by
/// passwords of which there are none.
fn kind(given: impl Fn(&str) -> Option<String>) -> Option<String> {
    let any = |names: &[&str]| names.iter().any(|name| given(name).is_some());
    if any(&HTPASSWD) {
        return Some("htpasswd".into());
    }
    if any(&TOKEN) {
        return Some("token".into());
    }
    UNANSWERED.iter().find_map(|(names, right)| {
        let name = variable(names.iter().find(|name| given(name).is_some())?);
        guest_log::log!("{name} is given, and nobody can log in by it alone on this host: give {right}");
        Some("htpasswd".into())
    })
}

/// The rules, as `auth` reads them: a line each, of whom, where and what.
///
/// # Errors
/// The name of the first setting that is missing where a rule is not whole, or there is one behind it that is missing.
fn rules(given: impl Fn(&str) -> Option<String>) -> Result<Option<String>, String> {
    let name = |at: usize, part: &str| format!("access.{at}.{part}");
    let part = |at: usize, part: &str| given(&name(at, part)).map(|list| words(&list).join(","));
    let begins = |at: usize| PARTS.iter().any(|of| part(at, of).is_some());
    let mut rules = Vec::new();
    loop {
        let at = rules.len();
        if !begins(at) && !(at + 1..=at + GAP).any(begins) {
            return Ok((at > 0).then(|| rules.join("\n")));
        }
        let whole =
            PARTS.map(|of| part(at, of).filter(|words| !words.is_empty()).ok_or_else(|| name(at, of)));
        rules.push(whole.into_iter().collect::<Result<Vec<_>, _>>()?.join("\t"));
    }
}

/// The words of a list: `[pull, push]`, `pull,push` or one word.
fn words(list: &str) -> Vec<&str> {
    let list = list.trim();
    let inner = list.strip_prefix('[').and_then(|list| list.strip_suffix(']')).unwrap_or(list);
    inner
        .split(',')
        .map(|word| word.trim().trim_matches(['"', '\'']))
        .filter(|word| !word.is_empty())
        .collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn of(variables: &[(&str, &str)], name: &str) -> Option<String> {
        get(name, |wanted| {
            let found = variables.iter().find(|(name, _)| *name == wanted);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn a_setting_is_its_variable() {
        let given = [("REGISTRY_STORAGE_DELETE_ENABLED", "true"), ("REGISTRY_HTTP_HOST", "")];
        assert_eq!(of(&given, "storage.delete.enabled").as_deref(), Some("true"));
        assert_eq!(of(&given, "http.host"), None);
        assert_eq!(of(&given, "catalog.maxentries"), None);
    }

    #[test]
    fn sizes_prefixes_and_what_is_not_said_of_urls_are_as_on_our_own_host() {
        let size = |text| of(&[("REGISTRY_LIMITS_CHUNKMINLENGTH", text)], "limits.chunkminlength");
        assert_eq!(size("64KiB").as_deref(), Some("65536"));
        assert_eq!(size("5").as_deref(), Some("5"));
        assert_eq!(
            of(&[("REGISTRY_HTTP_PREFIX", "/my/registry/")], "http.prefix").as_deref(),
            Some("/my/registry")
        );
        let (allow, platforms) =
            ("validation.manifests.urls.allow", "validation.manifests.indexes.platforms");
        assert_eq!(of(&[], allow).as_deref(), Some("^$"));
        assert_eq!(of(&[("REGISTRY_VALIDATION_MANIFESTS_URLS_DENY", "x")], allow), None);
        assert_eq!(of(&[("REGISTRY_VALIDATION_DISABLED", "true")], allow), None);
        assert_eq!(of(&[("REGISTRY_VALIDATION_DISABLED", "true")], platforms).as_deref(), Some("none"));
        assert_eq!(of(&[], platforms), None);
    }

    #[test]
    fn a_duration_is_the_default_where_it_is_not_set_or_none() {
        let of = |text: Option<&str>| duration("x", |_| text.map(Into::into), Duration::from_secs(7));
        assert_eq!(of(Some("1m30s")), Duration::from_secs(90));
        assert_eq!([of(None), of(Some("60"))], [Duration::from_secs(7); 2]);
    }

    #[test]
    fn what_belongs_to_a_kind_of_auth_chooses_it() {
        assert_eq!(of(&[], "auth"), None);
        assert_eq!(of(&[("REGISTRY_AUTH", "token")], "auth").as_deref(), Some("token"));
        assert_eq!(of(&[("REGISTRY_AUTH_HTPASSWD_USERS", "a:b")], "auth").as_deref(), Some("htpasswd"));
        assert_eq!(of(&[("REGISTRY_AUTH_TOKEN_JWKS", "{}")], "auth").as_deref(), Some("token"));
        assert_eq!(of(&[("REGISTRY_AUTH_TOKEN_JWKS", "{}")], "auth.token.keys").as_deref(), Some("{}"));
    }

    #[test]
    fn what_belongs_to_a_kind_of_auth_that_is_not_here_lets_nobody_in() {
        for name in UNANSWERED.iter().flat_map(|(names, _)| *names) {
            let variable = variable(name);
            assert_eq!(of(&[(&variable, "x")], "auth").as_deref(), Some("htpasswd"), "{variable}");
            let beside = [(&*variable, "x"), ("REGISTRY_AUTH_TOKEN_REALM", "https://tokens.example")];
            assert_eq!(of(&beside, "auth").as_deref(), Some("token"), "{variable}");
        }
        assert_eq!(of(&[("REGISTRY_AUTH_HTPASSWD_PATH", "")], "auth"), None);
    }

    #[test]
    fn no_setting_of_a_kind_of_auth_lets_everyone_in() {
        let table = include_str!("../../../docs/configuration.md");
        let names = table.lines().filter_map(|line| line.strip_prefix("| `auth.")?.split_once('`'));
        let kinds = ["htpasswd.", "token.", "ldap."];
        let mut looked_at = 0;
        for (name, _) in names.filter(|(name, _)| kinds.iter().any(|kind| name.starts_with(kind))) {
            let variable = variable(&format!("auth.{}", name.replace('*', "0")));
            assert!(of(&[(&variable, "x")], "auth").is_some(), "{variable}");
            looked_at += 1;
        }
        assert!(looked_at > 20, "{looked_at} settings in docs/configuration.md");
    }

    #[test]
    fn tokens_come_from_a_path_here_where_that_is_switched_on() {
        let path = ("REGISTRY_AUTH_TOKEN_AUTOREDIRECTPATH", "/tokens");
        let on = |text| ("REGISTRY_AUTH_TOKEN_AUTOREDIRECT", text);
        let of = |given: &[(&str, &str)]| of(given, "auth.token.autoredirectpath");
        assert_eq!(of(&[on("true"), path]).as_deref(), Some("/tokens"));
        assert_eq!(of(&[on("true")]).as_deref(), Some("/auth/token"));
        assert_eq!([of(&[on("false"), path]), of(&[path]), of(&[])], [None, None, None]);
    }

    #[test]
    fn the_ways_in_which_tokens_may_be_signed_are_a_list() {
        assert_eq!(of(&[], "auth.token.signingalgorithms"), None);
        let given = [("REGISTRY_AUTH_TOKEN_SIGNINGALGORITHMS", "[EdDSA, ES256]")];
        assert_eq!(of(&given, "auth.token.signingalgorithms").as_deref(), Some("EdDSA ES256"));
    }

    const RULES: [(&str, &str); 6] = [
        ("REGISTRY_ACCESS_0_WHO", "anonymous"),
        ("REGISTRY_ACCESS_0_REPOSITORIES", "public/**"),
        ("REGISTRY_ACCESS_0_ACTIONS", "pull"),
        ("REGISTRY_ACCESS_1_WHO", "[alice, group:devs]"),
        ("REGISTRY_ACCESS_1_REPOSITORIES", "\"**\""),
        ("REGISTRY_ACCESS_1_ACTIONS", "pull, push"),
    ];

    #[test]
    fn rules_are_a_line_each() {
        let rules = "anonymous\tpublic/**\tpull\nalice,group:devs\t**\tpull,push";
        assert_eq!(of(&RULES, "access").as_deref(), Some(rules));
        assert_eq!(of(&[], "access"), None);
    }

    #[test]
    fn a_rule_that_is_not_whole_or_is_missing_leaves_no_rule_and_is_named() {
        let missing = |given: &[(&str, &str)]| {
            let empty = of(given, "access");
            assert_eq!(empty.as_deref(), Some(""), "nobody may do anything");
            let lookup = |name: &str| {
                let found = given.iter().find(|(given, _)| *given == variable(name));
                found.map(|(_, value)| (*value).to_owned())
            };
            rules(lookup).expect_err("a rule is missing")
        };
        for (at, (name, _)) in RULES.iter().enumerate() {
            let mut given = RULES.to_vec();
            given.remove(at);
            assert_eq!(variable(&missing(&given)), *name);
            given = RULES.to_vec();
            given[at].1 = "[]";
            assert_eq!(variable(&missing(&given)), *name);
        }
        assert_eq!(missing(&RULES[3..]), "access.0.who");
        assert_eq!(missing(&[("REGISTRY_ACCESS_16_ACTIONS", "pull")]), "access.0.who");
        let mut more = RULES.to_vec();
        more.push(("REGISTRY_ACCESS_9_WHO", "bob"));
        assert_eq!(missing(&more), "access.2.who");
    }
}
