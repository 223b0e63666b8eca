//! For hosts with a bucket: one that is slow, loses answers or forgets, while several write to one upload. What stands
//! [between](crate::between) the server and the bucket holds requests up, or answers them itself.
use crate::between::{Fate, Faulty, Gate, SOON, error};
use names::Digest;
use serde_json::json;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tests::{
    Client, OCI_INDEX, Request, Response, assert_error, closing, eventually, files_below, noise,
    push_manifest, sha256, start_upload,
};

const MIB: usize = 1 << 20;
/// How long the server has to take note of what a client sends it.
const MOMENT: Duration = Duration::from_millis(700);

impl Faulty {
    /// An upload to `a` that has these bytes.
    fn begun(&self, bytes: &[u8]) -> String {
        let upload = start_upload(&self.server, "a");
        self.server.patch(&upload, bytes).expect(202);
        upload
    }

    fn append(&self, upload: &str, from: usize, bytes: &[u8]) -> Response {
        let range = format!("{from}-{}", from + bytes.len() - 1);
        self.server.request(&Request::patch(upload, bytes).header("Content-Range", range))
    }

    /// Begins to send a body, and no more than a beginning of it.
    fn begin(&self, method: &str, target: &str, length: usize, sent: &[u8]) -> Client {
        let mut client = self.server.client();
        client.send_head(&Request::new(method, target).header("Content-Length", length));
        client.send(sent);
        std::thread::sleep(MOMENT);
        client
    }

    /// What there is of uploads to `a`, and of parts that nobody has joined.
    fn left(&self) -> Vec<PathBuf> {
        let uploads = self.server.repository("a").join("_uploads");
        [files_below(uploads), files_below(self.bucket.folder().join(".sgwtmp"))].concat()
    }

    /// Goes on with an upload in a moment, and ends it.
    #[track_caller]
    fn goes_on(&self, upload: &str, bytes: &[u8], from: usize) {
        std::thread::sleep(MOMENT * 2);
        self.append(upload, from, &bytes[from..]).expect(202);
        self.finish(upload, bytes);
    }

    /// Ends an upload, and holds it to have been these bytes.
    #[track_caller]
    fn finish(&self, upload: &str, bytes: &[u8]) {
        self.server.put(&closing(upload, &sha256(bytes)), b"").expect(201);
        self.assert_serves(bytes);
        self.assert_nothing_is_left();
    }

    #[track_caller]
    fn assert_serves(&self, bytes: &[u8]) {
        let there = self.server.get(&format!("/v2/a/blobs/{}", sha256(bytes))).expect(200).body;
        assert!(there == bytes, "{} bytes are served for {}", there.len(), bytes.len());
    }

    #[track_caller]
    fn assert_gone(&self, upload: &str) {
        assert_error(&self.server.get(upload), 404, "BLOB_UPLOAD_UNKNOWN");
    }

    #[track_caller]
    fn assert_nothing_is_left(&self) {
        assert!(eventually(SOON, || self.left().is_empty()), "{:?}", self.left());
    }
}

/// Whether a request writes (`PUT`, `DELETE`) an object of this name.
fn is(head: &str, method: &str, name: &str) -> bool {
    head.strip_prefix(method).and_then(|rest| rest.split(' ').nth(1)).is_some_and(|path| path.ends_with(name))
}

/// Whether a request completes an upload in parts.
fn completes(head: &str) -> bool {
    head.starts_with("POST ") && head.contains("uploadId=")
}

/// Whether a request copies to a blob.
fn copies(head: &str) -> bool {
    head.starts_with("PUT ")
        && head.split(' ').nth(1).is_some_and(|path| path.contains("/blobs/"))
        && head.to_lowercase().contains("\r\nx-amz-copy-source:")
}

/// What requests are told by.
type Like = fn(&str) -> bool;

#[test]
fn of_two_who_finish_an_upload_with_different_bytes_none_gets_the_others() {
    let held_at: [(usize, Like); 3] = [(32, copies), (32, completes), (5, completes)];
    for (threshold, at) in held_at {
        let faulty = Faulty::with_copies_from(threshold * MIB);
        let [start, mine, others] = [1, 2, 3].map(|seed| noise(seed, 6 * MIB));
        let blobs = [[&start[..], &mine].concat(), [&start[..], &others].concat()];
        let upload = faulty.begun(&start);
        let gates = [Gate::default(), Gate::default()];
        let [held, next] = gates.clone();
        faulty.between.rule(move |head| match held.first(at(head)) {
            Fate::Passes => next.first(copies(head)),
            waits => waits,
        });
        let finish = |blob: &[u8]| faulty.server.put(&closing(&upload, &sha256(blob)), &blob[start.len()..]);
        let told = std::thread::scope(|scope| {
            let first = scope.spawn(|| finish(&blobs[0]));
            gates[0].reached();
            // The other one has joined his bytes when the first goes on.
            let second = scope.spawn(|| finish(&blobs[1]));
            gates[1].reached();
            gates[0].open();
            let first = first.join().expect("it is answered").status;
            gates[1].open();
            [first, second.join().expect("it is answered").status]
        });
        assert!(matches!(told, [201, 404] | [503, 201]), "{told:?}");
        for (blob, status) in blobs.iter().zip(told) {
            match status {
                201 => faulty.assert_serves(blob),
                _ => drop(faulty.server.get(&format!("/v2/a/blobs/{}", sha256(blob))).expect(404)),
            }
        }
        faulty.assert_nothing_is_left();
    }
}

#[test]
fn an_upload_does_not_go_on_with_what_was_joined_of_others_bytes() {
    let faulty = Faulty::start();
    let [start, mine, others] = [1, 2, 3].map(|seed| noise(seed, 6 * MIB));
    let (mine, others) = ([&start[..], &mine].concat(), [&start[..], &others].concat());
    let upload = faulty.begun(&start);
    // One is about to finish it with bytes of his own, and another writes to it meanwhile.
    let target = closing(&upload, &sha256(&others));
    let mut late = faulty.begin("PUT", &target, 6 * MIB, &others[start.len()..others.len() - 1]);
    faulty.append(&upload, start.len(), &mine[start.len()..]).expect(202);
    let gate = faulty.between.hold(copies);
    late.send(&others[others.len() - 1..]);
    gate.reached();
    let whole = [&mine[..], b"end"].concat();
    let told = faulty.server.put(&closing(&upload, &sha256(&whole)), b"end");
    assert_error(&told, 404, "BLOB_UPLOAD_UNKNOWN");
    gate.open();
    late.response("PUT");
    faulty.server.get(&format!("/v2/a/blobs/{}", sha256(&whole))).expect(404);
    let there = faulty.server.get(&format!("/v2/a/blobs/{}", sha256(&others)));
    assert!(there.status == 404 || there.body == others, "{}", there.status);
    faulty.assert_nothing_is_left();
}

#[test]
fn a_connection_that_dies_takes_no_part_along_that_was_sent_again() {
    let faulty = Faulty::start();
    let bytes = noise(5, 36 * MIB);
    let upload = faulty.begun(&bytes[..12 * MIB]);
    let dead = faulty.begin("PATCH", &upload, 12 * MIB, &bytes[12 * MIB..19 * MIB]);
    faulty.append(&upload, 12 * MIB, &bytes[12 * MIB..24 * MIB]).expect(202);
    drop(dead);
    faulty.goes_on(&upload, &bytes, 24 * MIB);
}

#[test]
fn a_part_that_comes_late_takes_no_others_place() {
    let faulty = Faulty::start();
    let bytes = noise(6, 36 * MIB);
    let upload = faulty.begun(&bytes[..12 * MIB]);
    let gate = faulty.between.hold(|head| head.starts_with("PUT ") && head.contains("partNumber="));
    // Whole parts of it are under way when the client comes back.
    let dead = faulty.begin("PATCH", &upload, 12 * MIB, &noise(7, 11 * MIB));
    gate.reached();
    faulty.append(&upload, 12 * MIB, &bytes[12 * MIB..24 * MIB]).expect(202);
    gate.open();
    drop(dead);
    faulty.goes_on(&upload, &bytes, 24 * MIB);
}

#[test]
fn an_upload_whose_parts_are_gone_is_unknown_and_clients_begin_anew() {
    let faulty = Faulty::start();
    let bytes = noise(8, 12 * MIB);
    let upload = faulty.begun(&bytes);
    let parts: Vec<_> = faulty.left().into_iter().filter(|path| path.ends_with("1")).collect();
    assert_eq!(parts.len(), 1, "{parts:?}");
    std::fs::remove_file(&parts[0]).expect("a part can be removed");
    let told = faulty.server.put(&closing(&upload, &sha256(&bytes)), b"");
    assert_error(&told, 404, "BLOB_UPLOAD_UNKNOWN");
    faulty.assert_gone(&upload);
    faulty.assert_nothing_is_left();
}

#[test]
fn what_was_saved_counts_though_the_bucket_could_not_say_so() {
    let bytes = noise(9, 18 * MIB);
    for is_silent in [false, true] {
        let faulty = Faulty::start();
        let upload = start_upload(&faulty.server, "a");
        let written = AtomicBool::new(false);
        faulty.between.rule(move |head| {
            let writes = is(head, "PUT", "/_session");
            // The second one does not even say afterwards what it has.
            let asked = is_silent && head.contains("/_session") && written.load(Ordering::SeqCst);
            written.fetch_or(writes, Ordering::SeqCst);
            if writes || asked { Fate::AnswerIsLost } else { Fate::Passes }
        });
        let told = faulty.server.patch(&upload, &bytes[..12 * MIB]);
        match is_silent {
            false => drop(told.expect(202)),
            true => assert_error(&told, 503, "UNAVAILABLE"),
        }
        faulty.between.rule(|_| Fate::Passes);
        let stands = faulty.server.get(&upload).expect(204).required("Range").to_owned();
        assert_eq!(stands, format!("0-{}", 12 * MIB - 1));
        faulty.goes_on(&upload, &bytes, 12 * MIB);
    }
}

#[test]
fn an_upload_is_finished_though_the_bucket_could_not_say_that_it_was_joined() {
    let faulty = Faulty::start();
    let bytes = noise(10, 12 * MIB);
    let upload = faulty.begun(&bytes);
    let asked = AtomicUsize::new(0);
    faulty.between.rule(move |head| match completes(head).then(|| asked.fetch_add(1, Ordering::SeqCst)) {
        Some(0) => Fate::AnswerIsLost,
        // As S3 itself says it of an upload that it has completed.
        Some(_) => error("404 Not Found", "NoSuchUpload"),
        None => Fate::Passes,
    });
    faulty.finish(&upload, &bytes);
}

#[test]
fn an_upload_that_has_ended_does_not_begin_again() {
    let faulty = Faulty::start();
    let bytes = noise(11, 8 * MIB);
    for cancelled in [true, false] {
        let upload = start_upload(&faulty.server, "a");
        let dead = faulty.begin("PATCH", &upload, 20 * MIB, &bytes);
        match cancelled {
            true => faulty.server.delete(&upload).expect(204),
            false => faulty.server.put(&closing(&upload, &sha256(b"blob")), b"blob").expect(201),
        };
        faulty.assert_gone(&upload);
        drop(dead);
        std::thread::sleep(MOMENT * 2);
        faulty.assert_gone(&upload);
        faulty.assert_nothing_is_left();
    }
}

#[test]
fn an_upload_that_is_ending_does_not_begin_again() {
    let faulty = Faulty::start();
    let upload = start_upload(&faulty.server, "a");
    let dead = faulty.begin("PATCH", &upload, 20 * MIB, &noise(12, 8 * MIB));
    let gate = faulty.between.hold(|head| is(head, "DELETE", "/startedat"));
    std::thread::scope(|scope| {
        let ending = scope.spawn(|| faulty.server.delete(&upload));
        gate.reached();
        drop(dead);
        std::thread::sleep(MOMENT * 2);
        gate.open();
        ending.join().expect("it is answered").expect(204);
    });
    faulty.assert_gone(&upload);
}

#[test]
fn when_an_upload_began_is_known_until_all_of_it_is_gone() {
    let faulty = Faulty::start();
    let upload = faulty.begun(b"bytes");
    faulty.between.rule(|head| {
        if is(head, "DELETE", "/_session") { error("403 Forbidden", "AccessDenied") } else { Fate::Passes }
    });
    assert_error(&faulty.server.delete(&upload), 503, "UNAVAILABLE");
    let left = faulty.left();
    assert!(left.iter().any(|path| path.ends_with("startedat")), "{left:?}");
    faulty.between.rule(|_| Fate::Passes);
    faulty.server.delete(&upload).expect(204);
    faulty.assert_nothing_is_left();
}

/// A manifest under the tag `latest`.
fn tagged(faulty: &Faulty, text: &str) -> Digest {
    let index =
        json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [], "annotations": {"text": text}});
    push_manifest(&faulty.server, "a", "latest", OCI_INDEX, index.to_string().as_bytes())
}

#[test]
fn a_tag_that_moves_while_what_it_named_is_deleted_stays() {
    let faulty = Faulty::start();
    let old = tagged(&faulty, "old");
    let gate = faulty.between.hold(|head| is(head, "DELETE", "/current/link"));
    let new = std::thread::scope(|scope| {
        let deleting = scope.spawn(|| faulty.server.delete(&format!("/v2/a/manifests/{old}")));
        gate.reached();
        let new = tagged(&faulty, "new");
        gate.open();
        deleting.join().expect("it is answered").expect(202);
        new
    });
    let there = faulty.server.get("/v2/a/manifests/latest").expect(200);
    assert_eq!(there.header("docker-content-digest"), Some(new.as_str()));
    faulty.server.get(&format!("/v2/a/manifests/{old}")).expect(404);
}

#[test]
fn of_two_who_delete_a_manifest_none_is_answered_while_its_tag_is_listed() {
    let faulty = Faulty::start();
    let digest = tagged(&faulty, "text");
    let gate = faulty.between.hold(|head| is(head, "DELETE", "/link") && head.contains("/latest/index/"));
    std::thread::scope(|scope| {
        let first = scope.spawn(|| faulty.server.delete(&format!("/v2/a/manifests/{digest}")));
        gate.reached();
        faulty.server.delete(&format!("/v2/a/manifests/{digest}")).expect(202);
        assert!(!faulty.server.get("/v2/a/tags/list").text().contains("latest"));
        gate.open();
        first.join().expect("it is answered").expect(404);
    });
}

#[test]
fn a_bucket_that_knows_no_conditions_on_deletion_is_deleted_from_all_the_same() {
    let faulty = Faulty::start();
    let digest = tagged(&faulty, "text");
    faulty.between.rule(|head| {
        match head.starts_with("DELETE ") && head.to_lowercase().contains("\r\nif-match:") {
            true => error("501 Not Implemented", "NotImplemented"),
            false => Fate::Passes,
        }
    });
    faulty.server.delete(&format!("/v2/a/manifests/{digest}")).expect(202);
    faulty.server.get("/v2/a/manifests/latest").expect(404);
}

#[test]
fn a_tag_whose_removal_was_cut_short_can_be_removed() {
    let faulty = Faulty::start();
    tagged(&faulty, "text");
    let index = |head: &str| head.starts_with("DELETE ") && head.contains("/latest/index/");
    faulty.between.rule(move |head| match index(head) {
        true => error("403 Forbidden", "AccessDenied"),
        false => Fate::Passes,
    });
    faulty.server.delete("/v2/a/manifests/latest").expect(503);
    faulty.between.rule(|_| Fate::Passes);
    faulty.server.delete("/v2/a/manifests/latest").expect(404);
    assert!(!faulty.server.get("/v2/a/tags/list").expect(200).text().contains("latest"));
}
