//! `kill -9` at random moments beside pushes: what was acknowledged stays, what was not is absent or whole.
//!
//! `PIERHEAD_CRASHES` says how often (200 otherwise), `PIERHEAD_SEED` with which numbers. The seed makes the
//! content and the intervals; the moments themselves are the machine's.
#![forbid(unsafe_code)]

mod ledger;
mod pusher;

use ledger::Ledger;
use pusher::Pusher;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tests::{Random, Server, sha256};

const PUSHERS: u64 = 4;

#[test]
fn everything_acknowledged_survives_kill_9_and_nothing_half_is_ever_seen() {
    let crashes = number("PIERHEAD_CRASHES").unwrap_or(200);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
    let seed = number("PIERHEAD_SEED").unwrap_or(now.as_secs());
    say(&format!("{crashes} crashes with PIERHEAD_SEED={seed}"));

    let mut server = Server::start();
    let (ledger, stop) = (Ledger::default(), AtomicBool::new(false));
    let begin = Instant::now();
    std::thread::scope(|scope| {
        let addr = server.addr();
        let pushers: Vec<_> = (0..PUSHERS)
            .map(|number| {
                let pusher = Pusher::new(number, seed, addr, &ledger, &stop);
                scope.spawn(move || pusher.run())
            })
            .collect();
        // The pushers end when this is dropped, also when a check below has failed.
        let _stop = StopOnDrop(&stop);
        let mut random = Random::new(seed);
        for crash in 0..crashes {
            std::thread::sleep(Duration::from_millis(5 + random.below(200)));
            server.kill();
            server.launch();
            check_some(&server, &ledger, &mut random);
            assert!(
                !pushers.iter().any(|pusher| pusher.is_finished()),
                "a pusher has failed at crash {crash}"
            );
        }
        server.kill();
    });
    server.launch();
    check_all(&server, &ledger);

    let (attempted, acknowledged) = ledger.counts();
    let (cut, resumed) = (ledger.cut.load(Ordering::Relaxed), ledger.resumed.load(Ordering::Relaxed));
    say(&format!(
        "{acknowledged} digests acknowledged of {attempted} attempted, {cut} requests cut, {resumed} uploads \
         resumed, in {:.0} s",
        begin.elapsed().as_secs_f64()
    ));
    assert!(acknowledged as u64 > crashes && cut > 0 && resumed > 0, "the crashes have hit nothing");
}

struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What was pushed last, a few others, and the tags, while the pushers go on.
fn check_some(server: &Server, ledger: &Ledger, random: &mut Random) {
    let mut client = server.client();
    let (count, _) = ledger.counts();
    for number in count.saturating_sub(30)..count {
        ledger.check_entry(&mut client, number);
        check_file(&server.blob_file(&ledger.entry(number).digest));
    }
    for _ in 0..10.min(count) {
        ledger.check_entry(&mut client, random.below(count as u64) as usize);
    }
    ledger.check_tags(&mut client);
}

/// Everything that was ever attempted, and every blob on disk.
fn check_all(server: &Server, ledger: &Ledger) {
    let mut client = server.client();
    for number in 0..ledger.counts().0 {
        ledger.check_entry(&mut client, number);
    }
    ledger.check_tags(&mut client);
    ledger.check_referrers(&mut client);
    let blobs = server.tree().join("blobs/sha256");
    let mut files = 0;
    for folder in std::fs::read_dir(&blobs).expect("there are blobs") {
        for blob in
            std::fs::read_dir(folder.expect("a folder can be read").path()).expect("a folder can be read")
        {
            check_file(&blob.expect("a folder can be read").path().join("data"));
            files += 1;
        }
    }
    assert!(files > 0, "no blob lies in {}", blobs.display());
}

/// A file of a blob, if it is there, has the content that its folder is named for.
fn check_file(file: &Path) {
    if let Ok(content) = std::fs::read(file) {
        let folder = file.parent().and_then(Path::file_name).and_then(|name| name.to_str());
        assert_eq!(folder, Some(sha256(&content).hex()), "{} holds something else or a part", file.display());
    }
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is a number, not {text:?}")))
}

/// Past the test's captured output: the seed is worth most when the test has hung.
fn say(line: &str) {
    writeln!(std::io::stderr(), "crash: {line}").expect("standard error can be written");
}
