//! `http.net: unix`: the registry at a path.
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixListener;
use std::time::Duration;
use std::{fs, thread};
use tests::{Image, Request, Server, run};

#[test]
fn an_image_is_pushed_and_pulled_over_a_socket_in_the_file_system() {
    let mut server = Server::with(|s| s.on_a_socket());
    let path = server.socket().expect("a path");
    assert!(fs::symlink_metadata(&path).expect("it is there").file_type().is_socket());
    let image = Image::oci(1);
    image.push(&server, "a", "latest");
    assert_eq!(server.get("/v2/a/manifests/latest").expect(200).body, image.manifest);
    assert_eq!(server.access_line(|line| line.method() == "PUT").value()["remote"], "unix");
    assert_eq!(server.terminate(Duration::from_secs(5)).code(), Some(0));
    assert!(!path.exists(), "the socket is still there after the end");
}

#[test]
fn the_socket_of_a_server_that_was_killed_gives_way() {
    let mut server = Server::with(|s| s.on_a_socket());
    let path = server.socket().expect("a path");
    server.kill();
    assert!(path.exists());
    server.launch();
    server.get("/v2/").expect(200);
}

#[test]
fn what_somebody_else_uses_stays_as_it_is() {
    let server = Server::start();
    let used = server.scratch().join("used");
    let listener = UnixListener::bind(&used).expect("a socket can be made");
    let _held = thread::spawn(move || listener.incoming().flatten().for_each(drop));
    let file = server.scratch().join("file");
    fs::write(&file, "mine").expect("a file can be written");
    for (path, why) in [(&used, "another process listens on it"), (&file, "is not a socket")] {
        let finished = run(&[], |s| {
            s.env("REGISTRY_HTTP_NET", "unix").listen(path.to_str().expect("a temporary folder is UTF-8"))
        });
        assert_eq!(finished.code, Some(1), "{}", finished.output);
        for part in [path.to_str().expect("a path"), "http.addr", why] {
            assert!(finished.output.contains(part), "{part:?} is not in {}", finished.output);
        }
        assert!(path.exists());
    }
}

#[test]
fn several_clients_are_served_at_once() {
    let server = Server::with(|s| s.on_a_socket());
    let mut clients: Vec<_> = (0..20).map(|_| server.client()).collect();
    for client in &mut clients {
        client.request(&Request::get("/v2/")).expect(200);
    }
}
