//! What fuzzing has come upon, and where it begins: each input is held against its property on each run of the tests.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What is sent to a running server, which the tests of the wire do.
const OF_THE_SERVER: [&str; 2] = ["dialogues", "requests"];

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

fn names_in(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("ASCII")).collect()
}

#[test]
fn every_property_holds_for_its_corpus() {
    for (name, property) in properties::ALL {
        let folder = fuzz().join("corpus").join(name);
        let inputs = names_in(&folder);
        assert!(inputs.len() >= 3, "{name} has hardly a corpus");
        for input in inputs {
            let bytes = fs::read(folder.join(&input)).expect("an input");
            // A test that fails shows its output: this names the input.
            println!("{name}/{input}");
            property(&bytes);
        }
    }
}

#[test]
fn every_property_has_its_target_and_the_other_way_round() {
    let properties = properties::ALL.iter().map(|(name, _)| *name).chain(OF_THE_SERVER);
    let known: BTreeSet<String> = properties.map(str::to_owned).collect();
    let targets = names_in(&fuzz().join("fuzz_targets"));
    let targets: BTreeSet<String> = targets.iter().map(|file| file.replace(".rs", "")).collect();
    assert_eq!(targets, known);
    assert_eq!(names_in(&fuzz().join("corpus")), known);
    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).expect("the targets' manifest");
    for name in known {
        assert!(manifest.contains(&format!("name = \"{name}\"\n")), "{name} is not in fuzz/Cargo.toml");
    }
}
