//! What `pierhead:host/config` answers on hosts that have variables and no configuration file: the settings that
//! components ask for, out of variables named as distribution's are.
#![forbid(unsafe_code)]

use std::time::Duration;

/// Every algorithm that tokens may be signed with.
const ALGORITHMS: &str = "RS256 ES256 EdDSA";

/// The name of a setting's variable: `storage.delete.enabled` is `REGISTRY_STORAGE_DELETE_ENABLED`.
pub fn variable(name: &str) -> String {
    ["REGISTRY_", &name.replace('.', "_").to_ascii_uppercase()].concat()
}

/// The value of a setting, or none where it is not set. `lookup` gives a variable's value, under its name as [`variable`]
/// spells it.
pub fn get(name: &str, lookup: impl Fn(&str) -> Option<String>) -> Option<String> {
    let given = |name: &str| lookup(&variable(name)).filter(|value| !value.is_empty());
    match name {
        "auth" => given(name).or_else(|| kind(given)),
        "access" => rules(given),
        "auth.htpasswd.realm" => given(name).or_else(|| Some("Registry".into())),
        // There are no files: what is a file's name elsewhere is its text here.
        "auth.token.keys" => given("auth.token.jwks"),
        "auth.token.signingalgorithms" => {
            Some(given(name).map_or_else(|| ALGORITHMS.into(), |list| words(&list).join(" ")))
        }
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

/// How it is known who asks, where only what belongs to it is given: as in distribution, one variable of a kind chooses
/// it.
fn kind(given: impl Fn(&str) -> Option<String>) -> Option<String> {
    let any = |names: &[&str]| names.iter().any(|name| given(name).is_some());
    if any(&["auth.htpasswd.users", "auth.htpasswd.realm"]) {
        return Some("htpasswd".into());
    }
    any(&["auth.token.realm", "auth.token.service", "auth.token.issuer", "auth.token.jwks"])
        .then(|| "token".into())
}

/// The rules, as `auth` reads them: a line each, of whom, where and what.
fn rules(given: impl Fn(&str) -> Option<String>) -> Option<String> {
    let part = |at: usize, of: &str| Some(words(&given(&format!("access.{at}.{of}"))?).join(","));
    let rule = |at| Some([part(at, "who")?, part(at, "repositories")?, part(at, "actions")?].join("\t"));
    let rules: Vec<String> = (0..).map_while(rule).collect();
    (!rules.is_empty()).then(|| rules.join("\n"))
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
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)], name: &str) -> Option<String> {
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
    fn tokens_may_be_signed_in_every_way_that_is_known_unless_some_are_named() {
        let every = tokens::Algorithm::ALL.map(|algorithm| algorithm.as_str()).join(" ");
        assert_eq!(of(&[], "auth.token.signingalgorithms"), Some(every));
        let given = [("REGISTRY_AUTH_TOKEN_SIGNINGALGORITHMS", "[EdDSA, ES256]")];
        assert_eq!(of(&given, "auth.token.signingalgorithms").as_deref(), Some("EdDSA ES256"));
    }

    #[test]
    fn rules_are_read_up_to_the_first_that_is_not_whole() {
        let given = [
            ("REGISTRY_ACCESS_0_WHO", "anonymous"),
            ("REGISTRY_ACCESS_0_REPOSITORIES", "public/**"),
            ("REGISTRY_ACCESS_0_ACTIONS", "pull"),
            ("REGISTRY_ACCESS_1_WHO", "[alice, group:devs]"),
            ("REGISTRY_ACCESS_1_REPOSITORIES", "\"**\""),
            ("REGISTRY_ACCESS_1_ACTIONS", "pull, push"),
            ("REGISTRY_ACCESS_2_WHO", "bob"),
        ];
        let rules = "anonymous\tpublic/**\tpull\nalice,group:devs\t**\tpull,push";
        assert_eq!(of(&given, "access").as_deref(), Some(rules));
        assert_eq!(of(&given[6..], "access"), None);
    }
}
