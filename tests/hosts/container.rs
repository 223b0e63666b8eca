//! For our own host with a container of Azure's: one that cannot be asked, uploads, what distribution left in one, and garbage.
use crate::support::assert_unavailable;
use std::net::SocketAddr;
use std::time::Duration;
use tests::garbage::{NOW, assert_whole, collect};
use tests::{
    Azurite, Client, Container, Image, Request, Server, assert_error, closing, eventually, noise, push_blob,
    sha256, sha512, start_upload,
};

const MIB: usize = 1 << 20;

/// A server, and the container that it has.
fn with_container() -> (Server, Container) {
    let container = Container::serve();
    (Server::with(|setup| setup.container(&container).delete_enabled()), container)
}

/// Holds a blob to come as it went.
#[track_caller]
pub fn assert_there(server: &Server, bytes: &[u8]) {
    let there = server.get(&format!("/v2/a/blobs/{}", sha256(bytes))).expect(200).body;
    assert!(there == bytes, "of {} bytes {} came, or others", bytes.len(), there.len());
}

/// Makes of an object what distribution would have made: an append blob.
fn as_distribution_has_it(container: &Container, key: &str) {
    let bytes = container.object("GET", key, &[], b"").expect(200).body;
    container.object("DELETE", key, &[], b"").expect(202);
    container.object("PUT", key, &[("x-ms-blob-type", "AppendBlob")], b"").expect(201);
    container.object("PUT", &format!("{key}?comp=appendblock"), &[], &bytes).expect(201);
}

pub fn kind(container: &Container, key: &str) -> String {
    container.object("HEAD", key, &[], b"").expect(200).required("x-ms-blob-type").to_owned()
}

#[test]
fn with_a_wrong_key_it_is_503_and_the_log_names_the_setting() {
    let server = Server::with(|setup| setup.env("REGISTRY_STORAGE_AZURE_ACCOUNTKEY", "d3Jvbmc="));
    assert_unavailable(&server, &["storage.azure.accountkey"]);
}

#[test]
fn without_a_container_of_that_name_it_is_503_and_the_log_names_the_setting() {
    let server = Server::with(|setup| setup.env("REGISTRY_STORAGE_AZURE_CONTAINER", "elsewhere"));
    assert_unavailable(&server, &["storage.azure.container"]);
}

#[test]
fn where_nobody_listens_it_is_503_and_the_log_names_the_setting() {
    let nowhere = format!("http://127.0.0.1:{}/{}", tests::free_port(), Container::ACCOUNT);
    let server = Server::with(|setup| setup.env("REGISTRY_STORAGE_AZURE_SERVICEURL", nowhere));
    assert_unavailable(&server, &["storage.azure.serviceurl"]);
}

#[test]
fn where_no_azure_answers_it_is_503_and_the_log_names_the_setting() {
    let other = Server::start();
    let service = format!("{}/{}", other.url(), Container::ACCOUNT);
    let server = Server::with(|setup| setup.env("REGISTRY_STORAGE_AZURE_SERVICEURL", service));
    assert_unavailable(&server, &["storage.azure.serviceurl"]);
}

#[test]
fn a_container_that_goes_away_is_503_and_nothing_hangs() {
    let azurite = Azurite::start();
    let container = Container::of(&azurite);
    let server = Server::with(|setup| setup.container(&container));
    Image::oci(1).push(&server, "a", "latest");
    drop(azurite);
    assert_error(&server.get("/v2/a/manifests/latest"), 503, "UNAVAILABLE");
}

#[test]
fn a_blob_of_any_size_is_what_was_pushed_and_leaves_nothing_else_behind() {
    let (server, container) = with_container();
    for size in [0, 1, 5 * MIB, 10 * MIB, 25 * MIB] {
        let bytes = noise(size as u64, size);
        push_blob(&server, "a", &bytes);
        assert_there(&server, &bytes);
    }
    for (size, chunk) in [(2, 1), (9 * MIB, 2 * MIB), (21 * MIB, 8 * MIB), (45 * MIB, 20 * MIB)] {
        let bytes = noise(size as u64, size);
        let upload = start_upload(&server, "a");
        for chunk in bytes.chunks(chunk) {
            server.patch(&upload, chunk).expect(202);
        }
        server.put(&closing(&upload, &sha256(&bytes)), b"").expect(201);
        assert_there(&server, &bytes);
    }
    let keys = container.keys();
    assert!(keys.iter().any(|key| key.ends_with("/link")), "{keys:?}");
    assert!(keys.iter().all(|key| !key.contains("_uploads")), "{keys:?}");
}

#[test]
fn an_upload_that_was_cut_goes_on_where_it_stands_on_another_server() {
    const CUT: usize = 17_000_000;
    let (first, container) = with_container();
    let second = Server::with(|setup| setup.container(&container));
    let bytes = noise(3, 30 * MIB);
    let upload = start_upload(&first, "a");
    let mut client = first.client();
    client.send_head(&Request::new("PATCH", &upload).header("Content-Length", bytes.len()));
    client.send(&bytes[..CUT]);
    drop(client);
    let stands = || second.get(&upload).expect(204).required("Range").to_owned();
    let kept = eventually(Duration::from_secs(20), || stands() == format!("0-{}", CUT - 1));
    assert!(kept, "it stands at {}", stands());
    second.patch(&upload, &bytes[CUT..]).expect(202);
    second.put(&closing(&upload, &sha256(&bytes)), b"").expect(201);
    assert_there(&first, &bytes);
}

#[test]
fn an_upload_whose_bytes_are_read_again_for_another_algorithm_goes_on() {
    let (server, _container) = with_container();
    let bytes = noise(4, 26 * MIB);
    let upload = start_upload(&server, "a");
    server.patch(&upload, &bytes[..22 * MIB]).expect(202);
    server.put(&closing(&upload, &sha512(&bytes)), &bytes[22 * MIB..]).expect(201);
    let there = server.get(&format!("/v2/a/blobs/{}", sha512(&bytes))).expect(200).body;
    assert!(there == bytes, "other bytes");
}

#[test]
fn a_wrong_digest_is_refused_and_the_upload_goes_on() {
    let (server, _container) = with_container();
    let bytes = noise(5, 22 * MIB);
    let upload = start_upload(&server, "a");
    server.patch(&upload, &bytes).expect(202);
    assert_error(&server.put(&closing(&upload, &sha256(b"another")), b""), 400, "DIGEST_INVALID");
    assert_error(&server.get(&format!("/v2/a/blobs/{}", sha256(b"another"))), 404, "BLOB_UNKNOWN");
}

#[test]
fn many_who_push_the_same_blob_at_once_all_succeed() {
    let (server, _container) = with_container();
    let bytes = noise(6, 21 * MIB);
    std::thread::scope(|scope| {
        for client in 0..6 {
            let (server, bytes) = (&server, &bytes);
            scope.spawn(move || {
                let upload = start_upload(server, "a");
                // Of half of them it is known from the start where the bytes belong.
                let (early, late) = if client % 2 == 0 { (&[][..], &**bytes) } else { (&**bytes, &[][..]) };
                if !early.is_empty() {
                    server.patch(&upload, early).expect(202);
                }
                server.put(&closing(&upload, &sha256(bytes)), late).expect(201);
            });
        }
    });
    assert_there(&server, &bytes);
}

#[test]
fn what_distribution_left_is_read_replaced_and_deleted() {
    let (server, container) = with_container();
    let (old, new) = (Image::oci(1), Image::oci(2));
    let digest = old.push(&server, "a", "latest");
    let all = container.keys();
    for key in &all {
        as_distribution_has_it(&container, key);
    }
    assert_whole(&server, "a", &old);
    assert_eq!(server.get("/v2/a/manifests/latest").expect(200).body, old.manifest);
    // Links that are there already are written again.
    old.push(&server, "a", "again");
    new.push(&server, "a", "latest");
    assert_eq!(server.get("/v2/a/manifests/latest").expect(200).body, new.manifest);
    assert_eq!(server.get("/v2/a/manifests/again").expect(200).body, old.manifest);
    let tag = all.iter().find(|key| key.ends_with("/latest/current/link")).expect("a tag");
    assert_eq!(kind(&container, tag), "BlockBlob");
    server.delete(&format!("/v2/a/manifests/{digest}")).expect(202);
    assert_error(&server.get("/v2/a/manifests/again"), 404, "MANIFEST_UNKNOWN");
}

#[test]
fn clients_are_sent_to_the_container_where_that_is_asked_for() {
    let server = Server::with(|setup| setup.env("REGISTRY_STORAGE_REDIRECT_DISABLE", "false"));
    let bytes = noise(1, 300_000);
    let digest = push_blob(&server, "a", &bytes);
    let blob = format!("/v2/a/blobs/{digest}");
    let answer = server.get(&blob).expect(307);
    let url = answer.required("Location");
    assert!(url.contains("sig=") && !url.contains(Container::KEY), "{answer}");
    let (host, target) = url.strip_prefix("http://").and_then(|rest| rest.split_once('/')).expect("a URL");
    let addr: SocketAddr = host.parse().expect("an address");
    let request = Request::get(&format!("/{target}"));
    assert!(Client::connect(addr).request(&request).expect(200).body == bytes, "other bytes");
    let part = Client::connect(addr).request(&request.header("Range", "bytes=1000-1999")).expect(206);
    assert!(part.body == bytes[1000..2000], "other bytes");
    assert_eq!(server.head(&blob).expect(200).required("Content-Length"), "300000");
}

#[test]
fn garbage_is_collected_and_what_is_needed_stays() {
    let (server, container) = with_container();
    let (gone, stays) = (Image::oci(1), Image::oci(2));
    let digest = gone.push(&server, "a", "gone");
    stays.push(&server, "a", "stays");
    server.delete(&format!("/v2/a/manifests/{digest}")).expect(202);
    let before = container.keys().len();
    collect(&server, &NOW);
    assert_whole(&server, "a", &stays);
    for blob in gone.layers.iter().chain([&gone.config]) {
        assert_error(&server.get(&format!("/v2/a/blobs/{}", sha256(blob))), 404, "BLOB_UNKNOWN");
    }
    let keys = container.keys();
    assert!(keys.len() < before, "{keys:?}");
    // What was collected can be pushed once more.
    gone.push(&server, "a", "gone");
    assert_whole(&server, "a", &gone);
}

#[test]
fn lists_go_on_where_they_ended() {
    let (server, _container) = with_container();
    let image = Image::oci(1);
    for tag in ["v1", "v1-alpha", "v1.0", "v10", "v2"] {
        image.push(&server, "a", tag);
    }
    let mut all = Vec::new();
    let mut page = "/v2/a/tags/list?n=2".to_owned();
    loop {
        let answer = server.get(&page).expect(200);
        let tags = answer.json()["tags"].as_array().expect("a list").clone();
        all.extend(tags.iter().map(|tag| tag.as_str().expect("a tag").to_owned()));
        let Some(link) = answer.header("Link") else { break };
        page = link.trim_start_matches('<').split('>').next().expect("a target").to_owned();
    }
    assert_eq!(all, ["v1", "v1-alpha", "v1.0", "v10", "v2"]);
}
