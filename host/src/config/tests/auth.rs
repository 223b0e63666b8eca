//! `auth` and `access`.

use super::{assert_says, load, load_environment, refusal, warnings};
use crate::config::AuthKind;
use std::path::PathBuf;
use std::time::Duration;

#[test]
fn htpasswd_is_chosen_by_file_and_by_variables_as_distributions_users_write_it() {
    let file = load("auth:\n  htpasswd:\n    realm: My \"Realm\"\n    path: /auth/htpasswd\n", &[]).unwrap();
    assert_eq!(file.auth.kind, AuthKind::Htpasswd);
    assert_eq!(file.auth.htpasswd.path, Some(PathBuf::from("/auth/htpasswd")));
    assert_eq!(file.settings()["auth"], "htpasswd");
    assert_eq!(file.settings()["auth.htpasswd.realm"], "My \"Realm\"");
    let variables = load_environment(&[
        ("REGISTRY_AUTH", "htpasswd"),
        ("REGISTRY_AUTH_HTPASSWD_REALM", "My \"Realm\""),
        ("REGISTRY_AUTH_HTPASSWD_PATH", "/auth/htpasswd"),
    ]);
    assert_eq!(variables.unwrap().auth, file.auth);
    assert_eq!(file.auth.htpasswd.remember, Duration::from_secs(300));
    assert_eq!((file.auth.failures.limit, file.auth.failures.window), (10, Duration::from_secs(60)));
    let remembered = load("auth: {htpasswd: {path: /p, remember: 0}, failures: {limit: 3}}\n", &[]).unwrap();
    assert_eq!((remembered.auth.htpasswd.remember, remembered.auth.failures.limit), (Duration::ZERO, 3));
    let none = load("auth: {htpasswd: {path: /p}}\n", &[("REGISTRY_AUTH", "none")]).unwrap();
    assert_eq!(none.auth.kind, AuthKind::None);
    assert!(!none.settings().contains_key("auth"));
}

#[test]
fn a_kind_without_what_it_needs_and_two_kinds_at_once_are_refused() {
    for settings in ["auth: htpasswd\n", "auth:\n  htpasswd:\n", "auth:\n  htpasswd:\n    realm: r\n"] {
        assert_says(
            &refusal(settings, &[]),
            &["FILE, line ", "auth.htpasswd.path: not given", "htpasswd -B"],
        );
    }
    let both = refusal("auth:\n  none:\n  htpasswd:\n    path: /p\n", &[]);
    assert_says(&both, &["FILE, line 5", "auth.htpasswd", "choose one"]);
}

#[test]
fn rules_are_a_list_by_file_and_by_variables() {
    let by_file = load(
        "auth: {htpasswd: {path: /p}}\naccess:\n\
         - who: anonymous\n  repositories: public/**\n  actions: pull\n\
         - {who: [alice, \"group:devs\"], repositories: [team/**, tools], actions: \"*\"}\n",
        &[],
    )
    .unwrap();
    let text = "anonymous\tpublic/**\tpull\nalice,group:devs\tteam/**,tools\tpull,push,delete,catalog\n";
    assert_eq!(by_file.settings()["access"], text);
    assert_says(&warnings(&by_file)[0], &["access.1", "group"]);
    let by_variables = load_environment(&[
        ("REGISTRY_AUTH", "htpasswd"),
        ("REGISTRY_AUTH_HTPASSWD_PATH", "/p"),
        ("REGISTRY_ACCESS_0_WHO", "anonymous"),
        ("REGISTRY_ACCESS_0_REPOSITORIES", "public/**"),
        ("REGISTRY_ACCESS_0_ACTIONS", "[pull]"),
        ("REGISTRY_ACCESS_1_WHO_0", "alice"),
        ("REGISTRY_ACCESS_1_WHO_1", "group:devs"),
        ("REGISTRY_ACCESS_1_REPOSITORIES", "[team/**, tools]"),
        ("REGISTRY_ACCESS_1_ACTIONS", "*"),
    ]);
    assert_eq!(by_variables.unwrap().access, by_file.access);
    assert!(!load("access:\n", &[]).unwrap().settings().contains_key("access"));
}

#[test]
fn a_rule_that_is_not_whole_or_says_more_than_rules_do_is_refused_with_its_line() {
    for (rule, parts) in [
        ("{who: a, actions: pull}", &["FILE, line 3", "access.0: not a whole rule"][..]),
        (
            "{who: a, repositories: b, actions: pull, unless: c}",
            &["line 3", "access.0.unless: not part of a rule"],
        ),
        ("{who: a, repositories: b, actions: read}", &["line 3", "not an action"]),
        ("{who: role:x, repositories: b, actions: pull}", &["line 3", "not someone"]),
        ("{who: a, repositories: B, actions: pull}", &["line 3", "not a pattern"]),
        ("{who: {a: b}, repositories: b, actions: pull}", &["line 3", "access.0.who.a: not part of a rule"]),
        ("alice", &["line 3", "access.0", "group of settings"]),
        ("{who: a, repositories: **, actions: pull}", &["line 3", "begins with * stands in quotes"]),
    ] {
        assert_says(&refusal(&format!("access:\n- {rule}\n"), &[]), parts);
    }
    let message = refusal("", &[("REGISTRY_ACCESS_1_WHO", "a"), ("REGISTRY_ACCESS_1_ACTIONS", "pull")]);
    assert_says(&message, &["access.0: not a whole rule"]);
}

#[test]
fn a_list_in_which_there_are_no_rules_does_not_open_everything() {
    for access in ["[]", "{}", "[{}]", "[[]]", "\n-", "[~]", "[{who: a, repositories: a, actions: pull}, {}]"]
    {
        let message = refusal(&format!("auth: {{htpasswd: {{path: /p}}}}\naccess: {access}\n"), &[]);
        assert_says(&message, &["FILE, line ", "access", "no rule; write who"]);
    }
    let rules = "access: [{who: a, repositories: a, actions: pull}]\n";
    for nothing in ["[]", "{}", "[{}]", ""] {
        assert_says(&refusal(rules, &[("REGISTRY_ACCESS", nothing)]), &["REGISTRY_ACCESS", "access"]);
    }
    let narrowed = load(
        "access: [{who: [alice, bob], repositories: \"**\", actions: \"*\"}]\n",
        &[("REGISTRY_ACCESS_0_WHO", "carol"), ("REGISTRY_ACCESS_0_REPOSITORIES", "a")],
    );
    assert_eq!(narrowed.unwrap().access.to_string(), "carol\ta\tpull,push,delete,catalog\n");
}

#[test]
fn rules_that_name_users_without_auth_warn() {
    let config = load("access: [{who: alice, repositories: a, actions: pull}]\n", &[]).unwrap();
    assert_says(&warnings(&config)[0], &["access.0", "nobody says who they are"]);
}

#[test]
fn tokens_of_our_own_are_made_where_a_rule_is_for_everyone_unless_the_configuration_says_otherwise() {
    let everyone = "access: [{who: anonymous, repositories: a, actions: pull}]\n";
    let known = "access: [{who: authenticated, repositories: a, actions: pull}]\n";
    for (rules, issuer, made) in [
        (everyone, "", true),
        (everyone, ", issuer: {enabled: false}", false),
        (known, "", false),
        (known, ", issuer: {enabled: true}", true),
        ("", "", false),
    ] {
        let config = load(&format!("auth: {{htpasswd: {{path: /p}}{issuer}}}\n{rules}"), &[]).unwrap();
        let settings = config.settings();
        assert_eq!(settings.contains_key("auth.issuer.enabled"), made, "{rules} {issuer}");
        assert_eq!(settings.contains_key("auth.issuer.service"), made);
    }
    assert_eq!(load(everyone, &[]).unwrap().auth.issuer.enabled, Some(false), "nobody has a password");
    assert_says(
        &refusal("auth:\n  issuer:\n    enabled: true\n", &[]),
        &["FILE, line 4", "use it with auth.htpasswd"],
    );
    let short = refusal("auth: {htpasswd: {path: /p}, issuer: {expiration: 10s}}\n", &[]);
    assert_says(&short, &["auth.issuer.expiration", "too short"]);
}

#[test]
fn tokens_of_others_reach_the_component_with_all_that_distributions_users_write() {
    let whole = "realm: https://a/token, service: s, issuer: i, rootcertbundle: /bundle";
    let config = load(&format!("auth: {{token: {{{whole}}}}}\n"), &[]).unwrap();
    assert_eq!(config.auth.kind, AuthKind::Token);
    let settings = config.settings();
    assert_eq!(settings["auth"], "token");
    assert_eq!(settings["auth.token.realm"], "https://a/token");
    for absent in ["auth.token.signingalgorithms", "auth.token.autoredirectpath"] {
        assert!(!settings.contains_key(absent), "{absent}");
    }
    let more = "signingalgorithms: [ES256, RS256], autoredirect: true";
    let settings = load(&format!("auth: {{token: {{{whole}, {more}}}}}\n"), &[]).unwrap().settings();
    assert_eq!(settings["auth.token.signingalgorithms"], "ES256 RS256");
    assert_eq!(settings["auth.token.autoredirectpath"], "/auth/token");
    let rules =
        format!("auth: {{token: {{{whole}}}}}\naccess: [{{who: a, repositories: a, actions: pull}}]\n");
    assert_says(&refusal(&rules, &[]), &["access: with auth.token the tokens say", "remove access"]);
    assert_says(
        &refusal(&format!("auth: {{token: {{{whole}, signingalgorithms: HS256}}}}\n"), &[]),
        &["RS256, ES256"],
    );
}

#[test]
fn a_typing_error_in_what_protects_stops_the_server() {
    let rules = "[{who: alice, repositories: x/**, actions: pull}]";
    for (wrong, meant) in [
        ("acess", "access"),
        ("acces", "access"),
        ("accesss", "access"),
        ("access-rules", "access"),
        ("aut", "auth"),
        ("atuh", "auth"),
        ("authorization", "auth"),
    ] {
        let settings = format!("{wrong}: {rules}\n");
        assert_says(&load(&settings, &[]).unwrap_err().to_string(), &[wrong, meant, "write that"]);
    }
    for (settings, wrong, meant) in [
        ("auht: {htpasswd: {path: x}}\n", "auht.htpasswd.path", "auth"),
        ("auhtn: {htpasswd: {path: x}}\n", "auhtn.htpasswd.path", "auth"),
        ("http: {auth: {htpasswd: {path: x}}}\n", "http.auth.htpasswd.path", "auth"),
        ("auth: {htpasswd: {path: x, access: [{who: a}]}}\n", "auth.htpasswd.access", "access"),
    ] {
        assert_says(&load(settings, &[]).unwrap_err().to_string(), &[wrong, meant, "write that"]);
    }
    let variable = |name| load_environment(&[(name, "x")]);
    for wrong in ["REGISTRY_AUHT_HTPASSWD_PATH", "REGISTRY_AUHT_TOKEN_REALM"] {
        assert_says(&variable(wrong).unwrap_err().to_string(), &[wrong, "auth", "write that"]);
    }
    // Another program's.
    for other in ["REGISTRY_AUTHENTICATION", "REGISTRY_AUTHZ_HOST", "REGISTRY_ACCESSORIES"] {
        variable(other).unwrap();
    }
}
