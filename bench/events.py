"""Registries that tell an endpoint of each pull, which is an nginx for each."""
import os
import urllib.request

import blocks
import procfs
import servers

PAIR = ("pierhead, events", "distribution, events")


class Endpoint(servers.Nginx):
    """What takes every event."""

    more = "location /hook { return 200; } location /count { stub_status; }"

    def taken(self):
        """How many it took."""
        with urllib.request.urlopen(f"{self.url}/count") as answer:
            return int(answer.read().split()[9])


class Telling:
    """A server that tells of all that is done."""

    def start(self):
        self.endpoint = Endpoint(Endpoint.find(), os.path.join(self.work, "endpoint"))
        self.endpoint.wipe()
        self.endpoint.start()
        return super().start()

    def stop(self):
        super().stop()
        self.endpoint.stop()

    def settings(self):
        hook = {"name": "hook", "url": f"{self.endpoint.url}/hook", "timeout": "5s", "threshold": 5, "backoff": "1s"}
        return super().settings() | {"notifications": {"endpoints": [hook]}}


class Pierhead(Telling, servers.Pierhead):
    name = PAIR[0]


class Distribution(Telling, servers.Distribution):
    name = PAIR[1]


class Events(blocks.Manifest):
    """GET of a manifest of 1.5 kB by tag, of each of which an endpoint is told"""

    name, servers = "events", PAIR

    def measure(self, server):
        before = server.endpoint.taken()
        procfs.reset_peak(server.pid)
        figures = super().measure(server)
        told = (server.endpoint.taken() - before) / self.settings.seconds
        return figures | {"told/s": told, "peak MiB": server.peak()}


KINDS = (Pierhead, Distribution)
ALL = (Events,)
