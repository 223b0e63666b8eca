//! What fuzzing sends to the server (fuzz/), as far as it is kept: each input on each run of the tests.
use std::fs;
use std::path::Path;
use tests::{Probe, converse, noise};

fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let files = entries.map(|entry| entry.expect("an entry").path());
    let mut inputs: Vec<_> =
        files.map(|file| (file.display().to_string(), fs::read(&file).expect("an input"))).collect();
    inputs.sort();
    assert!(inputs.len() >= 3, "{target} has hardly a corpus");
    inputs
}

#[test]
fn no_request_of_the_corpus_is_answered_amiss() {
    let mut probe = Probe::start();
    for (name, input) in corpus("requests") {
        println!("{name}");
        probe.send(&input);
    }
}

#[test]
fn no_dialogue_of_the_corpus_or_out_of_noise_is_answered_amiss() {
    let mut probe = Probe::start();
    for (name, input) in corpus("dialogues") {
        println!("{name}");
        converse(&mut probe, &input);
    }
    for seed in 0..100 {
        println!("noise {seed}");
        converse(&mut probe, &noise(seed, 512));
    }
}

#[test]
fn a_dialogue_of_the_corpus_does_what_its_name_says() {
    let mut probe = Probe::start();
    let inputs = corpus("dialogues");
    for (name, expected) in [
        ("push_a_blob", &[202, 201, 200][..]),
        ("push_in_chunks", &[202, 202, 204, 204]),
        ("push_an_image", &[201, 200, 200, 200]),
        ("push_an_index", &[201, 200]),
        ("attach_and_discover", &[201, 200, 200]),
        ("mount", &[201, 200]),
        ("delete", &[202, 201, 202, 404, 202, 201]),
    ] {
        let (_, input) = inputs.iter().find(|(file, _)| file.ends_with(name)).expect(name);
        let statuses: Vec<u16> = converse(&mut probe, input).iter().map(|answer| answer.status).collect();
        assert_eq!(statuses, expected, "{name}");
    }
}
