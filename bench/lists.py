"""Blocks about lists of names: what a page costs, wherever it lies, and what memory a list takes."""
import json
import re
import time
from urllib.parse import urljoin

import client
import load
import procfs
import trees
from block import Block

FEW, MANY, PAGE = 100, 10_000, 100
WALKS = 3  # before memory is read: caches have filled by then
REQUESTS = 20  # requests of a page, at least; its time is their median


class Names(Block):
    """Pages of 100 of `MANY` names, asked for by one client; memory beside that of a list of `FEW`, one page."""

    servers = ("pierhead", "zot", "distribution")
    path = ""
    key = ""  # of the names in an answer

    def __init__(self, settings):
        super().__init__(settings)
        self.pages, self.peaks = {}, {}

    def push_one(self, registry):
        """What `grow` copies."""
        raise NotImplementedError

    def grow(self, root, numbers):
        """More names in the tree of a server that is stopped."""
        raise NotImplementedError

    def prepare(self, server):
        self.push_one(client.Client(server))
        self.peaks[server.name] = {}
        for before, names in ((1, FEW), (FEW, MANY)):
            server.stop()
            self.grow(server.data, range(before, names))
            server.start()
            time.sleep(1)
            procfs.reset_peak(server.pid)
            for _ in range(WALKS * MANY // names):  # as many pages of either
                self.pages[server.name] = self.walk(server, names)
            self.peaks[server.name][f"peak at {names:,} MiB"] = server.peak()

    def walk(self, server, expected):
        """The paths of the pages that list something. What they list must be complete and in order."""
        paths, contents = follow(client.Client(server), f"{self.path}?n={PAGE}")
        pages = [json.loads(content)[self.key] or [] for content in contents]  # null behind distribution's last
        names = [name for page in pages for name in page]
        if len(names) != expected or names != sorted(set(names)):
            raise RuntimeError(f"{len(names)} names instead of {expected}, or not in order")
        return [path for path, page in zip(paths, pages) if page]

    def measure(self, server):
        registry, pages = client.Client(server), self.pages[server.name]
        figures = {}
        for word, path in (("first", pages[0]), ("middle", pages[len(pages) // 2]), ("last", pages[-1])):
            figures |= load.again(server, word, lambda path=path: registry.request("GET", path, 200), REQUESTS)
        follow(registry, pages[0])  # into the caches, which hold the pages above already
        figures |= load.again(server, "all", lambda: follow(registry, pages[0]), 1)
        return figures | self.peaks[server.name]


def follow(registry, path):
    """From a page to the last by Link: the paths of all, and their bodies."""
    paths, contents = [], []
    while path:
        headers, content = registry.request("GET", path, 200)
        paths.append(path)
        contents.append(content)
        link = re.match(r'\s*<([^>]*)>\s*;\s*rel="?next"?', headers.get("Link", ""))
        path = link and urljoin(path, link[1])
    return paths, contents


class Catalog(Names):
    """The catalogue, 100 of 10,000 repositories a page: first, middle and last page, and all of them, by one client"""

    name, path, key = "catalog", "/v2/_catalog", "repositories"

    def push_one(self, registry):
        push_image(registry, repository(0))

    def grow(self, root, numbers):
        trees.repeat_repository(root, repository(0), map(repository, numbers))


class ManyTags(Names):
    """The tags of a repository, 100 of 10,000 a page: first, middle and last page, and all of them, by one client"""

    name, path, key = "tags10k", "/v2/bench/tags/tags/list", "tags"

    def push_one(self, registry):
        push_image(registry, "bench/tags", tag(0))

    def grow(self, root, numbers):
        trees.repeat_tag(root, "bench/tags", tag(0), map(tag, numbers))


def repository(number):
    return f"bench/r{number:05d}"


def tag(number):
    return f"tag-{number:06d}"


def push_image(registry, repository, tag="latest"):
    """An image of one small layer."""
    config = registry.push_blob(repository, b'{"architecture":"amd64","os":"linux","rootfs":{"type":"layers"}}')
    layer = registry.push_blob(repository, b"layer\n" * 128)
    registry.push_manifest(repository, tag, client.manifest_of(config, [layer]))
