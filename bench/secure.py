"""Blocks about passwords, tokens and TLS: what they cost beside the same server without them, and beside others."""
import threading
import time

import client
import load
import variants
from blocks import GB, Download, Manifest, push_app
from block import Block

CIPHER = "TLS_AES_128_GCM_SHA256"
# curl's own order of ciphers would begin with AES-256: this one is both servers' and the client's only choice.
CURL = ("--tlsv1.3", "--tls13-ciphers", CIPHER)
MANY_USERS = 200
CLIENTS = 4  # that connect at once, each again and again: two for each core of the machine the figures are of


class Basic(Manifest):
    """GET of a manifest of 1.5 kB by tag, with a password that is hashed at a cost of 10 and of 12"""

    name = "basic"
    servers = ("pierhead", *(f"{name}, cost {cost}" for cost in variants.COSTS
                             for name in ("pierhead", "distribution", "zot")))

    def measure(self, server):
        # Those that hash each time answer few requests, and what is under way at the end does not count.
        return self.generator(server, self.path, 2 * self.settings.seconds)


class Bearer(Manifest):
    """GET of a manifest of 1.5 kB by tag, with a token of the server's own (EdDSA) and of another issuer (RS256)"""

    name, servers = "bearer", ("pierhead", "pierhead, own token", "pierhead, token")


class Logins(Block):
    """GET of a manifest by 8 connections of one user: alone, then while 200 others log in at once for the first time, cost 12"""

    name, servers = "logins", ("pierhead, cost 12",)

    def __init__(self, settings):
        super().__init__(settings)
        self.users = iter(variants.LOGINS)

    def prepare(self, server):
        push_app(server)

    def measure(self, server):
        seconds = self.settings.seconds
        alone = load.wrk(server, Manifest.path, seconds, connections=8)
        ended, failures = [], []

        def log_in(user):
            try:
                client.Client(server, {"Authorization": variants.basic(user)}).request("GET", "/v2/", 200)
                ended.append(time.perf_counter())
            except Exception as failure:  # told below, in the caller's thread
                failures.append(failure)

        users = [next(self.users) for _ in range(MANY_USERS)]
        threads = [threading.Thread(target=log_in, args=(user,)) for user in users]
        begin = time.perf_counter()
        for thread in threads:
            thread.start()
        time.sleep(1)  # all have asked by then, and what that costs the client is over
        beside = load.wrk(server, Manifest.path, 2 * seconds, connections=8)
        early = len(ended)
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]
        if early == MANY_USERS:
            raise RuntimeError("all were logged in before the measurement ended: it says nothing")
        return {"alone p99 ms": alone["p99 ms"], "p99 ms": beside["p99 ms"], "alone req/s": alone["req/s"],
                "req/s": beside["req/s"], "logins meanwhile": early, "200 logins s": max(ended) - begin}


class Tls(Download):
    """TLS 1.3: GET of a blob of 512 MiB, three times each by HTTP/1.1 and HTTP/2; new connections with a small GET each"""

    name, servers = "tls", ("pierhead, TLS", "nginx, TLS")
    small = {"pierhead, TLS": "/v2/", "nginx, TLS": "/v2"}

    def measure(self, server):
        figures = {}
        for word, version in (("", "--http1.1"), ("HTTP/2 ", "--http2")):
            one = lambda: self.download(server, *CURL, version)
            one()  # into the page cache
            before, seconds = server.cpu(), sum(one() for _ in range(3))
            bytes_ = 3 * self.file.size / GB
            figures |= {f"{word}GB/s": bytes_ / seconds, f"{word}CPU-s/GB": (server.cpu() - before) / bytes_}
        for word, tickets in (("new", False), ("resumed", True)):
            figures |= load.connections(server, word, self.small[server.name], self.settings.seconds, CLIENTS, CIPHER, tickets)
        return figures


ALL = (Basic, Bearer, Logins, Tls)
