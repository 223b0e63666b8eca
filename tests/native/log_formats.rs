//! `log`: the forms of a line, fields of our own, and Apache's access lines on standard output.
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;
use tests::{BOB, Request, Server, eventually, guarded, noise, push_blob, with_login};

/// The first line of the log that has this in it.
#[track_caller]
fn line(server: &Server, part: &str) -> String {
    let found = || server.log().lines().find(|line| line.contains(part)).map(str::to_owned);
    assert!(eventually(Duration::from_secs(5), || found().is_some()), "no {part:?} in {}", server.log());
    found().expect("it has come")
}

fn object(line: &str) -> Value {
    let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    for key in value.as_object().expect("an object").keys() {
        assert_eq!(line.matches(&format!("\"{key}\":")).count(), 1, "{key} stands twice: {line}");
    }
    value
}

const FIELDS: &str = "version: 0.1\nlog:\n  fields:\n    service: registry\n    environment: two words\n    level: mine\n    \
                      status: \"999\"\n";

#[test]
fn json_has_the_names_that_distribution_has_and_every_line_has_the_fields() {
    for formatter in ["", "  formatter: json\n"] {
        let server = Server::with(|s| s.config(&format!("{FIELDS}{formatter}")));
        server.get("/v2/").expect(200);
        let request = object(&line(&server, "\"route\":\"version\""));
        assert_eq!((&request["level"], &request["msg"]), (&"info".into(), &"request".into()));
        // What an event says itself counts.
        assert_eq!(request["status"], 200);
        for line in server.log().lines() {
            let line = object(line);
            assert_eq!((&line["service"], &line["environment"]), (&"registry".into(), &"two words".into()));
            assert_eq!(line["fields.level"], "mine", "{line}");
            let time = line["time"].as_str().expect("a time");
            assert!(time.starts_with("20") && time.contains('T') && time.ends_with('Z'), "{time}");
            assert!(line["msg"].is_string(), "{line}");
        }
    }
}

#[test]
fn logstash_has_the_names_that_logstash_wants() {
    let server = Server::with(|s| s.config(&format!("{FIELDS}  formatter: logstash\n")));
    server.get("/v2/").expect(200);
    let line = object(&line(&server, "\"route\":\"version\""));
    let names = ["@timestamp", "@version", "level", "message", "service", "status"];
    assert!(names.iter().all(|name| !line[name].is_null()), "{line}");
    assert_eq!((&line["@version"], &line["message"]), (&"1".into(), &"request".into()));
}

#[test]
fn text_is_what_logrus_writes() {
    let server = Server::with(|s| s.config(&format!("{FIELDS}  formatter: text\n")));
    server.get("/v2/a/manifests/%22%0alevel=error");
    let listening = line(&server, "msg=listening");
    assert!(
        listening.starts_with("time=\"20") && listening.contains("Z\" level=info msg=listening "),
        "{listening}"
    );
    assert!(listening.contains(" environment=\"two words\" "), "{listening}");
    assert!(listening.contains(" service=registry "), "{listening}");
    let request = line(&server, " uri=\"/v2/a/manifests/%22%0a");
    assert!(request.contains(" msg=request method=GET "), "{request}");
    assert!(server.log().lines().all(|line| line.starts_with("time=\"20")), "{}", server.log());
}

#[test]
fn a_line_can_tell_where_in_the_source_it_comes_from() {
    let server = Server::with(|s| s.env("REGISTRY_LOG_REPORTCALLER", "true"));
    let line = object(&line(&server, "listening"));
    let file = line["file"].as_str().expect("a file");
    assert!(file.contains("serve.rs:"), "{file}");
}

/// Apache's lines once there are as many.
#[track_caller]
fn combined(server: &Server, count: usize) -> Vec<String> {
    let lines = || server.output().lines().map(str::to_owned).collect::<Vec<_>>();
    assert!(eventually(Duration::from_secs(5), || lines().len() >= count), "{}", server.output());
    lines()
}

#[test]
fn each_request_is_a_line_in_apaches_format_on_standard_output_whatever_the_level() {
    let server = Server::with(|s| s.env("REGISTRY_LOG_LEVEL", "error"));
    let digest = push_blob(&server, "a/b", &noise(1, 70_000));
    let request = Request::get(&format!("/v2/a/b/blobs/{digest}"))
        .header("User-Agent", "docker/29 \"forged\" [x")
        .header("Referer", "https://example.com/");
    server.request(&request).expect(200);
    let wanted = format!(
        "\"GET /v2/a/b/blobs/{digest} HTTP/1.1\" 200 70000 \"https://example.com/\" \"docker/29 \\\"forged\\\" [x\""
    );
    let found = || server.output().lines().find(|line| line.ends_with(&wanted)).map(str::to_owned);
    assert!(eventually(Duration::from_secs(5), || found().is_some()), "{wanted}\n{}", server.output());
    let line = found().expect("it has come");
    let (who, rest) = line.split_once(" [").expect("a time");
    assert_eq!(who, "127.0.0.1 - -");
    let (time, _) = rest.split_once("] ").expect("a time");
    let parts: Vec<&str> = time.split(['/', ':', ' ']).collect();
    assert!(parts.len() == 7 && parts[6] == "+0000" && parts[1].len() == 3, "{time}");
    assert_eq!(server.log(), "");
}

#[test]
fn apaches_line_names_who_is_logged_in_and_no_client_can_forge_one() {
    let server = guarded("");
    let request = with_login(Request::get("/v2/"), BOB);
    server.request(&request.header("User-Agent", "a\tb\\")).expect(200);
    let all = || server.output();
    let said = eventually(Duration::from_secs(5), || all().contains(" - bob ["));
    assert!(said && all().contains("\"a\\x09b\\\\\""), "{}", all());
    assert!(all().lines().all(|line| line.starts_with("127.0.0.1 - ")), "{}", all());
}

#[test]
fn a_line_has_the_beginning_of_what_a_client_makes_long() {
    let server = Server::with(|s| s.env("REGISTRY_LIMITS_HEADERS", "8KiB"));
    let target = format!("/v2/{}", "a".repeat(60_000));
    let mut client = server.client();
    client.send(format!("GET {target} HTTP/1.1\r\nHost: a\r\nUser-Agent: ").as_bytes());
    client.send(&[0xff; 60_000]);
    client.send(b"\r\nReferer: ");
    client.send(&[0xff; 60_000]);
    client.send(b"\r\n\r\n");
    client.response("GET").expect(431);
    let request = object(&line(&server, "\"status\":431"));
    assert_eq!(request["uri"].as_str().expect("a target"), target[..2048].to_owned() + "…");
    let all = || server.output();
    let bytes = "\\xff".repeat(2048) + "\\xe2\\x80\\xa6";
    let wanted = format!("431 {} \"{bytes}\" \"{bytes}\"\n", request["bytes"]);
    assert!(eventually(Duration::from_secs(5), || all().contains(&wanted)), "{wanted}\n{}", all());
    let method = server.request(&Request::new(&"M".repeat(5000), "/v2/"));
    let long = line(&server, "\"method\":\"MMM");
    assert!(long.len() < 3000, "{method}\n{long}");
}

#[test]
fn the_lines_on_standard_output_can_be_turned_off() {
    let mut server = Server::with(|s| s.env("REGISTRY_LOG_ACCESSLOG_DISABLED", "true"));
    server.get("/v2/").expect(200);
    server.access_line(|line| line.route() == "version");
    server.terminate(Duration::from_secs(10));
    assert_eq!(server.output(), "");
}

#[test]
fn no_line_is_lost_or_torn_where_many_come_at_once() {
    let server = Server::start();
    let before = combined(&server, 1).len();
    std::thread::scope(|scope| {
        for client in 0..8 {
            let server = &server;
            scope.spawn(move || {
                let mut connection = server.client();
                for number in 0..200 {
                    connection
                        .request(&Request::get(&format!("/v2/a{client}/tags/list?n={number}")))
                        .expect(404);
                }
            });
        }
    });
    let lines = combined(&server, before + 1600);
    let targets: BTreeSet<&str> = lines.iter().filter_map(|line| line.split('"').nth(1)).collect();
    assert_eq!((lines.len(), targets.len()), (before + 1600, 1600 + 1));
    // The two logs are written by two threads.
    let same = eventually(Duration::from_secs(5), || server.access().len() >= lines.len());
    assert!(same && server.access().len() == lines.len(), "{} and {}", server.access().len(), lines.len());
}
