use crate::edge::{Bucket, SECRET};
use std::io::Read;
use std::net::TcpListener;
use tests::{Image, Request, assert_error};

#[test]
fn what_a_setting_mends_is_503_and_the_log_names_the_setting_and_no_secret() {
    let bucket = Bucket::new();
    bucket.edge().push(&Image::oci(1), "app", "v1");
    for (name, value, said) in [
        ("REGISTRY_STORAGE_S3_SECRETKEY", "not-the-secret", "storage.s3.secretkey"),
        ("REGISTRY_STORAGE_S3_ACCESSKEY", "nobody", "storage.s3.accesskey"),
        ("REGISTRY_STORAGE_S3_BUCKET", "nothing", "storage.s3.bucket"),
        ("REGISTRY_STORAGE_S3_BUCKET", "", "storage.s3.bucket is not set"),
        ("REGISTRY_STORAGE_S3_REGION", "eu-west-1", "storage.s3.region"),
        ("REGISTRY_STORAGE_S3_REGIONENDPOINT", "http://127.0.0.1:9", "storage.s3.regionendpoint"),
        ("REGISTRY_STORAGE_S3_REGIONENDPOINT", "ftp://x", "storage.s3.regionendpoint has to be"),
        ("REGISTRY_STORAGE_S3_CHUNKSIZE", "1", "storage.s3.chunksize has to be"),
    ] {
        let edge = bucket.edge_with(&[(name, value)]);
        assert_error(&edge.get("/v2/app/manifests/v1"), 503, "UNAVAILABLE");
        assert_error(&edge.ask(&Request::post("/v2/app/blobs/uploads/")), 503, "UNAVAILABLE");
        let log = edge.log();
        assert!(log.contains(said), "{name}={value}: {log}");
        assert!(!log.contains(SECRET) && !log.contains("not-the-secret"), "{log}");
    }
}

#[test]
fn an_endpoint_that_resets_connections_is_tried_again_and_then_503() {
    let bucket = Bucket::new();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let endpoint = format!("http://{}", listener.local_addr().expect("its address"));
    let edge = bucket.edge_with(&[("REGISTRY_STORAGE_S3_REGIONENDPOINT", &endpoint)]);
    let tried = std::thread::spawn(move || {
        for _ in 0..5 {
            let (mut stream, _) = listener.accept().expect("another try");
            // What is closed with bytes unread is reset.
            let _ = stream.read(&mut [0; 1]);
        }
    });
    assert_error(&edge.get("/v2/app/manifests/v1"), 503, "UNAVAILABLE");
    tried.join().expect("five tries");
    assert!(edge.log().contains("storage.s3.regionendpoint"), "{}", edge.log());
}
