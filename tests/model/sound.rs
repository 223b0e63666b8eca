//! The check itself: it refuses what cannot be, and nothing else.
use crate::check::Check;
use crate::model::{Cell, Claim, Event, Outcome, State};
use crate::pool::{Pool, REPOSITORIES, TAGS};
use names::Digest;

const REPOSITORY: &str = REPOSITORIES[0];
const TAG: Cell = Cell::Tag(REPOSITORY, TAGS[0]);

/// Digests of two manifests.
fn two(pool: &Pool) -> [&Digest; 2] {
    [&pool.manifests[0].digest, &pool.manifests[1].digest]
}

fn named(outcome: Outcome, value: Option<&Digest>) -> Outcome {
    outcome.wrote(TAG, value)
}

fn push(digest: &Digest) -> Outcome {
    named(Outcome::new(201), Some(digest)).wrote(Cell::Manifest(REPOSITORY, digest.clone()), Some(digest))
}

fn delete(digest: &Digest) -> Outcome {
    let cell = Cell::Manifest(REPOSITORY, digest.clone());
    Outcome::new(202).wrote(cell, None).emptied_if(TAG, digest)
}

fn saw(value: Option<&Digest>) -> Outcome {
    Outcome::new("saw").saw(TAG, value)
}

fn claims(claim: Claim) -> Outcome {
    Outcome::new("claims").claimed(claim)
}

/// Whether these operations, each with its start and end, could have happened to an empty registry.
fn may_be<const N: usize>(pool: &Pool, operations: [(u64, u64, Outcome); N]) -> bool {
    let event = |(start, end, outcome)| Event { start, end, client: 1, what: "test".into(), outcome };
    let events: Vec<_> = operations.into_iter().map(event).collect();
    Check::new(pool, &State::new(), &events).violation().is_none()
}

#[test]
fn a_tag_names_what_was_pushed_last_and_nothing_older() {
    let pool = Pool::new();
    let [a, b] = two(&pool);
    assert!(may_be(&pool, [(1, 2, push(a)), (3, 4, saw(Some(a)))]));
    assert!(may_be(&pool, [(1, 2, push(a)), (3, 4, push(b)), (5, 6, saw(Some(b)))]));
    assert!(!may_be(&pool, [(1, 2, push(a)), (3, 4, push(b)), (5, 6, saw(Some(a)))]));
    assert!(!may_be(&pool, [(1, 2, push(a)), (3, 4, saw(None))]));
    assert!(!may_be(&pool, [(1, 2, saw(Some(a))), (3, 4, push(a))]));
}

#[test]
fn operations_that_overlap_may_have_happened_in_either_order() {
    let pool = Pool::new();
    let [a, b] = two(&pool);
    for seen in [a, b] {
        assert!(may_be(&pool, [(1, 3, push(a)), (2, 4, push(b)), (5, 6, saw(Some(seen)))]));
        assert!(may_be(&pool, [(1, 2, push(a)), (3, 6, push(b)), (4, 5, saw(Some(seen)))]));
    }
    assert!(!may_be(&pool, [(1, 3, push(a)), (2, 4, push(b)), (5, 6, saw(None))]));
}

#[test]
fn a_deleted_manifest_takes_its_tags_along_and_no_others() {
    let pool = Pool::new();
    let [a, b] = two(&pool);
    assert!(may_be(&pool, [(1, 2, push(a)), (3, 4, delete(a)), (5, 6, saw(None))]));
    assert!(!may_be(&pool, [(1, 2, push(a)), (3, 4, delete(a)), (5, 6, saw(Some(a)))]));
    assert!(!may_be(&pool, [(1, 2, push(a)), (3, 4, push(b)), (5, 6, delete(a)), (7, 8, saw(None))]));
    assert!(may_be(&pool, [(1, 2, push(a)), (3, 6, push(b)), (4, 5, delete(a)), (7, 8, saw(Some(b)))]));
    assert!(may_be(&pool, [(1, 2, push(a)), (3, 5, push(b)), (4, 6, delete(a)), (5, 8, saw(None))]));
}

#[test]
fn a_tag_is_not_found_only_if_it_or_its_manifest_may_have_been_gone() {
    let pool = Pool::new();
    let [a, b] = two(&pool);
    let not_found = || claims(Claim::NamedNothing(REPOSITORY, TAGS[0]));
    assert!(may_be(&pool, [(1, 2, not_found())]));
    assert!(!may_be(&pool, [(1, 2, push(a)), (3, 4, not_found())]));
    assert!(may_be(&pool, [(1, 2, push(a)), (3, 8, not_found()), (4, 5, push(b)), (6, 7, delete(a))]));
    assert!(!may_be(&pool, [(1, 2, push(a)), (3, 4, push(b)), (5, 6, delete(a)), (7, 8, not_found())]));
}

#[test]
fn a_repository_is_listed_while_it_has_something_or_an_upload() {
    let pool = Pool::new();
    let [a, _] = two(&pool);
    let (listed, unlisted) = (|| claims(Claim::Listed(REPOSITORY)), || claims(Claim::Unlisted(REPOSITORY)));
    let upload = || Outcome::new(201).uploading(REPOSITORY);
    assert!(may_be(&pool, [(1, 2, push(a)), (3, 4, listed())]));
    assert!(!may_be(&pool, [(1, 2, push(a)), (3, 4, unlisted())]));
    assert!(!may_be(&pool, [(1, 2, push(a)), (3, 4, delete(a)), (5, 6, listed())]));
    assert!(may_be(&pool, [(1, 2, push(a)), (3, 4, delete(a)), (5, 6, unlisted())]));
    assert!(may_be(&pool, [(1, 3, upload()), (2, 4, listed())]));
    assert!(!may_be(&pool, [(1, 2, upload()), (3, 4, listed())]));
}
