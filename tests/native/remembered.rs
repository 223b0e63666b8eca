//! What the native store remembers: the repositories that lately held a blob, and the state of an upload's hash.
use tests::{Server, closing, noise, push_blob, sha256, start_upload};

#[test]
fn a_blob_is_mounted_from_wherever_it_lately_was() {
    let mut server = Server::with(|setup| setup.delete_enabled());
    let digest = push_blob(&server, "from", b"bytes");
    let mount = |name: &str, from: &str| format!("/v2/{name}/blobs/uploads/?mount={digest}{from}");
    server.post(&mount("one", "")).expect(201);
    server.post(&mount("two", "&from=")).expect(201);
    assert_eq!(server.get(&format!("/v2/two/blobs/{digest}")).expect(200).body, b"bytes");
    // Whoever is remembered has to hold it still.
    for name in ["one", "two", "from"] {
        server.delete(&format!("/v2/{name}/blobs/{digest}")).expect(202);
    }
    server.post(&mount("three", "")).expect(202);
    // What nobody remembers is sent again: that is allowed, and a search through all repositories is not worth it.
    push_blob(&server, "from", b"bytes");
    server.restart();
    server.post(&mount("four", "")).expect(202);
    server.post(&mount("four", "&from=from")).expect(201);
    server.post(&mount("five", "")).expect(201);
}

#[test]
fn a_restart_does_not_read_the_upload_again() {
    let mut server = Server::start();
    let bytes = noise(6, 500_000);
    let upload = start_upload(&server, "a");
    server.patch(&upload, &bytes[..400_000]).expect(202);
    server.restart();
    // Whoever hashed the bytes again would see this; the state kept with the session does not.
    let sessions = server.repository("a").join("_uploads");
    let session =
        std::fs::read_dir(sessions).expect("sessions").next().expect("one").expect("a folder").path();
    let data = session.join("data");
    let mut written = std::fs::read(&data).expect("the bytes so far");
    assert_eq!(written, bytes[..400_000]);
    written[0] ^= 1;
    let file = std::fs::File::options().write(true).open(&data).expect("the file");
    std::os::unix::fs::FileExt::write_at(&file, &written[..1], 0).expect("a byte");
    server.put(&closing(&upload, &sha256(&bytes)), &bytes[400_000..]).expect(201);
}
