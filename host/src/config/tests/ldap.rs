//! `auth.ldap`.

use super::{assert_says, load, load_environment, refusal, warnings};
use crate::config::AuthKind;
use std::path::PathBuf;
use std::time::Duration;

const LEAST: &str = "url: ldaps://ldap.example.com, basedn: \"ou=people,dc=example,dc=com\"";

fn ldap(more: &str) -> String {
    format!("auth:\n  ldap: {{{LEAST}{more}}}\n")
}

#[test]
fn a_directory_is_chosen_by_file_and_by_variables_and_the_rest_has_defaults() {
    let file = load(&ldap(""), &[]).unwrap();
    let variables = load_environment(&[
        ("REGISTRY_AUTH", "ldap"),
        ("REGISTRY_AUTH_LDAP_URL", "ldaps://ldap.example.com"),
        ("REGISTRY_AUTH_LDAP_BASEDN", "ou=people,dc=example,dc=com"),
    ]);
    assert_eq!(variables.unwrap().auth, file.auth);
    assert_eq!(file.auth.kind, AuthKind::Ldap);
    assert_eq!(warnings(&file), [""; 0]);
    let directory = &file.auth.ldap.directory;
    assert_eq!((directory.attribute.as_str(), directory.connections), ("uid", 8));
    assert_eq!(
        (directory.timeout, file.auth.ldap.remember),
        (Duration::from_secs(5), Duration::from_secs(300))
    );
    assert_eq!((directory.groups.filter.as_str(), directory.groups.depth), ("(member={dn})", 1));
    let settings = file.settings();
    assert_eq!((settings["auth"].as_str(), settings["auth.ldap.realm"].as_str()), ("ldap", "Registry"));
}

#[test]
fn every_setting_reaches_the_directory() {
    let text = "version: 0.1
auth:
  ldap:
    url: [ldap://a, 'ldap://b:1389']
    starttls: true
    rootcertbundle: /ca.crt
    binddn: cn=registry,dc=x
    bindpasswordfile: /password
    basedn: dc=x
    attribute: sAMAccountName
    filter: (objectClass=person)
    groups: {basedn: 'ou=groups,dc=x', filter: '(memberUid={user})', attribute: gid, depth: 3, memberof: memberOf}
    realm: Here
    remember: 1m
    timeout: 1s
    connections: 2
access: [{who: ['group:devs', alice, 'group:ops'], repositories: a, actions: pull}]
";
    let ldap = load(text.strip_prefix("version: 0.1\n").unwrap(), &[]).unwrap().auth.ldap;
    let directory = ldap.directory;
    let urls: Vec<&str> = directory.urls.iter().map(|url| url.as_str()).collect();
    assert_eq!(urls, ["ldap://a", "ldap://b:1389"]);
    assert!(directory.starttls);
    assert_eq!(directory.roots, Some(PathBuf::from("/ca.crt")));
    assert_eq!(directory.bind_dn.as_deref(), Some("cn=registry,dc=x"));
    assert_eq!(directory.bind_password_file, Some(PathBuf::from("/password")));
    assert_eq!((directory.base.as_str(), directory.attribute.as_str()), ("dc=x", "sAMAccountName"));
    assert_eq!(directory.filter.as_deref(), Some("(objectClass=person)"));
    let groups = directory.groups;
    assert_eq!(
        (groups.base.as_deref(), groups.filter.as_str()),
        (Some("ou=groups,dc=x"), "(memberUid={user})")
    );
    assert_eq!((groups.attribute.as_str(), groups.depth), ("gid", 3));
    assert_eq!(groups.member_of.as_deref(), Some("memberOf"));
    assert_eq!(groups.wanted, ["devs", "ops"].map(String::from).into());
    assert_eq!((ldap.realm.as_str(), ldap.remember), ("Here", Duration::from_secs(60)));
    assert_eq!((directory.timeout, directory.connections), (Duration::from_secs(1), 2));
}

#[test]
fn a_password_is_in_no_message_and_in_no_debugging_output() {
    let whole = ldap(", binddn: cn=r, bindpassword: hunter2");
    let config = load(&whole, &[]).unwrap();
    let shown = format!("{config:?} {:?} {:?}", config.settings(), config.warnings);
    assert!(shown.contains("cn=r") && !shown.contains("hunter2"), "{shown}");
    for more in [", bindpassword: hunter2", ", binddn: cn=r, bindpassword: hunter2, bindpasswordfile: /f"] {
        let message = refusal(&ldap(more), &[]);
        assert!(!message.contains("hunter2"), "{message}");
    }
}

#[test]
fn a_password_in_a_variable_is_taken_as_it_is() {
    let with = |password: &str| {
        let file = ldap(", binddn: cn=r");
        load(&file, &[("REGISTRY_AUTH_LDAP_BINDPASSWORD", password)])
    };
    for password in [
        "Secret1 #tail",
        "&Secret1",
        "#Secret1",
        "hunter2: x",
        "*alias",
        "!tag",
        "[a, b",
        "{a: b}",
        "'quoted'",
        "\"open",
        "~",
        "null",
        "007",
        " two words ",
        "a\nb",
        "- x",
        "---",
        "%",
    ] {
        let config = with(password).unwrap_or_else(|error| panic!("{password}: {error}"));
        assert_eq!(warnings(&config), [""; 0], "{password}");
        assert!(config.auth.ldap.directory.bind_password == Some(password.into()), "{password}");
    }
    for password in ["secret\n", "secret\r\n"] {
        let taken = with(password).unwrap().auth.ldap.directory.bind_password;
        assert!(taken == Some("secret".into()), "the end of a line is none of a password");
    }
    for none in ["", "\n"] {
        let file = ldap(", binddn: cn=r, bindpassword: x");
        let message = refusal(&file, &[("REGISTRY_AUTH_LDAP_BINDPASSWORD", none)]);
        assert_says(&message, &["FILE, line 3", "auth.ldap.bindpassword: not given"]);
    }
}

#[test]
fn what_is_missing_beside_a_variable_is_told_where_that_is_given() {
    let least = [
        ("REGISTRY_AUTH", "ldap"),
        ("REGISTRY_AUTH_LDAP_BASEDN", "dc=x"),
        ("REGISTRY_AUTH_LDAP_URL", "ldaps://ldap.example.com"),
    ];
    for (given, value, missing) in [
        ("BINDDN", "cn=r", "bindpassword: not given"),
        ("BINDPASSWORD", "#hunter2", "binddn: not given"),
        ("BINDPASSWORDFILE", "/f", "binddn: not given"),
        ("STARTTLS", "true", "starttls: ldaps:// begins with TLS"),
    ] {
        let name = format!("REGISTRY_AUTH_LDAP_{given}");
        let message = load_environment(&[&least[..], &[(&name, value)]].concat()).unwrap_err().to_string();
        assert_says(&message, &[&format!("the variable {name}: auth.ldap.{missing}")]);
        assert!(!message.contains("hunter2"), "{message}");
    }
    let message = load_environment(&least[..2]).unwrap_err().to_string();
    assert_says(&message, &["the variable REGISTRY_AUTH: auth.ldap.url: not given"]);
}

#[test]
fn what_is_missing_wrong_or_does_not_fit_together_is_refused_with_its_remedy() {
    for (more, parts) in [
        (", binddn: cn=r", &["FILE, line ", "auth.ldap.bindpassword: not given", "bindpasswordfile"][..]),
        (", bindpassword: x", &["auth.ldap.binddn: not given"]),
        (", binddn: cn=r, bindpassword: ''", &["auth.ldap.bindpassword: not given"]),
        (", binddn: cn=r, bindpassword: x, bindpasswordfile: /f", &["auth.ldap.bindpassword: there is"]),
        (", starttls: true", &["auth.ldap.starttls: ldaps:// begins with TLS"]),
        (", binddn: registry", &["auth.ldap.binddn: not a distinguished name; write"]),
        (", attribute: 'uid)('", &["auth.ldap.attribute: not an attribute; write"]),
        (", filter: objectClass=person", &["auth.ldap.filter: not a filter (RFC 4515); write a filter"]),
        (", groups: {filter: '(member=*)'}", &["auth.ldap.groups.filter", "{dn}"]),
        (", groups: {depth: 0}", &["auth.ldap.groups.depth", "from 1 to 32"]),
        (", connections: 0", &["auth.ldap.connections", "from 1 to 1000"]),
        (", timeout: 0", &["auth.ldap.timeout", "too short"]),
    ] {
        assert_says(&refusal(&ldap(more), &[]), parts);
    }
    for (settings, says) in [
        ("auth: ldap\n", "auth.ldap.url: not given; write"),
        ("auth: {ldap: {url: ldap://a}}\n", "auth.ldap.basedn: not given; write"),
        ("auth: {ldap: {url: 'https://a', basedn: dc=x}}\n", "not the URL of a directory; write ldap://"),
        ("auth: {ldap: {url: 'ldap://a', basedn: dc=x, rootcertbundle: /f}}\n", "there is no TLS"),
        ("auth: {ldap: {url: 'ldap://a', basedn: dc=x}, htpasswd: {path: /p}}\n", "choose one"),
    ] {
        assert_says(&refusal(settings, &[]), &["FILE, line 2", says]);
    }
}

#[test]
fn passwords_in_the_clear_and_groups_from_nowhere_are_warned_of() {
    let clear = load("auth: {ldap: {url: 'ldap://a', basedn: dc=x}}\n", &[]).unwrap();
    assert_says(&warnings(&clear)[0], &["auth.ldap.url: passwords go to ldap://a in the clear", "starttls"]);
    let rule = "access: [{who: 'group:devs', repositories: a, actions: pull}]\n";
    let nowhere = load(&format!("{}{rule}", ldap("")), &[]).unwrap();
    assert_says(&warnings(&nowhere)[0], &["access.0", "auth.ldap.groups.basedn"]);
    let found = load(&format!("{}{rule}", ldap(", groups: {basedn: dc=x}")), &[]).unwrap();
    assert_eq!(warnings(&found), [""; 0]);
}

#[test]
fn tokens_of_our_own_go_with_a_directory_as_with_a_file() {
    let everyone = "access: [{who: anonymous, repositories: a, actions: pull}]\n";
    let settings = load(&format!("{}{everyone}", ldap("")), &[]).unwrap().settings();
    assert_eq!(settings["auth.issuer.enabled"], "true");
}
