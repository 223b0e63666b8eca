//! `storage.maintenance.readonly`: a registry that serves and writes nothing.
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tests::{Image, Request, Server, assert_error, descriptor, push_blob, sha256, start_upload};

const READ_ONLY: &str = "REGISTRY_STORAGE_MAINTENANCE_READONLY_ENABLED";

/// Everything in a folder, with when it was changed.
fn tree(folder: &Path) -> BTreeMap<PathBuf, (SystemTime, u64)> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder").flatten() {
            let meta = entry.metadata().expect("metadata");
            found.insert(entry.path(), (meta.modified().expect("a time"), meta.len()));
            if meta.is_dir() {
                folders.push(entry.path());
            }
        }
    }
    found
}

#[test]
fn what_would_write_is_refused_and_everything_is_served() {
    let mut server = Server::with(|s| s.delete_enabled());
    let image = Image::oci(1);
    let digest = image.push(&server, "a", "latest");
    let blob = push_blob(&server, "a", b"blob");
    let upload = start_upload(&server, "a");
    server.restart_with(|s| s.env(READ_ONLY, "true"));

    assert_eq!(server.get("/v2/a/manifests/latest").expect(200).body, image.manifest);
    server.get(&format!("/v2/a/blobs/{blob}")).expect(200);
    server.head(&format!("/v2/a/manifests/{digest}")).expect(200);
    server.get("/v2/a/tags/list").expect(200);
    server.get("/v2/_catalog").expect(200);
    server.get(&format!("/v2/a/referrers/{digest}")).expect(200);
    for (method, target, allow) in [
        ("POST", "/v2/a/blobs/uploads/".to_owned(), "OPTIONS"),
        ("POST", format!("/v2/b/blobs/uploads/?mount={blob}&from=a"), "OPTIONS"),
        ("PATCH", upload.clone(), "GET, HEAD, OPTIONS"),
        ("PUT", format!("{upload}?digest={}", sha256(b"")), "GET, HEAD, OPTIONS"),
        ("DELETE", upload.clone(), "GET, HEAD, OPTIONS"),
        ("PUT", "/v2/a/manifests/other".into(), "GET, HEAD, OPTIONS"),
        ("DELETE", "/v2/a/manifests/latest".into(), "GET, HEAD, OPTIONS"),
        ("DELETE", format!("/v2/a/manifests/{digest}"), "GET, HEAD, OPTIONS"),
        ("DELETE", format!("/v2/a/blobs/{blob}"), "GET, HEAD, OPTIONS"),
    ] {
        let response = server.request(&Request::new(method, &target));
        assert_error(&response, 405, "UNSUPPORTED");
        assert_eq!(response.required("Allow"), allow, "{method} {target}");
        let message = response.json()["errors"][0]["message"].to_string();
        assert!(message.contains("storage.maintenance.readonly"), "{message}");
    }
    server.restart_with(|s| s.env(READ_ONLY, "false"));
    server.delete("/v2/a/manifests/latest").expect(202);
}

#[test]
fn nothing_reaches_the_disk() {
    let mut server = Server::start();
    let subject = Image::oci(1);
    subject.push(&server, "a", "latest");
    let mut about = Image::oci(2);
    let mut manifest: serde_json::Value = serde_json::from_slice(&about.manifest).expect("JSON");
    manifest["subject"] = descriptor(tests::OCI_MANIFEST, &subject.manifest);
    about.manifest = manifest.to_string().into_bytes();
    let referrer = about.push(&server, "a", "about");
    let upload = start_upload(&server, "a");
    // As distribution leaves a tree: without an index of referrers, which the first who asks would get made.
    std::fs::remove_dir_all(server.repository("a").join("_referrers")).expect("an index");
    server.restart_with(|s| {
        s.env("REGISTRY_STORAGE_MAINTENANCE_READONLY", "{enabled: true}")
            .env("REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_AGE", "1ms")
            .env("REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_INTERVAL", "24ms")
    });
    let before = tree(&server.root());
    assert!(before.len() > 10, "{before:?}");
    let referrers = server.get(&format!("/v2/a/referrers/{}", sha256(&subject.manifest))).expect(200);
    assert_eq!(referrers.json()["manifests"][0]["digest"], referrer.as_str());
    server.put("/v2/a/manifests/other", &subject.manifest).expect(405);
    server.get("/v2/a/manifests/latest").expect(200);
    server.get(&upload);
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(tree(&server.root()), before);
    assert!(!server.log().contains("could not be written"), "{}", server.log());
}
