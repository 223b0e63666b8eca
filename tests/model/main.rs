//! Several clients push, tag, mount, delete, pull and list at once what others push, tag, mount and delete, and every
//! answer is held against a small model of what a registry is.
//!
//! `PIERHEAD_MODEL_SECONDS` says for how long (5 otherwise), `PIERHEAD_MODEL_SEED` with which numbers. The seed makes
//! what each client asks for; in which order the requests of several meet is the machine's, so that a seed may need
//! more than one run to fail again. A round with one client is the same each time.
#![forbid(unsafe_code)]

mod answers;
mod check;
mod lists;
mod model;
mod operations;
mod pool;
mod sound;

use check::Check;
use model::{Cell, History, State, state};
use operations::Client;
use pool::{Pool, REPOSITORIES};
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tests::{Random, Server};

#[test]
fn whatever_clients_do_at_once_every_answer_is_one_that_a_registry_could_give() {
    let limit = Duration::from_secs(number("PIERHEAD_MODEL_SECONDS").unwrap_or(5));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
    let seed = number("PIERHEAD_MODEL_SEED").unwrap_or(now.as_secs());
    say(&format!("{} s with PIERHEAD_MODEL_SEED={seed}", limit.as_secs()));

    let (pool, mut random) = (Pool::new(), Random::new(seed));
    let mut server = Server::with(|setup| setup.delete_enabled());
    let (mut known, mut rounds, mut operations) = (State::new(), 0, 0);
    let begin = Instant::now();
    while begin.elapsed() < limit {
        let history = History::default();
        run_clients(&server, &pool, &history, &mut random);
        match random.below(10) {
            0 => server.restart(),
            1 => {
                server.kill();
                server.launch();
            }
            _ => {}
        }
        match audit(&server, &pool, history, &mut known) {
            Ok(count) => operations += count,
            Err(violation) => panic!("in round {rounds} of PIERHEAD_MODEL_SEED={seed}, {violation}"),
        }
        rounds += 1;
    }
    say(&format!("{operations} operations in {rounds} rounds"));
}

#[test]
fn what_is_taken_from_the_disk_is_missed() {
    let (pool, server) = (Pool::new(), Server::with(|setup| setup.delete_enabled()));
    let (history, mut known) = (History::default(), State::new());
    let mut client = Client::new(1, 1, server.addr(), &pool, &history);
    pool.manifests.iter().for_each(|manifest| client.push_image(REPOSITORIES[0], manifest));
    audit(&server, &pool, history, &mut known).expect("nothing was taken yet");
    let kinds: [fn(&Cell) -> bool; 3] = [
        |cell| matches!(cell, Cell::Blob(..)),
        |cell| matches!(cell, Cell::Manifest(..)),
        |cell| matches!(cell, Cell::Tag(..)),
    ];
    for of_kind in kinds {
        let cell = known.keys().find(|cell| of_kind(cell)).expect("some of each were pushed").clone();
        std::fs::remove_dir_all(directory(&server, &cell)).expect("it lies there");
        let violation = audit(&server, &pool, History::default(), &mut known).expect_err("it is gone");
        assert!(violation.contains(&cell.to_string()), "{cell} is gone, but {violation}");
    }
}

/// Several clients, or one, for a while.
fn run_clients(server: &Server, pool: &Pool, history: &History, random: &mut Random) {
    let steps = 20 + random.below(60);
    std::thread::scope(|scope| {
        for number in 1..=1 + random.below(4) as usize {
            let mut client = Client::new(number, random.draw(), server.addr(), pool, history);
            scope.spawn(move || (0..steps).for_each(|_| client.step()));
        }
    });
}

/// Looks at everything, which is then what is known, and holds this and all that happened since the last look against
/// the model: how many operations these were, or what cannot be.
fn audit(server: &Server, pool: &Pool, history: History, known: &mut State) -> Result<usize, String> {
    let begin = history.tick();
    Client::new(0, begin, server.addr(), pool, &history).audit();
    let events = history.into_events();
    let violation = Check::new(pool, known, &events).violation();
    *known = state(&events[events.partition_point(|event| event.start < begin)..]);
    violation.map_or(Ok(events.len()), Err)
}

/// Where a server keeps what a cell holds.
fn directory(server: &Server, cell: &Cell) -> PathBuf {
    let of_digest = |digest: &names::Digest| format!("{}/{}", digest.algorithm().as_str(), digest.hex());
    let (repository, place) = match cell {
        Cell::Blob(repository, digest) => (repository, format!("_layers/{}", of_digest(digest))),
        Cell::Manifest(repository, digest) => {
            (repository, format!("_manifests/revisions/{}", of_digest(digest)))
        }
        Cell::Tag(repository, tag) => (repository, format!("_manifests/tags/{tag}")),
    };
    server.repository(repository).join(place)
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is a number, not {text:?}")))
}

/// Past the test's captured output: the seed is worth most when the test has hung.
fn say(line: &str) {
    writeln!(std::io::stderr(), "model: {line}").expect("standard error can be written");
}
