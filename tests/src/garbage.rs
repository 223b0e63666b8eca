//! Garbage, collected beside a server.

use crate::{Client, Image, Random, Request, Server, assert_error, files_below, sha256};
use std::fs;
use std::process::{Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

/// Takes everything.
pub const NOW: [&str; 3] = ["garbage-collect", "--grace", "0s"];

/// What the command says.
///
/// # Panics
/// When it fails, or says that something is amiss.
#[track_caller]
pub fn collect(server: &Server, arguments: &[&str]) -> String {
    let Output { status, stdout, stderr } = server.beside(arguments).output().expect("it can be run");
    let (out, err) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success() && err.is_empty(), "{status}: {out}{err}");
    out.into_owned()
}

/// Every blob of an image, and its manifest, can be had.
///
/// # Panics
/// When not.
#[track_caller]
pub fn assert_whole(server: &Server, repository: &str, image: &Image) {
    let got = server.get(&format!("/v2/{repository}/manifests/{}", image.digest())).expect(200);
    assert_eq!(got.body, image.manifest);
    for blob in image.layers.iter().chain([&image.config]) {
        let digest = sha256(blob);
        assert_eq!(&server.get(&format!("/v2/{repository}/blobs/{digest}")).expect(200).body, blob);
    }
}

/// After a collection in a bucket was killed nothing is removed for a while, by anyone: here that has passed.
///
/// # Panics
/// When the time of a file cannot be set.
pub fn forget_who_was_killed(server: &Server) {
    let state = server.tree().join("_collection/state");
    if state.exists() {
        // The bucket still does what it was asked for last.
        std::thread::sleep(Duration::from_millis(300));
    }
    if let Ok(file) = fs::File::options().append(true).open(state) {
        file.set_modified(SystemTime::now() - Duration::from_secs(3600)).expect("a file of ours");
    }
}

/// Collects garbage beside a server that takes pushes and deletions, and kills most collections in the middle, after
/// `longest` at most.
///
/// # Panics
/// When anything is lost that was acknowledged, or anything else is left in the end.
pub fn killed_collections_take_nothing(server: &Server, rounds: u32, longest: Duration) {
    let over = AtomicBool::new(false);
    let pushed = std::thread::scope(|scope| {
        let pushers: Vec<_> = (0..2)
            .map(|number| {
                let (over, addr) = (&over, server.addr());
                scope.spawn(move || push_and_delete(number, Client::connect(addr), over))
            })
            .collect();
        let mut random = Random::new(7);
        let mut ended = 0;
        for round in 0..rounds {
            let mut command = server.beside(&[&NOW[..], &["-m"]].concat());
            let mut child =
                command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it can be run");
            if round % 4 > 0 {
                std::thread::sleep(Duration::from_micros(random.below(longest.as_micros() as u64)));
                let _ = child.kill();
            }
            let status = child.wait().expect("it ends");
            ended += u32::from(status.success());
            forget_who_was_killed(server);
        }
        over.store(true, Ordering::Relaxed);
        eprintln!("{ended} of {rounds} collections came to their end");
        assert!(ended > 0);
        pushers.into_iter().flat_map(|pusher| pusher.join().expect("a pusher")).collect::<Vec<_>>()
    });
    eprintln!("{} images were acknowledged and kept", pushed.len());
    assert!(pushed.len() > 10);
    collect(server, &NOW);
    for (repository, image) in &pushed {
        assert_whole(server, repository, image);
    }
    // And not a byte more: three blobs and a manifest each.
    assert_eq!(files_below(server.tree().join("blobs")).len(), pushed.len() * 4);
}

/// Pushes images, deletes every other one, and returns the others. Without a grace a blob may be gone before its manifest
/// comes, and the push is then refused.
fn push_and_delete(number: u64, mut client: Client, over: &AtomicBool) -> Vec<(String, Image)> {
    let repository = format!("r{number}");
    let mut kept = Vec::new();
    for seed in number * 100_000.. {
        if over.load(Ordering::Relaxed) {
            break;
        }
        let image = Image::oci(seed);
        for blob in image.layers.iter().chain([&image.config]) {
            let target = format!("/v2/{repository}/blobs/uploads/?digest={}", sha256(blob));
            let post =
                Request::post(&target).header("Content-Type", "application/octet-stream").body(&**blob);
            client.request(&post).expect(201);
        }
        let target = format!("/v2/{repository}/manifests/t{seed}");
        let put = Request::put(&target, &*image.manifest).header("Content-Type", image.media_type);
        let answer = client.request(&put);
        if answer.status == 400 {
            assert_error(&answer, 400, "MANIFEST_BLOB_UNKNOWN");
            continue;
        }
        answer.expect(201);
        match seed % 2 {
            0 => kept.push((repository.clone(), image)),
            _ => {
                client.request(&Request::new(
                    "DELETE",
                    &format!("/v2/{repository}/manifests/{}", image.digest()),
                ));
            }
        }
    }
    kept
}
