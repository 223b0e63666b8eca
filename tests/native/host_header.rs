//! Which host a request asks (RFC 9112, section 3.2).
use tests::{Response, Server, assert_error};

fn ask(server: &Server, head: &str) -> Response {
    let mut client = server.client();
    client.send(head.as_bytes());
    client.response("GET")
}

#[test]
fn a_request_without_one_host_that_can_be_is_refused() {
    let server = Server::start();
    for hosts in
        ["", "Host: a\r\nHost: a\r\n", "Host: a b\r\n", "Host: a/b\r\n", "Host: user@a\r\n", "Host: a:b\r\n"]
    {
        assert_error(&ask(&server, &format!("GET /v2/ HTTP/1.1\r\n{hosts}\r\n")), 400, "UNSUPPORTED");
        let absolute = format!("GET http://a.example/v2/ HTTP/1.1\r\n{hosts}\r\n");
        assert_error(&ask(&server, &absolute), 400, "UNSUPPORTED");
    }
    let mut client = server.client();
    client.send(b"POST /v2/a/blobs/uploads/ HTTP/1.1\r\nContent-Length: 5\r\n\r\n01234");
    assert_error(&client.response("POST"), 400, "UNSUPPORTED");
    client.request(&tests::Request::get("/v2/")).expect(200);
}

#[test]
fn names_addresses_ports_and_nothing_are_hosts() {
    let server = Server::start();
    for host in ["a", "my_registry:5000", "registry.example", "[::1]:5000", "127.0.0.1", ""] {
        ask(&server, &format!("GET /v2/ HTTP/1.1\r\nHost: {host}\r\n\r\n")).expect(200);
    }
}

#[test]
fn a_client_of_http_1_0_need_not_say_it() {
    let server = Server::start();
    let answered = |hosts: &str| {
        let mut client = server.client();
        client.send(format!("GET /v2/ HTTP/1.0\r\n{hosts}\r\n").as_bytes());
        let answer = client.rest().expect("the end of the connection");
        String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned()
    };
    assert_eq!(answered(""), "HTTP/1.0 200 OK");
    assert_eq!(answered("Host: a\r\n"), "HTTP/1.0 200 OK");
    assert_eq!(answered("Host: a b\r\n"), "HTTP/1.0 400 Bad Request");
}

#[test]
fn a_target_that_names_a_host_counts_over_it() {
    let server = Server::start();
    let mut client = server.client();
    client.send(
        b"POST http://a.example:81/v2/a/blobs/uploads/ HTTP/1.1\r\nHost: b.example\r\nContent-Length: 0\r\n\r\n",
    );
    let location = client.response("POST").expect(202).required("Location").to_owned();
    assert!(location.starts_with("http://a.example:81/v2/a/blobs/uploads/"), "{location}");
}
