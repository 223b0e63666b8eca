//! What was attempted, what was acknowledged, and whether the server keeps to it.
use names::Digest;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use tests::{Client, OCI_MANIFEST, Request, sha256};

/// What all manifests are about.
pub const SUBJECT: &[u8] = b"a manifest that nobody pushes";

/// Where content is asked for.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Under `blobs/`.
    Blob,
    /// Under `manifests/`.
    Manifest,
}

/// A digest that someone pushes, or has pushed, into a repository.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The repository.
    pub repository: String,
    /// The digest.
    pub digest: Digest,
    /// Blob or manifest.
    pub kind: Kind,
    /// Whether the server has answered 201.
    pub acknowledged: bool,
}

/// Every value that a tag was ever to have, in their order, and which of them was last acknowledged. One pusher
/// alone writes a tag, so nothing before that value may ever be seen again.
#[derive(Clone, Debug, Default)]
struct Tag {
    values: Vec<Digest>,
    acknowledged: Option<usize>,
}

/// The book that all pushers keep together.
#[derive(Debug, Default)]
pub struct Ledger {
    entries: Mutex<Vec<Entry>>,
    tags: Mutex<BTreeMap<(String, String), Tag>>,
    /// Requests whose connection broke before the answer.
    pub cut: AtomicUsize,
    /// Uploads that went on after such a break.
    pub resumed: AtomicUsize,
}

impl Ledger {
    /// Notes that this is about to be stored; returns its number.
    pub fn attempt(&self, repository: &str, digest: &Digest, kind: Kind) -> usize {
        let mut entries = self.entries.lock().expect("no pusher panics with the book in hand");
        entries.push(Entry {
            repository: repository.into(),
            digest: digest.clone(),
            kind,
            acknowledged: false,
        });
        entries.len() - 1
    }

    /// Notes that the server has answered 201.
    pub fn acknowledge(&self, number: usize) {
        self.entries.lock().expect("no pusher panics with the book in hand")[number].acknowledged = true;
    }

    /// Notes that a tag is about to be set.
    pub fn attempt_tag(&self, repository: &str, tag: &str, digest: &Digest) {
        let mut tags = self.tags.lock().expect("no pusher panics with the book in hand");
        tags.entry((repository.into(), tag.into())).or_default().values.push(digest.clone());
    }

    /// Notes that the tag's last value was acknowledged.
    pub fn acknowledge_tag(&self, repository: &str, tag: &str) {
        let mut tags = self.tags.lock().expect("no pusher panics with the book in hand");
        let tag = tags.get_mut(&(repository.into(), tag.into())).expect("it was attempted");
        tag.acknowledged = Some(tag.values.len() - 1);
    }

    /// How many digests were attempted, and how many of them acknowledged.
    pub fn counts(&self) -> (usize, usize) {
        let entries = self.entries.lock().expect("no pusher panics with the book in hand");
        (entries.len(), entries.iter().filter(|entry| entry.acknowledged).count())
    }

    /// The entry of this number.
    pub fn entry(&self, number: usize) -> Entry {
        self.entries.lock().expect("no pusher panics with the book in hand")[number].clone()
    }

    /// Holds the server to what it acknowledged: it is there; what is there has the content of its digest.
    pub fn check_entry(&self, client: &mut Client, number: usize) {
        let Entry { repository, digest, kind, acknowledged } = self.entry(number);
        let room = match kind {
            Kind::Blob => "blobs",
            Kind::Manifest => "manifests",
        };
        let request = Request::get(&format!("/v2/{repository}/{room}/{digest}"));
        let answer = client.request(&request.header("Accept", OCI_MANIFEST));
        match answer.status {
            200 => assert_eq!(sha256(&answer.body), digest, "{repository} serves something else or a part"),
            404 => assert!(!acknowledged, "{repository}: {digest} was acknowledged and is lost"),
            _ => panic!("{repository}: {digest}: {answer}"),
        }
    }

    /// Holds every tag to name the value that was acknowledged last, or one that was attempted after it.
    pub fn check_tags(&self, client: &mut Client) {
        let tags = |of: &Ledger| of.tags.lock().expect("no pusher panics with the book in hand").clone();
        for ((repository, name), before) in tags(self) {
            let request = Request::get(&format!("/v2/{repository}/manifests/{name}"));
            let answer = client.request(&request.header("Accept", OCI_MANIFEST));
            // Its pusher may have gone on while we asked.
            let after = &tags(self)[&(repository.clone(), name.clone())];
            match answer.status {
                200 => {
                    let allowed = &after.values[before.acknowledged.unwrap_or(0)..];
                    let digest = sha256(&answer.body);
                    assert!(
                        allowed.contains(&digest),
                        "{repository}:{name} is {digest}, not among {allowed:?}"
                    );
                }
                404 => assert!(before.acknowledged.is_none(), "{repository}:{name} is lost"),
                _ => panic!("{repository}:{name}: {answer}"),
            }
        }
    }

    /// Holds the list of referrers to have every manifest that was acknowledged and is there, and none that is not.
    /// To be called when nobody pushes.
    pub fn check_referrers(&self, client: &mut Client) {
        let mut listed: HashMap<String, HashSet<String>> = HashMap::new();
        for number in 0..self.counts().0 {
            let Entry { repository, digest, kind: Kind::Manifest, acknowledged } = self.entry(number) else {
                continue;
            };
            let list = listed.entry(repository.clone()).or_insert_with(|| referrers(client, &repository));
            let there = client.request(&Request::head(&format!("/v2/{repository}/manifests/{digest}")));
            assert!(there.status == 200 || !acknowledged, "{repository}: {digest} is lost");
            let is_listed = list.contains(digest.as_str());
            assert_eq!(is_listed, there.status == 200, "{repository}: {digest} among the referrers");
        }
    }

    /// One more request that got no answer.
    pub fn count_cut(&self) {
        self.cut.fetch_add(1, Ordering::Relaxed);
    }

    /// One more upload that went on.
    pub fn count_resumed(&self) {
        self.resumed.fetch_add(1, Ordering::Relaxed);
    }
}

/// The digests of all that is about [`SUBJECT`].
fn referrers(client: &mut Client, repository: &str) -> HashSet<String> {
    let mut found = HashSet::new();
    let mut next = Some(format!("/v2/{repository}/referrers/{}", sha256(SUBJECT)));
    while let Some(target) = next {
        let page = client.request(&Request::get(&target)).expect(200);
        let index: serde_json::Value = serde_json::from_slice(&page.body).expect("an index");
        let manifests = index["manifests"].as_array().expect("manifests");
        found.extend(manifests.iter().filter_map(|one| one["digest"].as_str().map(str::to_owned)));
        let link = page.header("Link").and_then(|link| link.split(['<', '>']).nth(1)).map(str::to_owned);
        next = link;
    }
    found
}
