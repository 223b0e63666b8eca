"""Registries that are caches of another one, which is a pierhead for each."""
import os
import time

import blocks
import client
import procfs
import servers
from block import Block

PAIR = ("pierhead, cache", "distribution, cache")
MIB = 256


class Cache:
    """A server that fetches what it has not from another one, which is empty at the start, too."""

    def start(self):
        self.upstream = servers.Pierhead(servers.Pierhead.find(), os.path.join(self.work, "upstream"))
        self.upstream.wipe()
        self.upstream.start()
        return super().start()

    def stop(self):
        super().stop()
        self.upstream.stop()

    def settings(self):
        return super().settings() | {"proxy": {"remoteurl": self.upstream.url}}


class Pierhead(Cache, servers.Pierhead):
    name = PAIR[0]


class Distribution(Cache, servers.Distribution):
    name = PAIR[1]


class Manifest(blocks.Manifest):
    """GET of a manifest of 1.5 kB by tag through a cache, which asks the other registry each time"""

    name, servers = "cache-manifest", PAIR

    def prepare(self, server):
        super().prepare(server.upstream)


class Blob(blocks.Blob):
    """GET of a blob of 1 kB that a cache has"""

    name, servers = "cache-blob", PAIR

    def prepare(self, server):
        super().prepare(server.upstream)


class Download(Block):
    """GET of a blob of 256 MiB that a cache has not: by one client, and of another one by eight at once; and once more"""

    name, servers = "cache-download", PAIR

    def __init__(self, settings):
        super().__init__(settings)
        self.file = client.BigFile(os.path.join(settings.work, "big"), MIB)

    def measure(self, server):
        figures = {}
        path = lambda: f"/v2/bench/big/blobs/{self.file.digest}"
        pull = lambda: client.pull_to_nowhere(server, path(), self.file.size)
        for clients, word in ((1, "cold"), (8, "8 clients cold")):
            self.file.renew()
            client.push_file(server.upstream, "bench/big", self.file, chunked=False)
            self.settings.calm.settle()
            procfs.reset_peak(server.pid)
            before = server.cpu()
            figures[f"{word} s"] = blocks.at_once([pull] * clients)
            # Some of it is done when the client has it all.
            time.sleep(2)
            figures[f"{word} CPU-s"] = server.cpu() - before
            figures[f"{word} peak MiB"] = server.peak()
        figures["warm s"] = pull()
        return figures


KINDS = (Pierhead, Distribution)
ALL = (Manifest, Blob, Download)
