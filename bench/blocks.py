"""What is measured. A block prepares each server once, then measures them in turn, round by round."""
import os
import threading
import time
from statistics import median

import client
import garbage
import images
import lists
import load
import procfs
import referrers
import waiting
from block import REGISTRIES, Block

GB = 1e9
BIG_MIB = 512
CONTROLLED = REGISTRIES + ("nginx",)


def push_app(server):
    """bench/app:latest: a manifest of about 1.5 kB and eight layers of 1 kB. Returns the manifest's bytes."""
    registry = client.Client(server)
    config = registry.push_blob("bench/app", b'{"architecture":"amd64","os":"linux","rootfs":{"type":"layers"}}')
    layers = [registry.push_blob("bench/app", small_layer(number)) for number in range(8)]
    manifest = client.manifest_of(config, layers, {"org.example.pad": "x" * 64})
    registry.push_manifest("bench/app", "latest", manifest)
    return manifest


def small_layer(number):
    return (f"layer {number} ".encode() * 200)[:1024]


class Small(Block):
    """Requests for the same small thing."""

    path = ""
    static = 0  # bytes of the file that stands for it on the control
    generator = staticmethod(load.wrk)

    def prepare(self, server):
        if server.registry:
            push_app(server)
        else:
            with open(os.path.join(server.data, "small"), "wb") as file:
                file.write(os.urandom(self.static))

    def measure(self, server):
        path = self.path if server.registry else "/small"
        return self.generator(server, path, self.settings.seconds)


class Version(Small):
    """GET /v2/"""

    name, path, servers, static = "version", "/v2/", CONTROLLED, 2


class Manifest(Small):
    """GET of a manifest of 1.5 kB by tag"""

    name, path, servers, static = "manifest", "/v2/bench/app/manifests/latest", CONTROLLED, 1547


class Blob(Small):
    """GET of a blob of 1 kB"""

    name, servers, static = "blob", CONTROLLED, 1024
    path = f"/v2/bench/app/blobs/{client.digest_of(small_layer(0))}"


class HeadManifest(Manifest):
    """HEAD of a manifest by tag (ab)"""

    name, generator = "head-manifest", staticmethod(load.head)


class HeadBlob(Blob):
    """HEAD of a blob of 1 kB (ab)"""

    name, generator = "head-blob", staticmethod(load.head)


class Tags(Small):
    """GET of the first 100 of 1,000 tags"""

    name, path = "tags", "/v2/bench/app/tags/list?n=100"

    def prepare(self, server):
        manifest = push_app(server)
        registry = client.Client(server)
        for number in range(1000):
            registry.push_manifest("bench/app", f"tag-{number:06d}", manifest)


class Download(Block):
    """GET of a blob of 512 MiB from the page cache, three times by one client, then by four at once"""

    name, servers = "download", CONTROLLED

    def __init__(self, settings):
        super().__init__(settings)
        self.file = client.BigFile(os.path.join(settings.work, "big"), BIG_MIB)

    def prepare(self, server):
        if server.registry:
            client.push_file(server, "bench/big", self.file, chunked=False)
        else:
            client.curl("-o", os.path.join(server.data, "big"), "file://" + os.path.abspath(self.file.path))

    def download(self, server, *options):
        """Once; the seconds that it took."""
        path = f"/v2/bench/big/blobs/{self.file.digest}" if server.registry else "/big"
        return client.pull_to_nowhere(server, path, self.file.size, *options)

    def measure(self, server):
        one = lambda: self.download(server)
        one()  # into the page cache
        size = self.file.size / GB
        before = server.cpu()
        seconds = sum(one() for _ in range(3))
        between = server.cpu()
        together = at_once([one] * 4)
        after = server.cpu()
        return {"GB/s": 3 * size / seconds, "CPU-s/GB": (between - before) / (3 * size),
                "4 clients GB/s": 4 * size / together, "4 clients CPU-s/GB": (after - between) / (4 * size)}


def at_once(functions):
    """Run each in its own thread; seconds until all have ended. The first failure is raised."""
    failures = []

    def guarded(function):
        try:
            function()
        except Exception as failure:  # told below, in the caller's thread
            failures.append(failure)

    threads = [threading.Thread(target=guarded, args=(function,)) for function in functions]
    begin = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return time.perf_counter() - begin


class Upload(Block):
    """Push of 512 MiB of new bytes: POST, PATCH (chunked), PUT; and POST, PUT. `disk` is dd of the same bytes"""

    name, servers = "upload", REGISTRIES + ("pierhead, fsync off", "disk")

    def __init__(self, settings):
        super().__init__(settings)
        self.file = client.BigFile(os.path.join(settings.work, "big"), BIG_MIB)

    def measure(self, server):
        if server.name == "disk":
            self.settings.calm.settle()
            self.file.renew()
            return {"s": server.write(self.file.path)}
        figures = {}
        for chunked, word in ((True, ""), (False, "POST+PUT ")):
            self.settings.calm.settle()
            self.file.renew()
            procfs.reset_peak(server.pid)
            before, begin = server.cpu(), time.perf_counter()
            self.push(server, chunked)
            figures[word + "s"] = time.perf_counter() - begin
            figures[word + "CPU-s/GB"] = (server.cpu() - before) / (self.file.size / GB)
            figures[word + "peak MiB"] = server.peak()
        self.settings.calm.settle()
        return figures

    def push(self, server, chunked):
        """One push, the part that is timed."""
        client.push_file(server, "bench/push", self.file, chunked)


class Images(Block):
    """Images of one new layer of 1 MiB: pushed, then pulled, ten at a time"""

    name = "images"

    def prepare(self, server):
        batch = images.Batch(self.folder("pull", server), 100)
        batch.push(server)

    def folder(self, word, server):
        return os.path.join(self.settings.work, f"{word}-{server.name}")

    def measure(self, server):
        seconds = self.settings.seconds
        self.settings.calm.settle()
        batch = images.Batch(self.folder("push", server), 700 * seconds)
        push = load.images(server, "push.lua", [batch.list, batch.common], seconds)
        self.settings.calm.settle()
        pull_list = os.path.join(self.folder("pull", server), images.PULL)
        load.images(server, "pull.lua", [pull_list], 1)  # into the page cache
        pull = load.images(server, "pull.lua", [pull_list], seconds)
        return {"pushed/s": push["images/s"], "push CPU ms": push["CPU ms"],
                "pulled/s": pull["images/s"], "pull CPU ms": pull["CPU ms"]}


class Latency(Block):
    """GET of a manifest by 8 connections: alone, then while one client pushes 512 MiB again and again"""

    name = "latency"

    def __init__(self, settings):
        super().__init__(settings)
        self.file = client.BigFile(os.path.join(settings.work, "big"), BIG_MIB)

    def prepare(self, server):
        push_app(server)

    def measure(self, server):
        self.settings.calm.settle()
        self.file.renew()
        alone = load.wrk(server, Manifest.path, self.settings.seconds, connections=8)
        stop, pushes, failures = threading.Event(), [], []

        def pusher():
            while not stop.is_set():
                try:
                    client.push_file(server, "bench/push", self.file, chunked=True)
                    pushes.append(1)
                except Exception as failure:
                    failures.append(failure)
                    return

        thread = threading.Thread(target=pusher)
        thread.start()
        time.sleep(0.3)
        begin = time.perf_counter()
        beside = load.wrk(server, Manifest.path, 2 * self.settings.seconds, connections=8)
        lasted = time.perf_counter() - begin
        stop.set()
        thread.join()
        if failures:
            raise failures[0]
        return {"alone p99 ms": alone["p99 ms"], "p99 ms": beside["p99 ms"], "req/s": beside["req/s"],
                "pushes/min": len(pushes) / lasted * 60}


class Memory(Block):
    """Resident memory: idle; 500 uploads that send a byte a second; 32 pushes of 64 MiB at once; small requests"""

    name, fresh, rounds = "memory", True, 1

    def measure(self, server):
        time.sleep(2)
        figures = {"idle MiB": server.resident()}
        with waiting.Uploads(server.url, 500) as uploads:
            uploads.trickle(5)
            figures["500 uploads MiB"] = server.resident()
            figures["KiB per upload"] = (server.resident() - figures["idle MiB"]) * 1024 / uploads.open
        self.restart(server)
        push_app(server)
        load.wrk(server, Manifest.path, self.settings.minute // 2)
        load.wrk(server, Blob.path, self.settings.minute // 2)
        figures["after a minute MiB"] = server.resident()
        self.restart(server)
        figures["32 pushes s"] = self.push_together(server)
        figures["32 pushes peak MiB"] = server.peak()
        return figures

    @staticmethod
    def restart(server):
        server.stop()
        server.wipe()
        server.start()

    def push_together(self, server):
        self.settings.calm.settle()
        files = [client.BigFile(os.path.join(self.settings.work, f"push-{number}"), 64) for number in range(32)]
        pushes = [lambda file=file, number=number: client.push_file(server, f"bench/{number % 8}", file, True)
                  for number, file in enumerate(files)]
        procfs.reset_peak(server.pid)
        return at_once(pushes)


class Start(Block):
    """From exec to the first 200, polled every half millisecond; a full configuration has TLS, passwords, rules and headers"""

    name, fresh, servers = "start", True, CONTROLLED + ("pierhead, full configuration",)

    def measure(self, server):
        taken, own = [], []
        for _ in range(5):
            server.stop()
            taken.append(server.start() * 1000)
            # The same request once more: most of it is the client's, with TLS its handshake.
            request = min(server.wait(time.perf_counter()) for _ in range(3)) * 1000
            own.append(taken[-1] - request)
        return {"ms": median(taken), "without a request ms": median(own)}


ALL = (Version, Manifest, Blob, HeadManifest, HeadBlob, Tags, Download, Upload, Images, Latency, Memory, Start,
       lists.Catalog, lists.ManyTags, referrers.Referrers, garbage.Garbage)
