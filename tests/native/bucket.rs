//! Our own host with a bucket, beyond what runs on every host that has one.
use crate::debug::{assert_becomes, is_closed, is_open};
use rustix::process::{Pid, Signal};
use serde_json::json;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Child, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tests::program::Folder;
use tests::{
    Bucket, Certificates, Host, Image, Server, Setup, assert_error, closing, eventually, noise, run, sha256,
    start_upload,
};

const MIB: usize = 1 << 20;

fn with_a_bucket() -> Server {
    Server::with(|setup| setup.on(Host::NativeS3))
}

#[test]
fn many_uploads_at_once_have_to_do_with_little_memory() {
    // Each has at least two parts, of which one is sent while the other comes.
    let (uploads, size) = (16, 24 * MIB);
    let server = Server::with(|setup| setup.on(Host::NativeS3).env("REGISTRY_LIMITS_UPLOADMEMORY", "8MiB"));
    let before = server.memory_peak();
    std::thread::scope(|scope| {
        for at in 0..uploads {
            let server = &server;
            scope.spawn(move || {
                let bytes = noise(at, size);
                let upload = start_upload(server, "a");
                server.patch(&upload, &bytes).expect(202);
                let digest = sha256(&bytes);
                server.put(&closing(&upload, &digest), b"").expect(201);
                assert!(
                    server.get(&format!("/v2/a/blobs/{digest}")).expect(200).body == bytes,
                    "other bytes"
                );
            });
        }
    });
    // 5 MiB of each, what is under way between sockets, and what the allocator keeps; without a bound it is 20 MiB of each.
    let grown = (server.memory_peak() - before) / 1024;
    assert!(grown < 170, "{grown} MiB for {uploads} uploads");
}

#[test]
fn a_bucket_that_is_away_closes_a_server_that_looks_after_its_storage() {
    let (folder, port) = (Folder::new(), tests::free_port());
    let bucket = Bucket::serve_on(&folder.join("bucket"), port);
    let server = Server::with(|setup| {
        setup
            .on(Host::NativeS3)
            .bucket(&bucket)
            .env("REGISTRY_HEALTH_STORAGEDRIVER", "{enabled: true, interval: 500ms}")
            .env("REGISTRY_HTTP_DEBUG_ADDR", "127.0.0.1:0")
    });
    assert_becomes(&server, is_open);
    drop(bucket);
    assert_becomes(&server, is_closed);
    server.assert_says("storagedriver_s3");
    let _bucket = Bucket::serve_on(&folder.join("bucket"), port);
    assert_becomes(&server, is_open);
}

#[test]
fn what_a_client_leaves_in_the_middle_is_kept_and_nothing_is_left_of_it_in_the_end() {
    let server = with_a_bucket();
    let bytes = noise(1, 12 * MIB);
    let upload = start_upload(&server, "a");
    let mut client = server.client();
    client.send_head(&tests::Request::new("PATCH", &upload).header("Content-Length", bytes.len()));
    client.send(&bytes[..11 * MIB]);
    std::thread::sleep(Duration::from_millis(300));
    drop(client);
    // The work goes on when the connection is gone, to where it can be gone on with.
    let kept = || server.get(&upload).expect(204).required("Range") == format!("0-{}", 11 * MIB - 1);
    assert!(eventually(Duration::from_secs(10), kept), "{}", server.get(&upload));
    server.patch(&upload, &bytes[11 * MIB..]).expect(202);
    server.put(&closing(&upload, &sha256(&bytes)), b"").expect(201);
    assert!(server.get(&format!("/v2/a/blobs/{}", sha256(&bytes))).expect(200).body == bytes, "other bytes");
    let uploads = server.repository("a").join("_uploads");
    assert!(eventually(Duration::from_secs(5), || tests::files_below(uploads.clone()).is_empty()));
}

#[test]
fn distributions_file_with_its_bucket_starts_this_server() {
    let folder = Folder::new();
    let bucket = Bucket::serve(&folder.join("bucket"));
    let config = format!(
        "version: 0.1\nstorage:\n  s3:\n    regionendpoint: {}\n    region: {}\n    bucket: {}\n    accesskey: {}\n    \
         secretkey: {}\n    forcepathstyle: true\n    v4auth: true\n    rootdirectory: /some/folder\n  delete: {{enabled: true}}\n\
         http: {{addr: '127.0.0.1:{{port}}'}}\n",
        bucket.endpoint(),
        Bucket::REGION,
        Bucket::NAME,
        Bucket::ACCESS_KEY,
        Bucket::SECRET_KEY,
    );
    let server = Server::with(|setup| setup.by_file_alone().config(&config));
    let image = Image::oci(1);
    image.push(&server, "a", "latest");
    assert_eq!(server.get("/v2/a/manifests/latest").expect(200).body, image.manifest);
    server.assert_says("content lies in a bucket");
    server.assert_says("/registry/some/folder/");
    assert!(bucket.folder().join("some/folder/docker/registry/v2/repositories/a/_manifests").is_dir());
    assert!(!server.log().contains(Bucket::SECRET_KEY), "{}", server.log());
}

/// What AWS answers to a pod that has a role: these keys.
fn gives_keys(secret: &'static str) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/v1/credentials", listener.local_addr().expect("an address"));
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut head = [0; 4096];
            let length = stream.read(&mut head).unwrap_or(0);
            let head = String::from_utf8_lossy(&head[..length]).to_lowercase();
            let known = head.starts_with("get /v1/credentials") && head.contains("authorization: the-token");
            count.fetch_add(1, Ordering::SeqCst);
            let body = json!({
                "AccessKeyId": Bucket::ACCESS_KEY, "SecretAccessKey": secret, "Token": "",
                "Expiration": "2100-01-01T00:00:00Z",
            });
            let (status, body) =
                if known { ("200 OK", body.to_string()) } else { ("403 Forbidden", "{}".into()) };
            let length = body.len();
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
            let _ = stream.write_all((head + &body).as_bytes());
        }
    });
    (url, asked)
}

/// A server of a bucket that no setting has the key of.
fn without_keys<'a>(setup: &'a mut Setup, bucket: &Bucket) -> &'a mut Setup {
    setup
        .on(Host::NativeS3)
        .bucket(bucket)
        .env("REGISTRY_STORAGE_S3_ACCESSKEY", "")
        .env("REGISTRY_STORAGE_S3_SECRETKEY", "")
}

#[test]
fn keys_are_those_of_a_role_where_the_settings_have_none() {
    let folder = Folder::new();
    let bucket = Bucket::serve(&folder.join("bucket"));
    let (url, asked) = gives_keys(Bucket::SECRET_KEY);
    let server = Server::with(|setup| {
        without_keys(setup, &bucket)
            .file("token", "the-token")
            .env("AWS_CONTAINER_CREDENTIALS_FULL_URI", &url)
            .env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "{scratch}/token")
    });
    Image::oci(1).push(&server, "a", "latest");
    server.get("/v2/a/manifests/latest").expect(200);
    assert_eq!(asked.load(Ordering::SeqCst), 1, "they are good for a while");
    assert!(!server.log().contains(Bucket::SECRET_KEY), "{}", server.log());
}

#[test]
fn keys_of_the_environment_are_good_too_and_without_any_there_is_no_server() {
    let folder = Folder::new();
    let bucket = Bucket::serve(&folder.join("bucket"));
    let server = Server::with(|setup| {
        without_keys(setup, &bucket)
            .env("AWS_ACCESS_KEY_ID", Bucket::ACCESS_KEY)
            .env("AWS_SECRET_ACCESS_KEY", Bucket::SECRET_KEY)
    });
    Image::oci(1).push(&server, "a", "latest");
    let nobody = format!("http://127.0.0.1:{}", tests::free_port());
    let ended = run(&["serve"], |setup| {
        setup
            .env("REGISTRY_STORAGE_S3_BUCKET", "b")
            .env("REGISTRY_STORAGE_S3_REGION", "r")
            .env("REGISTRY_HTTP_ADDR", "127.0.0.1:0")
            .env("AWS_METADATA_ENDPOINT", &nobody)
    });
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.output.contains("there is no key to the bucket: give storage.s3.accesskey"),
        "{}",
        ended.output
    );
}

#[test]
fn what_answers_in_the_place_of_a_bucket_is_named_and_nothing_is_said_to_be_absent() {
    // As whoever is in front of a bucket does while that starts.
    let other = Server::with(|setup| setup.on(Host::Native));
    let endpoint = format!("http://{}", other.addr());
    let server =
        Server::with(|setup| setup.on(Host::NativeS3).env("REGISTRY_STORAGE_S3_REGIONENDPOINT", &endpoint));
    assert_error(&server.get("/v2/a/manifests/latest"), 503, "UNAVAILABLE");
    server.assert_says("look at storage.s3.regionendpoint");
    server.assert_says("content lies in a bucket that cannot be read");
}

#[test]
fn a_bucket_with_a_certificate_that_nobody_believes_is_told_from_one_that_is_away() {
    let certificates = Certificates::new();
    let other = Server::with(|setup| setup.on(Host::Native).tls(&certificates));
    let endpoint = format!("https://{}", other.addr());
    let bucket = |setup: &mut Setup| {
        setup.on(Host::NativeS3).env("REGISTRY_STORAGE_S3_REGIONENDPOINT", &endpoint);
    };
    let server = Server::with(|setup| {
        bucket(setup);
        setup
    });
    assert_error(&server.get("/v2/a/manifests/latest"), 503, "UNAVAILABLE");
    server.assert_says("SSL_CERT_FILE");
    let believing = Server::with(|setup| {
        bucket(setup);
        setup.env("SSL_CERT_FILE", certificates.file("ca.crt").display())
    });
    // It is no bucket, but it is spoken to.
    assert_error(&believing.get("/v2/a/manifests/latest"), 503, "UNAVAILABLE");
    believing.assert_says("look at storage.s3.regionendpoint");
    assert!(!believing.log().contains("SSL_CERT_FILE"), "{}", believing.log());
}

#[test]
fn one_collects_garbage_at_a_time_and_who_is_told_to_stop_leaves_nothing_behind() {
    let server = Server::with(|setup| setup.on(Host::NativeS3).delete_enabled());
    for seed in 0..30 {
        Image::oci(seed).push_blobs(&server, "a");
    }
    Image::oci(0).push(&server, "a", "latest");
    let state = server.tree().join("_collection/state");
    let is_under_way = || fs::read_to_string(&state).is_ok_and(|text| text.contains(" collecting "));
    let mut stopped = 0;
    for _ in 0..10 {
        let mut command = server.beside(&["garbage-collect", "--grace", "1h"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it can be run");
        assert!(eventually(Duration::from_secs(10), || is_under_way() || !is_running(&mut child)));
        let pid = Pid::from_child(&child);
        rustix::process::kill_process(pid, Signal::TERM).expect("a signal");
        let ended = child.wait_with_output().expect("it ends");
        stopped += u32::from(!ended.status.success());
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(ended.status.success() || said.contains("stopped before its end"), "{said}");
        assert!(!is_under_way(), "others have to wait for who has ended");
    }
    assert!(stopped > 0, "no collection was stopped");

    fs::write(&state, "0f collecting 1\n").expect("a file");
    let before = tests::files_below(server.tree()).len();
    let refused = server.beside(&tests::garbage::NOW).output().expect("it can be run");
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(1) && said.contains("collected in this bucket already"), "{said}");
    assert_eq!(tests::files_below(server.tree()).len(), before);
    // To look needs no turn.
    let looked = tests::garbage::collect(&server, &["garbage-collect", "--dry-run", "--grace", "0s"]);
    assert!(looked.contains("would be removed: 87 blobs"), "{looked}");
    assert_eq!(tests::files_below(server.tree()).len(), before);
    tests::garbage::forget_who_was_killed(&server);
    let done = tests::garbage::collect(&server, &tests::garbage::NOW);
    assert!(done.contains("\nremoved: 87 blobs"), "{done}");
    tests::garbage::assert_whole(&server, "a", &Image::oci(0));
}

fn is_running(child: &mut Child) -> bool {
    child.try_wait().expect("a child can be waited for").is_none()
}

#[test]
fn where_there_is_no_bucket_or_nothing_in_it_nothing_is_collected_and_it_is_said_why() {
    let server = with_a_bucket();
    let ended = |variable: &str, value: &str| {
        let mut command = server.beside(&tests::garbage::NOW);
        let Output { status, stderr, .. } = command.env(variable, value).output().expect("it can be run");
        (status.code(), String::from_utf8_lossy(&stderr).into_owned())
    };
    for (variable, value, said) in [
        ("REGISTRY_STORAGE_S3_REGION", Bucket::REGION, "nothing was pushed to it yet"),
        ("REGISTRY_STORAGE_S3_BUCKET", "elsewhere", "storage.s3.bucket"),
        ("REGISTRY_STORAGE_S3_SECRETKEY", "wrong", "storage.s3.secretkey"),
    ] {
        let (code, text) = ended(variable, value);
        assert!(code == Some(1) && text.contains(said), "{variable}={value}: {text}");
    }
    assert!(tests::files_below(server.tree()).is_empty());
}
