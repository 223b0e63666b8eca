//! TLS as a client meets it: handshakes, versions, protocols, and what HTTP relies on beneath it.
use rustls::version::{TLS12, TLS13};
use rustls::{CipherSuite, ProtocolVersion};
use std::io::ErrorKind;
use std::time::{Duration, Instant};
use tests::{
    Certificates, Client, Image, OCI_MANIFEST, Request, Server, assert_error, closing, noise, push_blob,
    sha256, start_upload,
};

#[test]
fn an_image_is_pushed_and_pulled_with_either_version() {
    let certificates = Certificates::new();
    for version in [&TLS12, &TLS13] {
        let server = Server::with(|s| s.tls(&certificates).trust(certificates.trust().version(version)));
        let image = Image::oci(1);
        let digest = image.push(&server, "a", "latest");
        assert_eq!(server.get("/v2/a/manifests/latest").expect(200).body, image.manifest);
        assert_eq!(
            server.head("/v2/a/manifests/latest").required("Docker-Content-Digest"),
            digest.to_string()
        );
        let session = server.client();
        assert_eq!(session.session().expect("TLS").protocol_version(), Some(version.version));
    }
}

#[test]
fn a_blob_of_many_records_comes_and_goes_unchanged() {
    let certificates = Certificates::new();
    let server = Server::with(|s| s.tls(&certificates));
    let bytes = noise(1, 24 << 20);
    let digest = push_blob(&server, "a", &bytes);
    let target = format!("/v2/a/blobs/{digest}");
    assert!(server.get(&target).expect(200).body == bytes);
    let part = server.request(&Request::get(&target).header("Range", "bytes=16000-50000")).expect(206);
    assert!(part.body == bytes[16_000..=50_000]);
}

#[test]
fn locations_begin_with_https() {
    let certificates = Certificates::new();
    let server = Server::with(|s| s.tls(&certificates));
    let location = server.post("/v2/a/blobs/uploads/").expect(202);
    assert!(location.required("Location").starts_with(&format!("{}/v2/a/", server.url())), "{location}");
    let forged = Request::post("http://127.0.0.1/v2/a/blobs/uploads/");
    assert!(server.request(&forged).expect(202).required("Location").starts_with("https://"));
}

#[test]
fn http2_is_agreed_on_where_both_want_it() {
    let certificates = Certificates::new();
    let agreed = |disabled: bool, offered: &[&str]| {
        let trust = certificates.trust();
        let server = Server::with(|s| s.tls(&certificates).env("REGISTRY_HTTP_HTTP2_DISABLED", disabled));
        let client = Client::try_tls(server.addr(), &trust.offering(offered)).expect("a handshake");
        client.session().expect("TLS").alpn_protocol().map(<[u8]>::to_vec)
    };
    assert_eq!(agreed(false, &["http/1.1", "h2"]).as_deref(), Some(&b"h2"[..]));
    assert_eq!(agreed(false, &["http/1.1"]).as_deref(), Some(&b"http/1.1"[..]));
    assert_eq!(agreed(false, &[]), None);
    assert_eq!(agreed(true, &["h2", "http/1.1"]).as_deref(), Some(&b"http/1.1"[..]));
}

#[test]
fn the_oldest_version_and_the_cipher_suites_are_settings() {
    let certificates = Certificates::new();
    let server = Server::with(|s| {
        s.tls(&certificates)
            .env("REGISTRY_HTTP_TLS_MINIMUMTLS", "tls1.3")
            .env("REGISTRY_HTTP_TLS_CIPHERSUITES", "[TLS_CHACHA20_POLY1305_SHA256]")
    });
    let client = server.client();
    let session = client.session().expect("TLS");
    assert_eq!(session.protocol_version(), Some(ProtocolVersion::TLSv1_3));
    let suite = session.negotiated_cipher_suite().expect("a suite").suite();
    assert_eq!(suite, CipherSuite::TLS13_CHACHA20_POLY1305_SHA256);
    assert!(Client::try_tls(server.addr(), &certificates.trust().version(&TLS12)).is_err());

    let server = Server::with(|s| {
        s.tls(&certificates)
            .env("REGISTRY_HTTP_TLS_CIPHERSUITES", "[TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]")
    });
    let old = Client::try_tls(server.addr(), &certificates.trust().version(&TLS12)).expect("a handshake");
    let suite = old.session().expect("TLS").negotiated_cipher_suite().expect("a suite").suite();
    assert_eq!(suite, CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256);
    server.get("/v2/").expect(200);
}

#[test]
fn who_speaks_http_on_a_port_for_tls_is_told_so() {
    let certificates = Certificates::new();
    let server = Server::with(|s| s.tls(&certificates));
    let mut client = Client::connect(server.addr());
    client.send_head(&Request::get("/v2/"));
    let said = String::from_utf8(client.rest().expect("an answer")).expect("text");
    assert_eq!(said, "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n");
}

#[test]
fn handshakes_that_stall_hold_nobody_up_and_are_cut_off() {
    let certificates = Certificates::new();
    let server = Server::with(|s| s.tls(&certificates).env("REGISTRY_LIMITS_HEADERTIMEOUT", "1500ms"));
    let begun = Instant::now();
    let silent: Vec<Client> = (0..40).map(|_| Client::connect(server.addr())).collect();
    let half: Vec<Client> = (0..40)
        .map(|_| {
            let mut client = Client::connect(server.addr());
            // The head of a record, and the beginning of a ClientHello that never comes.
            client.send(&[0x16, 3, 1, 2, 0, 1, 0]);
            client
        })
        .collect();
    server.get("/v2/").expect(200);
    assert!(begun.elapsed() < Duration::from_millis(1400), "{:?}", begun.elapsed());
    for client in silent.into_iter().chain(half) {
        let mut client = client.patience(Duration::from_secs(5));
        let read = client.rest();
        let waited = read.is_err_and(|e| matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut));
        assert!(!waited, "the server still waits");
    }
}

#[test]
fn a_handshake_that_stalls_does_not_hold_up_the_end() {
    let certificates = Certificates::new();
    let mut server = Server::with(|s| s.tls(&certificates));
    let mut client = Client::connect(server.addr());
    client.send(&[0x16, 3, 1, 2, 0, 1, 0]);
    server.get("/v2/").expect(200);
    assert_eq!(server.terminate(Duration::from_secs(3)).code(), Some(0));
}

#[test]
fn noise_instead_of_a_handshake_is_answered_with_an_alert() {
    let certificates = Certificates::new();
    let server = Server::with(|s| s.tls(&certificates));
    let mut client = Client::connect(server.addr());
    // A ClientHello of one byte.
    client.send(&[0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0]);
    let alert = client.rest().expect("an alert");
    assert_eq!(alert.first(), Some(&0x15), "{alert:?}");
    server.get("/v2/").expect(200);
}

#[test]
fn a_large_upload_that_is_refused_early_can_read_why() {
    let certificates = Certificates::new();
    let server = Server::with(|s| s.tls(&certificates));
    let body = noise(2, 32 << 20);
    let manifest = Request::new("PUT", "/v2/a/manifests/latest").header("Content-Type", OCI_MANIFEST);
    for _ in 0..3 {
        let response = server.request(&manifest.clone().body(&*body));
        assert_error(&response, 413, "MANIFEST_INVALID");
    }
}

#[test]
fn a_connection_ends_with_the_notice_that_nothing_was_cut() {
    let certificates = Certificates::new();
    let server = Server::with(|s| s.tls(&certificates));
    for request in [
        Request::get("/v2/").header("Connection", "close"),
        Request::put("/v2/a/manifests/latest", noise(3, 8 << 20)).header("Content-Type", OCI_MANIFEST),
    ] {
        let mut client = server.client();
        client.request(&request);
        // Without close_notify this is an error.
        assert_eq!(client.rest().expect("a proper end"), b"");
    }
}

#[test]
fn a_download_that_nobody_reads_is_cut_and_one_that_is_read_slowly_is_not() {
    let certificates = Certificates::new();
    let server = Server::with(|s| s.tls(&certificates).env("REGISTRY_LIMITS_IDLETIMEOUT", "1s"));
    let bytes = noise(4, 24 << 20);
    let digest = push_blob(&server, "a", &bytes);
    let ask = Request::get(&format!("/v2/a/blobs/{digest}"));

    let mut client = server.client();
    client.send_head(&ask);
    client.response_head().expect("a head");
    let mut read = Vec::new();
    for _ in 0..8 {
        std::thread::sleep(Duration::from_millis(300));
        read.extend(client.read_exact(2 << 20).expect("two mebibytes"));
    }
    read.extend(client.read_exact(bytes.len() - read.len()).expect("the rest"));
    assert!(read == bytes);

    let mut client = server.client();
    client.send_head(&ask);
    client.response_head().expect("a head");
    std::thread::sleep(Duration::from_secs(3));
    assert!(client.rest().is_err(), "all of it came");
}

#[test]
fn an_upload_that_was_cut_off_goes_on_where_it_stopped() {
    let certificates = Certificates::new();
    let server = Server::with(|s| s.tls(&certificates));
    let bytes = noise(5, 1 << 20);
    let upload = start_upload(&server, "a");
    let mut client = server.client();
    client.send_head(&Request::new("PATCH", &upload).header("Content-Length", bytes.len()));
    client.send(&bytes[..300_000]);
    // Without close_notify: the wire was cut.
    client.finish_sending();
    let kept = || server.get(&upload).expect(204).required("Range") == "0-299999";
    assert!(tests::eventually(Duration::from_secs(5), kept), "{}", server.get(&upload));
    server.patch(&upload, &bytes[300_000..]).expect(202);
    server.put(&closing(&upload, &sha256(&bytes)), b"").expect(201);
}
