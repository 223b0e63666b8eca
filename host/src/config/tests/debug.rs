//! What watches the server: `http.debug` and `health`.

use super::*;
use crate::config::health::{FileCheck, TcpCheck};
use crate::notifications::Action;
use std::time::Duration;

const ALL: &str = "\
http:
  debug:
    addr: 127.0.0.1:5001
    prometheus:
      enabled: true
      path: /counted
health:
  storagedriver:
    enabled: true
    interval: 5s
    threshold: 3
  file:
    - file: /run/pierhead/closed
      interval: 2s
    - file: /run/pierhead/also
  tcp:
    - addr: ldap.example.com:636
      timeout: 3s
      interval: 4s
      threshold: 2
";

#[test]
fn who_watches_gets_an_address_and_what_is_looked_after() {
    let config = load(ALL, &[]).unwrap();
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    let debug = &config.http.debug;
    assert_eq!((debug.addr.as_str(), debug.prometheus.path.as_str()), ("127.0.0.1:5001", "/counted"));
    assert!(debug.prometheus.enabled);
    let storage = &config.health.storagedriver;
    assert_eq!((storage.enabled, storage.interval, storage.threshold), (true, Duration::from_secs(5), 3));
    let file = |path: &str, seconds| FileCheck { file: path.into(), interval: Duration::from_secs(seconds) };
    assert_eq!(config.health.file, [file("/run/pierhead/closed", 2), file("/run/pierhead/also", 10)]);
    let server = TcpCheck {
        addr: "ldap.example.com:636".into(),
        timeout: Duration::from_secs(3),
        interval: Duration::from_secs(4),
        threshold: 2,
    };
    assert_eq!(config.health.tcp, [server]);
}

#[test]
fn variables_say_the_same() {
    let config = load_environment(&[
        ("REGISTRY_HTTP_DEBUG_ADDR", "127.0.0.1:5001"),
        ("REGISTRY_HTTP_DEBUG_PROMETHEUS_ENABLED", "true"),
        ("REGISTRY_HTTP_DEBUG_PROMETHEUS_PATH", "/counted"),
        ("REGISTRY_HEALTH_STORAGEDRIVER", "{enabled: true, interval: 5s, threshold: 3}"),
        ("REGISTRY_HEALTH_FILE_0_FILE", "/run/pierhead/closed"),
        ("REGISTRY_HEALTH_FILE_0_INTERVAL", "2s"),
        ("REGISTRY_HEALTH_FILE_1_FILE", "/run/pierhead/also"),
        ("REGISTRY_HEALTH_TCP", "[{addr: 'ldap.example.com:636', timeout: 3s, interval: 4s, threshold: 2}]"),
    ]);
    let (config, by_file) = (config.unwrap(), load(ALL, &[]).unwrap());
    assert_eq!((config.http.debug, config.health), (by_file.http.debug, by_file.health));
}

#[test]
fn what_cannot_be_watched_is_refused() {
    for (settings, parts) in [
        ("http: {debug: {addr: '5001'}}", &["line 2", "http.debug.addr", "write host:port"][..]),
        ("http: {debug: {addr: 'http://a:1'}}", &["http.debug.addr", "no scheme"]),
        (
            "http: {debug: {prometheus: {path: metrics}}}",
            &["http.debug.prometheus.path", "a path, as in /metrics"],
        ),
        (
            "http: {debug: {prometheus: {path: /debug/health}}}",
            &["http.debug.prometheus.path", "state of the checks"],
        ),
        ("health: {storagedriver: {interval: soon}}", &["health.storagedriver.interval"]),
        ("health: {storagedriver: {threshold: -1}}", &["health.storagedriver.threshold", "from 0 to 1000"]),
        ("health: {file: [{interval: 1s}]}", &["health.file.0", "a check of nothing", "the file"]),
        ("health: {file: [{file: /a, interval: 0s}]}", &["health.file", "too short", "at least 1ms"]),
        (
            "health: {tcp: [{addr: 'a:1'}, {timeout: 1s}]}",
            &["health.tcp.1", "a check of nothing", "the addr"],
        ),
        (
            "health:\n  file:\n  - file: /a\n  - file: /a\n",
            &["line 5", "health.file.1", "looked after already"],
        ),
        ("http: {debug: {prometheus: {path: '/a?b'}}}", &["http.debug.prometheus.path", "a path"]),
        ("http: {addr: ':5000', debug: {addr: '127.0.0.1:5000'}}", &["http.debug.addr", "another port"]),
        (
            "http: {addr: '127.0.0.1:5000', debug: {addr: '127.0.0.1:5000'}}",
            &["http.debug.addr", "another port"],
        ),
        ("health: {tcp: [{addr: ':80'}]}", &["health.tcp", "write host:port"]),
        ("health: {tcp: [{addr: 'a:1', threshold: 2000}]}", &["health.tcp", "from 0 to 1000"]),
        ("health: {http: [{statuscode: 200}]}", &["health.http.0", "write the uri"]),
        ("health: {http: [{uri: 'a:80'}]}", &["health.http.*.uri", "write http:// or https://"]),
        (
            "health: {http: [{uri: 'http://a/', statuscode: 42}]}",
            &["health.http.*.statuscode", "from 100 to 599"],
        ),
        (
            "health: {http: [{uri: 'http://a/', headers: {Host: [b]}}]}",
            &["health.http.*.headers", "host", "remove it"],
        ),
        (
            "notifications: {endpoints: [{name: a}]}",
            &["notifications.endpoints.0", "write its url", "disabled"],
        ),
        (
            "notifications: {endpoints: [{url: 'ftp://a/'}]}",
            &["notifications.endpoints.*.url", "write http://"],
        ),
        (
            "notifications: {endpoints: [{url: 'http://a/', ignore: {actions: [pulls]}}]}",
            &["notifications.endpoints.*.ignore.actions", "write pull, push, mount or delete"],
        ),
        (
            "notifications: {endpoints: [{url: 'http://a/', headers: {a: ['bé']}}]}",
            &["notifications.endpoints.*.headers", "write one line of ASCII"],
        ),
    ] {
        assert_says(&refusal(settings, &[]), parts);
    }
}

#[test]
fn urls_that_are_looked_after_are_not_shown_and_may_differ_in_what_is_hidden() {
    let uris = ["http://user:pass@a/x?one", "http://user:word@a/x?two", "http://token@a/y"];
    let list: String = uris.iter().map(|uri| format!("  - {{uri: '{uri}'}}\n")).collect();
    let config = load(&format!("health:\n  http:\n{list}"), &[]).unwrap();
    let names: Vec<String> = config.health.http.iter().map(|check| check.name()).collect();
    assert_eq!(names, ["http://a/x", "http://a/x", "http://a/y"]);
    let twice = format!("health:\n  http:\n{0}{0}", "  - {uri: 'http://a/x?one'}\n");
    assert_says(&refusal(&twice, &[]), &["health.http.1", "looked after already"]);
}

#[test]
fn metrics_without_an_address_are_warned_of() {
    let config = load("http: {debug: {prometheus: {enabled: true}}}", &[]).unwrap();
    assert_says(&warnings(&config).join("\n"), &["give http.debug.addr too"]);
}

#[test]
fn endpoints_of_events_are_read_as_distributions_are() {
    let text = "notifications:\n  events: {includereferences: true}\n  endpoints:\n  - {name: off, disabled: true, url: }\n\
                \x20 - name: a\n    url: https://user:pw@a.example/hook?t=1\n    headers: {X-A: [one, two], authorization: [Bearer b]}\n\
                \x20   timeout: 0\n    threshold: 3\n    backoff: 250ms\n    ignoredmediatypes: [x/y]\n\
                \x20   ignore: {mediatypes: [z/z], actions: [pull, Mount]}\n  - url: http://b.example:81/\n";
    let config = load(text, &[("REGISTRY_NOTIFICATIONS_ENDPOINTS_2_TIMEOUT", "2s")]).unwrap();
    assert_eq!(warnings(&config), Vec::<String>::new());
    let notifications = &config.notifications;
    assert!(notifications.includereferences);
    let told: Vec<_> = notifications.told().collect();
    let [a, b] = told[..] else { panic!("{told:?}") };
    assert_eq!((a.name.as_str(), b.name.as_str()), ("a", "b.example"));
    assert_eq!(a.url.as_ref().unwrap().as_str(), "https://user:pw@a.example/hook?t=1");
    assert_eq!(a.headers.get_all("x-a").iter().collect::<Vec<_>>(), ["one", "two"]);
    assert_eq!(a.headers["authorization"], "Bearer b");
    assert_eq!((a.timeout, a.threshold, a.backoff), (Duration::from_secs(1), 3, Duration::from_millis(250)));
    assert_eq!(a.ignored_types, ["x/y", "z/z"]);
    assert_eq!(a.ignored_actions, [Action::Pull, Action::Mount]);
    assert_eq!((b.timeout, b.threshold, b.queue), (Duration::from_secs(2), 10, 10_000));
    assert_eq!(config.settings()["notifications"], "true");
    assert!(
        !load("notifications: {endpoints: [{url: 'http://a/', disabled: true}]}", &[])
            .unwrap()
            .settings()
            .contains_key("notifications")
    );
}
