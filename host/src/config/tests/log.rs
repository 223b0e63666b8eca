//! `log` and `validation`.

use super::*;
use crate::config::Formatter;

#[test]
fn the_log_is_what_the_file_or_the_variables_say() {
    let config = load(
        "log:\n  formatter: Logstash\n  fields: {Service: registry, environment: \"true\"}\n  reportcaller: true\n  \
         accesslog: {disabled: true}\n",
        &[("REGISTRY_LOG_FIELDS_ENVIRONMENT", "staging")],
    )
    .unwrap();
    assert_eq!(config.log.formatter, Formatter::Logstash);
    let fields: Vec<_> =
        config.log.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(fields, [("environment", "staging"), ("service", "registry")]);
    assert!(config.log.reportcaller && config.log.accesslog_disabled);
    assert!(warnings(&config).is_empty());
    assert!(warnings(&load("log: {fields: {}}\n", &[]).unwrap()).is_empty());
}

#[test]
fn a_log_that_cannot_be_is_refused() {
    let many = (0..40).map(|at| format!("f{at}: x")).collect::<Vec<_>>().join(", ");
    for (settings, parts) in [
        ("log: {formatter: xml}\n".to_owned(), &["log.formatter", "text, json or logstash"][..]),
        ("log: {fields: {a b: x}}\n".into(), &["log.fields", "not a name for a field"]),
        ("log: {fields: {a: [b]}}\n".into(), &["log.fields", "takes one value"]),
        ("log: {fields: {a: {b: c}}}\n".into(), &["log.fields", "no names beneath it"]),
        ("log: {fields: x}\n".into(), &["log.fields: a group of settings"]),
        (format!("log: {{fields: {{a: {}}}}}\n", "x".repeat(2000)), &["log.fields", "too long"]),
        (format!("log: {{fields: {{{many}}}}}\n"), &["log.fields", "too many fields"]),
    ] {
        assert_says(&refusal(&settings, &[]), parts);
    }
}

#[test]
fn urls_are_allowed_by_expressions_and_none_is_without() {
    let settings = |text: &str| load(text, &[]).unwrap().settings();
    let allow = "validation.manifests.urls.allow";
    let deny = "validation.manifests.urls.deny";
    let nothing = settings("");
    assert_eq!((nothing[allow].as_str(), nothing.get(deny)), ("^$", None));
    let some = settings("validation: {manifests: {urls: {allow: [^a, b$]}}}\n");
    assert_eq!((some[allow].as_str(), some.get(deny)), ("(?:^a)|(?:b$)", None));
    let others = settings("validation: {manifests: {urls: {deny: ^a}}}\n");
    assert_eq!((others.get(allow), others[deny].as_str()), (None, "(?:^a)"));
    let off = settings("validation: {disabled: true, manifests: {urls: {allow: [^a]}}}\n");
    assert_eq!((off.get(allow), off.get(deny)), (None, None));
    assert_eq!(off["validation.manifests.indexes.platforms"], "none");
    let on = settings("validation: {disabled: true, enabled: true}\n");
    assert_eq!((on[allow].as_str(), on["validation.manifests.indexes.platforms"].as_str()), ("^$", "all"));
    for bad in ["[\"(\"]", "\"*a\"", "[a, '[z']"] {
        let message = refusal(&format!("validation: {{manifests: {{urls: {{allow: {bad}}}}}}}\n"), &[]);
        assert_says(&message, &["FILE, line 2: validation.manifests.urls.allow", "not a regular expression"]);
    }
}
