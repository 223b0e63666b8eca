//! Single values: durations, sizes, numbers, addresses.

use super::*;

fn set(variable: &str, value: &str) -> Result<Config, ConfigError> {
    load_environment(&[(variable, value)])
}

#[test]
fn a_duration_has_units_and_is_long_enough() {
    assert_eq!(
        set("REGISTRY_HTTP_DRAINTIMEOUT", "1m30s").unwrap().http.draintimeout,
        Duration::from_secs(90)
    );
    let message = set("REGISTRY_HTTP_DRAINTIMEOUT", "30").unwrap_err().to_string();
    assert_says(&message, &["http.draintimeout: ", "write 60s for sixty seconds"]);
    let message = set("REGISTRY_LIMITS_HEADERTIMEOUT", "0").unwrap_err().to_string();
    assert_says(&message, &["too short", "at least 1ms"]);
}

#[test]
fn sizes_are_bytes_or_have_a_binary_unit() {
    for (text, expected) in
        [("16777216", 16 << 20), ("32MiB", 32 << 20), ("20000KiB", 20000 << 10), ("1GiB", 1 << 30)]
    {
        assert_eq!(set("REGISTRY_LIMITS_MEMORY", text).unwrap().limits.memory, expected, "{text}");
    }
    for text in
        ["64MB", "64M", "64 MiB", "1.5GiB", "-1", "MiB", "1KiB", "5GiB", "99999999999GiB", "0x4000000"]
    {
        let message = set("REGISTRY_LIMITS_MEMORY", text).unwrap_err().to_string();
        assert_says(&message, &["limits.memory: not such a size", "from 16MiB to 4GiB"]);
    }
    assert_eq!(set("REGISTRY_LIMITS_HEADERS", "8192").unwrap().limits.headers, 8192);
    assert!(set("REGISTRY_LIMITS_HEADERS", "8191").is_err());
}

#[test]
fn a_page_of_zero_is_the_default_and_below_zero_as_distribution_has_it() {
    assert_eq!(set("REGISTRY_CATALOG_MAXENTRIES", "5").unwrap().catalog_maxentries, 5);
    assert_eq!(set("REGISTRY_CATALOG_MAXENTRIES", "0").unwrap().catalog_maxentries, 1000);
    assert_eq!(set("REGISTRY_CATALOG_MAXENTRIES", "-1").unwrap().catalog_maxentries, 1000);
    assert_eq!(set("REGISTRY_TAGS_MAXTAGS", "0").unwrap().tags_maxtags, 1000);
    assert!(set("REGISTRY_TAGS_MAXTAGS", "-1").is_err());
    assert!(set("REGISTRY_TAGS_MAXTAGS", "4294967296").is_err());
    assert!(set("REGISTRY_TAGS_MAXTAGS", "many").is_err());
}

#[test]
fn counts_have_bounds() {
    assert_eq!(set("REGISTRY_LIMITS_THREADS", "0").unwrap().limits.threads, 0);
    for (name, value) in [
        ("REGISTRY_LIMITS_REQUESTS", "0"),
        ("REGISTRY_LIMITS_REQUESTS", "1000001"),
        ("REGISTRY_LIMITS_REQUESTS", "1.5"),
        ("REGISTRY_LIMITS_THREADS", "-1"),
        ("REGISTRY_LIMITS_HEADERCOUNT", "15"),
    ] {
        let message = set(name, value).unwrap_err().to_string();
        assert_says(&message, &["write a number from "]);
    }
}

#[test]
fn levels_are_distributions_in_any_case() {
    for (text, expected) in
        [("error", Level::Error), ("WARN", Level::Warn), ("Info", Level::Info), ("debug", Level::Debug)]
    {
        assert_eq!(set("REGISTRY_LOG_LEVEL", text).unwrap().log.level, expected);
        assert_eq!(set("REGISTRY_LOGLEVEL", text).unwrap().log.level, expected);
    }
    let both = load("loglevel: debug\nlog:\n  level: error\n", &[]).unwrap();
    assert_eq!(both.log.level, Level::Error, "the newer name wins");
    for text in ["warning", "trace", "off", "1"] {
        assert!(set("REGISTRY_LOG_LEVEL", text).is_err(), "{text}");
    }
}

#[test]
fn a_host_is_a_url_that_a_location_can_begin_with() {
    for (text, expected) in [
        ("https://registry.example.com", "https://registry.example.com"),
        ("http://localhost:5000/", "http://localhost:5000"),
        ("https://example.com/registry/", "https://example.com/registry"),
    ] {
        assert_eq!(set("REGISTRY_HTTP_HOST", text).unwrap().http.host.as_deref(), Some(expected));
    }
    for text in [
        "registry.example.com",
        "https://",
        "https:///x",
        "ftp://x",
        "https://x?y",
        "https://x#y",
        "https://u:p@x",
        "https://x y",
        "https://é",
        "\"https://x\\r\\ny\"",
        "//x",
    ] {
        assert!(set("REGISTRY_HTTP_HOST", text).is_err(), "{text}");
    }
}

fn addresses(addr: &str) -> Vec<String> {
    let config = set("REGISTRY_HTTP_ADDR", addr).unwrap();
    config.listen_addresses().unwrap().iter().map(ToString::to_string).collect()
}

#[test]
fn an_address_without_a_host_is_every_interface() {
    for addr in [":5000", "0.0.0.0:5000"] {
        assert_eq!(addresses(addr), ["[::]:5000", "0.0.0.0:5000"]);
    }
}

#[test]
fn an_address_with_a_host_is_that_host() {
    assert_eq!(addresses("127.0.0.1:0"), ["127.0.0.1:0"]);
    assert_eq!(addresses("[::1]:5000"), ["[::1]:5000"]);
    assert_eq!(addresses("[::]:5000"), ["[::]:5000"]);
    assert_eq!(addresses("localhost:5000"), ["127.0.0.1:5000"]);
}

#[test]
fn what_is_no_address_is_refused_when_the_configuration_is_read() {
    for (addr, remedy) in [
        ("5000", ":port"),
        ("localhost", ":port"),
        ("localhost:", "from 0 to 65535"),
        ("localhost:http", "from 0 to 65535"),
        ("localhost:65536", "from 0 to 65535"),
        ("localhost:-1", "from 0 to 65535"),
        ("localhost:+80", "from 0 to 65535"),
        ("::1:5000", "[::1]:5000"),
        ("[::1]", ":port"),
        ("[::1:5000", ":port"),
        ("[localhost]:5000", "an IPv6 address"),
        ("tcp://0.0.0.0:5000", "no scheme"),
        ("a b:5000", ":port"),
        ("/run/registry.sock:1", ":port"),
    ] {
        let message = set("REGISTRY_HTTP_ADDR", addr).unwrap_err().to_string();
        assert_says(&message, &["REGISTRY_HTTP_ADDR: http.addr: ", remedy]);
    }
}

#[test]
fn a_host_that_cannot_be_resolved_names_the_setting() {
    let config = set("REGISTRY_HTTP_ADDR", "nowhere.invalid:5000").unwrap();
    let message = config.listen_addresses().unwrap_err().to_string();
    assert_says(&message, &["http.addr", "nowhere.invalid:5000", "cannot be resolved"]);
}

#[test]
fn a_list_has_an_end() {
    for (name, value) in [("HTTP_TLS_LETSENCRYPT_HOSTS", "a.example"), ("HTTP_TLS_CLIENTCAS", "/ca.pem")] {
        let message = set(&format!("REGISTRY_{name}_1000"), value).unwrap_err().to_string();
        assert_says(&message, &["there are too many entries"]);
    }
}
