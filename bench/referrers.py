"""The block about referrers: what it costs to list and to add them when there are many."""
import json
import time
from statistics import median

import client
import lists
import load
import procfs
from block import Block

CROWDED = "bench/crowded"
MANY, PUSHES, REQUESTS = 1_000, 20, 20
# Seconds after which a change is so long ago that what was read since may be remembered.
SETTLED = 3
EMPTY, EMPTY_TYPE = b"{}", "application/vnd.oci.empty.v1+json"


class Referrers(Block):
    """1,000 referrers of a subject: first page just after a push, and three seconds later; all; PUT of 20 more, and of 20 first ones"""

    name, servers, fresh = "referrers", ("pierhead", "zot", "olareg"), True

    def measure(self, server):
        registry = client.Client(server)
        subject = push_subject(registry, CROWDED, 0)
        for number in range(MANY):
            push_referrer(registry, CROWDED, subject, number)
        path = f"/v2/{CROWDED}/referrers/{subject[0]}"
        figures = load.again(server, "just pushed", lambda: registry.request("GET", path, 200), REQUESTS)
        time.sleep(SETTLED)
        figures |= self.list(server, registry, path)
        subjects = [push_subject(registry, "bench/few", number) for number in range(PUSHES)]
        self.settings.calm.settle()
        first, later = [], []
        for number, fresh in enumerate(subjects):  # in turn, so that the disk's moods fall on both
            first.append(push_referrer(registry, "bench/few", fresh, number))
            later.append(push_referrer(registry, CROWDED, subject, MANY + number))
        return figures | {"1st push ms": median(first), "1,001st push ms": median(later)}

    @staticmethod
    def list(server, registry, path):
        pages, contents = lists.follow(registry, path)
        found = {entry["digest"] for content in contents for entry in json.loads(content)["manifests"]}
        if len(found) != MANY:
            raise RuntimeError(f"{len(found)} referrers instead of {MANY}")
        figures = load.again(server, "first", lambda: registry.request("GET", path, 200), REQUESTS)
        figures |= load.again(server, "all", lambda: lists.follow(registry, path), REQUESTS)
        return figures | {"pages": len(pages)}


def push_subject(registry, repository, number):
    """A new manifest, and the blob that it and its referrers consist of; returns the manifest's digest and size."""
    empty = registry.push_blob(repository, EMPTY)
    manifest = client.manifest_of(empty, [empty], {"org.example.number": str(number)})
    registry.push_manifest(repository, f"subject-{number}", manifest)
    return client.digest_of(manifest), len(manifest)


def push_referrer(registry, repository, subject, number):
    """One more referrer of a subject; returns the milliseconds that its PUT took."""
    nothing = {"mediaType": EMPTY_TYPE, "digest": client.digest_of(EMPTY), "size": len(EMPTY)}
    manifest = json.dumps({
        "schemaVersion": 2, "mediaType": client.MANIFEST, "artifactType": "application/vnd.example.sbom.v1",
        "config": nothing, "layers": [nothing],
        "subject": {"mediaType": client.MANIFEST, "digest": subject[0], "size": subject[1]},
        "annotations": {"org.opencontainers.image.created": "2026-01-01T00:00:00Z", "org.example.number": str(number)},
    }, separators=(",", ":")).encode()
    digest = client.digest_of(manifest)
    begin = time.perf_counter()
    registry.push_manifest(repository, digest, manifest)
    return (time.perf_counter() - begin) * 1000
