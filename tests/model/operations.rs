//! What a client does, and what it concludes from the answers.
use crate::answers::{Result, expect, expect_code, found, missing, named, served};
use crate::model::{Cell, Claim, Event, History, Outcome, short};
use crate::pool::{Blob, Manifest, Pool, REPOSITORIES, TAGS};
use names::{Algorithm, Digest};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use tests::{Client as Connection, Random, Request, Response, closing};

/// One of several that use the registry at the same time.
pub struct Client<'a> {
    number: usize,
    addr: SocketAddr,
    connection: Option<Connection>,
    pub random: Random,
    pub pool: &'a Pool,
    history: &'a History,
}

impl<'a> Client<'a> {
    pub fn new(
        number: usize,
        seed: u64,
        addr: SocketAddr,
        pool: &'a Pool,
        history: &'a History,
    ) -> Client<'a> {
        Client { number, addr, connection: None, random: Random::new(seed), pool, history }
    }

    /// Does something.
    pub fn step(&mut self) {
        let pool = self.pool;
        let repository = *self.pick(&REPOSITORIES);
        let tag = *self.pick(&TAGS);
        let blob = self.pick(&pool.blobs);
        let manifest = self.pick(&pool.manifests);
        match self.random.below(100) {
            0..12 => self.push_blob(repository, blob),
            12..19 => self.mount(repository, blob),
            19..22 => self.abandon_upload(repository, blob),
            22..30 => self.push_manifest(repository, manifest),
            30..39 => self.push_image(repository, manifest),
            39..45 => self.delete_blob(repository, blob),
            45..52 => self.delete_tag(repository, tag),
            52..61 => self.delete_manifest(repository, manifest),
            61..63 => self.empty(repository),
            63..68 => self.pull_blob(repository, blob),
            68..73 => self.pull_manifest(repository, manifest),
            73..82 => self.pull_tag(repository, tag),
            82..88 => self.list_tags(repository),
            88..93 => self.list_repositories(),
            _ => {
                let subject = self.pick(&pool.subjects);
                self.list_referrers(repository, subject);
            }
        }
    }

    /// Looks at every cell, and asks for every list.
    pub fn audit(&mut self) {
        let pool = self.pool;
        for repository in REPOSITORIES {
            pool.blobs.iter().for_each(|blob| self.pull_blob(repository, blob));
            pool.manifests.iter().for_each(|manifest| self.pull_manifest(repository, manifest));
            TAGS.iter().for_each(|tag| self.pull_tag(repository, tag));
            self.list_tags(repository);
            pool.subjects.iter().for_each(|subject| self.list_referrers(repository, subject));
        }
        self.list_repositories();
    }

    /// One of them, the first ones more often, so that clients meet.
    fn pick<'b, T>(&mut self, all: &'b [T]) -> &'b T {
        let count = all.len() as u64;
        let at = self.random.below(count).min(self.random.below(count));
        &all[at as usize]
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.random.below(100) < percent
    }

    /// Notes what an operation came to, and when it began and ended.
    pub fn record(&mut self, what: String, operation: impl FnOnce(&mut Self) -> Result) {
        let start = self.history.tick();
        let outcome = operation(self);
        let end = self.history.tick();
        let outcome =
            outcome.unwrap_or_else(|why| Outcome::new("wrong").claimed(Claim::Wrong(why.trim_end().into())));
        self.history.add(Event { start, end, client: self.number, what, outcome });
    }

    /// Sends a request; no answer, or one that blames the server, is wrong whatever was asked.
    pub fn ask(&mut self, request: &Request) -> Result<Response> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => Connection::connect(self.addr),
        };
        let response = connection.try_request(request).map_err(|error| format!("no answer: {error}"))?;
        self.connection = Some(connection);
        match response.status {
            500.. => Err(format!("the server has failed: {response}")),
            _ => Ok(response),
        }
    }

    fn push_blob(&mut self, repository: &'static str, blob: &Blob) {
        let way = ["at once", "in one PUT", "in chunks"][self.random.below(3) as usize];
        self.record(format!("push blob {} to {repository} {way}", short(&blob.digest)), |client| {
            let uploads = format!("/v2/{repository}/blobs/uploads/");
            let request = match way {
                "at once" => Request::post(&closing(&uploads, &blob.digest)).body(&*blob.bytes),
                _ => {
                    let mut location = expect(client.ask(&Request::post(&uploads))?, 202)?.location();
                    let mut rest = &blob.bytes[..];
                    while way == "in chunks" && rest.len() > 1000 {
                        let (chunk, after) = rest.split_at(rest.len() / 2);
                        location = expect(client.ask(&Request::patch(&location, chunk))?, 202)?.location();
                        rest = after;
                    }
                    Request::put(&closing(&location, &blob.digest), rest)
                }
            };
            let response = expect(client.ask(&request)?, 201)?;
            named(&response, &blob.digest)?;
            let cell = Cell::Blob(repository, blob.digest.clone());
            Ok(Outcome::new(201).wrote(cell, Some(&blob.digest)).uploading(repository))
        });
    }

    /// From another repository, or from whichever the server knows.
    fn mount(&mut self, repository: &'static str, blob: &Blob) {
        let others: Vec<_> = REPOSITORIES.into_iter().filter(|other| *other != repository).collect();
        let from = (!self.chance(20)).then(|| *self.pick(&others));
        let what = format!("mount blob {} to {repository} from {from:?}", short(&blob.digest));
        self.record(what, |client| {
            let from_query = from.map(|from| format!("&from={from}")).unwrap_or_default();
            let target = format!("/v2/{repository}/blobs/uploads/?mount={}{from_query}", blob.digest);
            let response = client.ask(&Request::post(&target))?;
            let source = from.map(|from| Cell::Blob(from, blob.digest.clone()));
            if response.status == 201 {
                let outcome =
                    Outcome::new(201).wrote(Cell::Blob(repository, blob.digest.clone()), Some(&blob.digest));
                return Ok(match source {
                    Some(source) => outcome.saw(source, Some(&blob.digest)),
                    None => outcome.claimed(Claim::HeldSomewhere(blob.digest.clone())),
                });
            }
            let upload = expect(response, 202)?.location();
            expect(client.ask(&Request::delete(&upload))?, 204)?;
            let outcome = Outcome::new("202, cancelled").uploading(repository);
            // Without a source the server need not know one.
            Ok(source.into_iter().fold(outcome, |outcome, source| outcome.saw(source, None)))
        });
    }

    fn abandon_upload(&mut self, repository: &'static str, blob: &Blob) {
        self.record(format!("begin an upload in {repository} and cancel it"), |client| {
            let uploads = format!("/v2/{repository}/blobs/uploads/");
            let upload = expect(client.ask(&Request::post(&uploads))?, 202)?.location();
            let upload = expect(client.ask(&Request::patch(&upload, &*blob.bytes))?, 202)?.location();
            expect(client.ask(&Request::delete(&upload))?, 204)?;
            expect_code(&client.ask(&Request::get(&upload))?, &[404], &["BLOB_UPLOAD_UNKNOWN"])?;
            Ok(Outcome::new("202, 202, 204, 404").uploading(repository))
        });
    }

    /// All that it needs, and then the manifest.
    pub fn push_image(&mut self, repository: &'static str, manifest: &Manifest) {
        let pool = self.pool;
        for child in manifest.children.iter().filter_map(|digest| pool.manifest(digest)) {
            self.push_image(repository, child);
        }
        for blob in manifest.blobs.iter().filter_map(|digest| pool.blob(digest)) {
            self.push_blob(repository, blob);
        }
        self.push_manifest(repository, manifest);
    }

    /// By a tag, or by its digest with up to two tags.
    fn push_manifest(&mut self, repository: &'static str, manifest: &Manifest) {
        let by_tag = manifest.digest.algorithm() == Algorithm::Sha256 && self.chance(60);
        let count = if by_tag { 1 } else { self.random.below(3) };
        let tags: BTreeSet<&'static str> = (0..count).map(|_| *self.pick(&TAGS)).collect();
        let reference = match tags.first() {
            Some(tag) if by_tag => (*tag).to_owned(),
            _ if tags.is_empty() => manifest.digest.to_string(),
            _ => {
                let tags: Vec<_> = tags.iter().map(|tag| format!("tag={tag}")).collect();
                format!("{}?{}", manifest.digest, tags.join("&"))
            }
        };
        let what = format!("push manifest {} to {repository} with tags {tags:?}", short(&manifest.digest));
        self.record(what, |client| {
            let request = Request::put(&format!("/v2/{repository}/manifests/{reference}"), &*manifest.bytes);
            let response = client.ask(&request.header("Content-Type", manifest.media_type))?;
            let blobs = manifest.blobs.iter().map(|blob| Cell::Blob(repository, blob.clone()));
            let children = manifest.children.iter().map(|child| Cell::Manifest(repository, child.clone()));
            let needs = blobs.chain(children).zip(manifest.blobs.iter().chain(&manifest.children));
            if response.status != 201 {
                let mut missing = missing(&response)?;
                let outcome = needs.fold(Outcome::new("misses something"), |outcome, (cell, digest)| {
                    let here = (!missing.remove(digest.as_str())).then_some(digest);
                    outcome.saw(cell, here)
                });
                let ignored = missing.is_empty().then_some(outcome);
                return ignored.ok_or_else(|| format!("it does not need {missing:?}: {response}"));
            }
            named(&response, &manifest.digest)?;
            let subject = manifest.subject.as_ref().map(Digest::as_str);
            (response.header("OCI-Subject") == subject)
                .then_some(())
                .ok_or_else(|| format!("the subject is {subject:?}: {response}"))?;
            let outcome = Outcome::new(201)
                .wrote(Cell::Manifest(repository, manifest.digest.clone()), Some(&manifest.digest));
            let outcome = tags.iter().fold(outcome, |outcome, tag| {
                outcome.wrote(Cell::Tag(repository, tag), Some(&manifest.digest))
            });
            Ok(needs.fold(outcome, |outcome, (cell, digest)| outcome.saw(cell, Some(digest))))
        });
    }

    fn delete_blob(&mut self, repository: &'static str, blob: &Blob) {
        self.record(format!("delete blob {} of {repository}", short(&blob.digest)), |client| {
            let target = format!("/v2/{repository}/blobs/{}", blob.digest);
            let cell = Cell::Blob(repository, blob.digest.clone());
            Ok(match found(client.ask(&Request::delete(&target))?, 202, "BLOB_UNKNOWN")? {
                Some(_) => Outcome::new(202).saw(cell.clone(), Some(&blob.digest)).wrote(cell, None),
                None => Outcome::new(404).saw(cell, None),
            })
        });
    }

    fn delete_tag(&mut self, repository: &'static str, tag: &'static str) {
        self.record(format!("delete tag {repository}:{tag}"), |client| {
            let target = format!("/v2/{repository}/manifests/{tag}");
            let cell = Cell::Tag(repository, tag);
            Ok(match found(client.ask(&Request::delete(&target))?, 202, "MANIFEST_UNKNOWN")? {
                Some(_) => Outcome::new(202).claimed(Claim::HeldSome(cell.clone())).wrote(cell, None),
                None => Outcome::new(404).saw(cell, None),
            })
        });
    }

    /// Its tags go with it.
    fn delete_manifest(&mut self, repository: &'static str, manifest: &Manifest) {
        self.record(format!("delete manifest {} of {repository}", short(&manifest.digest)), |client| {
            let target = format!("/v2/{repository}/manifests/{}", manifest.digest);
            let cell = Cell::Manifest(repository, manifest.digest.clone());
            Ok(match found(client.ask(&Request::delete(&target))?, 202, "MANIFEST_UNKNOWN")? {
                Some(_) => {
                    let outcome =
                        Outcome::new(202).saw(cell.clone(), Some(&manifest.digest)).wrote(cell, None);
                    TAGS.iter().fold(outcome, |outcome, tag| {
                        outcome.emptied_if(Cell::Tag(repository, tag), &manifest.digest)
                    })
                }
                None => Outcome::new(404).saw(cell, None),
            })
        });
    }

    /// Until nothing makes it a repository any more, if nobody else pushes meanwhile.
    fn empty(&mut self, repository: &'static str) {
        let pool = self.pool;
        pool.manifests.iter().for_each(|manifest| self.delete_manifest(repository, manifest));
        self.list_tags(repository);
        self.list_repositories();
    }

    fn pull_blob(&mut self, repository: &'static str, blob: &Blob) {
        let method = self.method();
        self.record(format!("{method} blob {} of {repository}", short(&blob.digest)), |client| {
            let target = format!("/v2/{repository}/blobs/{}", blob.digest);
            let cell = Cell::Blob(repository, blob.digest.clone());
            let response = client.ask(&Request::new(method, &target))?;
            Ok(match served(response, method, "BLOB_UNKNOWN", |_| Some(&blob.bytes))? {
                Some(_) => Outcome::new(200).saw(cell, Some(&blob.digest)),
                None => Outcome::new(404).saw(cell, None),
            })
        });
    }

    fn pull_manifest(&mut self, repository: &'static str, manifest: &Manifest) {
        let method = self.method();
        self.record(format!("{method} manifest {} of {repository}", short(&manifest.digest)), |client| {
            let target = format!("/v2/{repository}/manifests/{}", manifest.digest);
            let cell = Cell::Manifest(repository, manifest.digest.clone());
            match client.manifest(method, &target)? {
                Some(digest) if digest == manifest.digest => {
                    Ok(Outcome::new(200).saw(cell, Some(&manifest.digest)))
                }
                Some(other) => Err(format!("{other} was served for {}", manifest.digest)),
                None => Ok(Outcome::new(404).saw(cell, None)),
            }
        });
    }

    fn pull_tag(&mut self, repository: &'static str, tag: &'static str) {
        let method = self.method();
        self.record(format!("{method} tag {repository}:{tag}"), |client| {
            Ok(match client.manifest(method, &format!("/v2/{repository}/manifests/{tag}"))? {
                Some(digest) => Outcome::new(format!("200 {}", short(&digest)))
                    .saw(Cell::Tag(repository, tag), Some(&digest))
                    .saw(Cell::Manifest(repository, digest.clone()), Some(&digest)),
                None => Outcome::new(404).claimed(Claim::NamedNothing(repository, tag)),
            })
        });
    }

    /// The digest of the manifest that is served there; none where there is none.
    fn manifest(&mut self, method: &str, target: &str) -> Result<Option<Digest>> {
        let pool = self.pool;
        let response = self.ask(&Request::new(method, target))?;
        let media_type = response.header("Content-Type").map(str::to_owned);
        let known = |digest: &Digest| pool.manifest(digest).map(|manifest| &manifest.bytes);
        let digest = served(response, method, "MANIFEST_UNKNOWN", known)?;
        let pushed = digest.as_ref().and_then(|digest| pool.manifest(digest));
        match pushed.is_none_or(|manifest| media_type.as_deref() == Some(manifest.media_type)) {
            true => Ok(digest),
            false => Err(format!("{digest:?} was served as {media_type:?}")),
        }
    }

    fn method(&mut self) -> &'static str {
        if self.chance(30) { "HEAD" } else { "GET" }
    }
}
