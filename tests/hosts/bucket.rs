//! For hosts with a bucket: one that cannot be asked, and one that holds what no registry wrote.
use crate::support::assert_unavailable;
use serde_json::json;
use std::fs;
use std::io::Read;
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tests::{Bucket, Image, Server, assert_error};

const ACCESS_KEY: &str = "REGISTRY_STORAGE_S3_ACCESSKEY";
const SECRET_KEY: &str = "REGISTRY_STORAGE_S3_SECRETKEY";
const ENDPOINT: &str = "REGISTRY_STORAGE_S3_REGIONENDPOINT";
const NAME: &str = "REGISTRY_STORAGE_S3_BUCKET";
const REGION: &str = "REGISTRY_STORAGE_S3_REGION";
const PART: &str = "REGISTRY_STORAGE_S3_CHUNKSIZE";

#[test]
fn with_a_key_that_nobody_knows_it_is_503_and_the_log_names_the_setting() {
    let server = Server::with(|setup| setup.env(ACCESS_KEY, "nobody"));
    assert_unavailable(&server, &["storage.s3.accesskey"]);
}

#[test]
fn with_a_wrong_secret_it_is_503_and_the_log_names_the_setting() {
    let server = Server::with(|setup| setup.env(SECRET_KEY, "wrong"));
    assert_unavailable(&server, &["storage.s3.secretkey"]);
}

#[test]
fn without_a_bucket_of_that_name_it_is_503_and_the_log_names_the_setting() {
    let server = Server::with(|setup| setup.env(NAME, "elsewhere"));
    assert_unavailable(&server, &["storage.s3.bucket"]);
}

#[test]
fn in_another_region_it_is_503_and_the_log_names_the_setting() {
    let server = Server::with(|setup| setup.env(REGION, "eu-west-1"));
    assert_unavailable(&server, &["storage.s3.region"]);
}

#[test]
fn with_parts_that_s3_takes_none_of_it_is_503_and_the_log_names_the_setting() {
    let server = Server::with(|setup| setup.env(PART, "1"));
    assert_unavailable(&server, &["storage.s3.chunksize has to be"]);
}

#[test]
fn without_a_setting_that_is_needed_it_is_503_and_the_log_names_it() {
    for (variable, setting) in [(NAME, "storage.s3.bucket"), (ACCESS_KEY, "storage.s3.accesskey")] {
        let server = Server::with(|setup| setup.env(variable, ""));
        assert_unavailable(&server, &[setting]);
    }
}

#[test]
fn with_an_endpoint_where_nobody_listens_it_is_503_and_the_log_names_the_setting() {
    let server =
        Server::with(|setup| setup.env(ENDPOINT, format!("http://127.0.0.1:{}", tests::free_port())));
    assert_unavailable(&server, &["storage.s3.regionendpoint"]);
}

#[test]
fn an_endpoint_that_resets_connections_is_tried_again_and_then_503_and_the_log_names_the_setting() {
    static TRIES: AtomicUsize = AtomicUsize::new(0);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            TRIES.fetch_add(1, Ordering::SeqCst);
            // What is closed with bytes unread is reset.
            let _ = stream.read(&mut [0; 8]);
            drop(stream);
        }
    });
    let server = Server::with(|setup| setup.env(ENDPOINT, endpoint));
    if server.host().is_ours() {
        // It looks at the bucket when it starts.
        server.assert_says("content lies in a bucket that cannot be read");
        TRIES.store(0, Ordering::SeqCst);
    }
    assert_error(&server.get("/v2/a/manifests/latest"), 503, "UNAVAILABLE");
    assert_eq!(TRIES.load(Ordering::SeqCst), 5, "{}", server.log());
    assert_unavailable(&server, &["storage.s3.regionendpoint"]);
}

#[test]
fn when_the_bucket_is_away_it_is_503_and_when_it_is_back_all_is_as_before() {
    let folder = tests::program::Folder::new();
    let port = tests::free_port();
    let bucket = Bucket::serve_on(&folder.join("bucket"), port);
    let server = Server::with(|setup| setup.bucket(&bucket));
    let image = Image::oci(1);
    image.push(&server, "a", "latest");
    drop(bucket);
    assert_error(&server.get("/v2/a/manifests/latest"), 503, "UNAVAILABLE");
    let _bucket = Bucket::serve_on(&folder.join("bucket"), port);
    let back = || server.get("/v2/a/manifests/latest").status == 200;
    assert!(tests::eventually(Duration::from_secs(10), back), "{}", server.log());
    assert_eq!(server.get("/v2/a/manifests/latest").expect(200).body, image.manifest);
}

#[test]
fn keys_that_no_registry_wrote_are_passed_over() {
    let server = Server::start();
    let image = Image::oci(1);
    image.push(&server, "a", "latest");
    let tree = server.tree();
    for key in [
        "repositories/UPPER/_manifests/tags/x/current/link",
        "repositories/a/_manifests/tags/.hidden/current/link",
        "repositories/a/_manifests/tags/a tag/current/link",
        "repositories/a/_manifests/tags/<&>",
        "repositories/a/_manifests/tags/file",
        "repositories/a/_manifests/tags/latest/note",
        "repositories/a/_manifests/revisions/sha256/zz/link",
        "repositories/a/_layers/md5/00/link",
        "repositories/a/stranger",
        "repositories/b/_manifests/note.txt",
        "repositories/ä/_manifests/tags/1/current/link",
        "blobs/sha256/zz/zz/data",
        "blobs/stranger",
        "stranger",
        "../../../index.html",
        "../../other/registry/v2/repositories/c/_manifests/tags/1/current/link",
    ] {
        let file = tree.join(key);
        fs::create_dir_all(file.parent().expect("a folder")).expect("a folder can be made");
        fs::write(file, "not a digest").expect("a file can be written");
    }
    // Those behind it in the list have to come too.
    image.push(&server, "z", "latest");
    let catalogue = server.get("/v2/_catalog").expect(200).json();
    let names = catalogue["repositories"].as_array().expect("a list");
    for name in ["a", "z"] {
        assert!(names.contains(&name.into()), "{catalogue}");
        assert_eq!(
            server.get(&format!("/v2/{name}/tags/list")).expect(200).json()["tags"],
            json!(["latest"])
        );
        assert_eq!(server.get(&format!("/v2/{name}/manifests/latest")).expect(200).body, image.manifest);
    }
    assert!(!names.contains(&"UPPER".into()) && !names.contains(&"c".into()), "{catalogue}");
    assert_error(&server.get("/v2/b/tags/list"), 404, "NAME_UNKNOWN");
}
