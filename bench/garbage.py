"""The block about garbage: what it costs to collect it."""
import contextlib
import os
import shutil
import subprocess
import time

import client
from block import Block
from trees import DISTRIBUTION

IMAGES, BLOBS, SIZE = 1_000, 4, 1_000
KEPT = IMAGES // 2 * (BLOBS + 1)  # blobs, manifests being some
GRACE = ["--grace", "0s"]  # distribution knows none


class Garbage(Block):
    """`garbage-collect` where 500 of 1,000 images of four small blobs were removed by hand, on a copy of the tree, with no server"""

    name, servers = "garbage", ("pierhead", "distribution")

    def prepare(self, server):
        registry = client.Client(server)
        for number in range(IMAGES):
            repository = f"bench/garbage-{number}"
            config, *layers = (registry.push_blob(repository, os.urandom(SIZE)) for _ in range(BLOBS))
            registry.push_manifest(repository, "latest", client.manifest_of(config, layers))
        server.stop()
        data = self.data(server)
        for number in range(0, IMAGES, 2):
            shutil.rmtree(os.path.join(data, DISTRIBUTION, f"bench/garbage-{number}", "_manifests"))
        os.rename(data, data + "-full")

    @staticmethod
    def data(server):
        """The folder that content lies in."""
        return server.data

    @staticmethod
    def serving(_server):
        """What has to run beside the collection."""
        return contextlib.nullcontext()

    def measure(self, server):
        data = self.data(server)
        shutil.rmtree(data, ignore_errors=True)
        shutil.copytree(data + "-full", data)
        with self.serving(server):
            self.settings.calm.settle()
            _, *_, config = server.configure()
            grace = GRACE if server.name.startswith("pierhead") else []
            figures = run([server.program, "garbage-collect", *grace, config])
        left = sum("data" in files for _, _, files in os.walk(os.path.join(data, "docker/registry/v2/blobs")))
        if left != KEPT:
            raise RuntimeError(f"{left} blobs are left instead of {KEPT}")
        return figures


def run(command):
    """Seconds, CPU seconds and the peak of memory of a program."""
    begin, peak = time.perf_counter(), 0
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while True:
        # A child's ru_maxrss begins with that of the process it was forked from.
        with contextlib.suppress(OSError), open(f"/proc/{process.pid}/status") as status:
            peak = max([peak, *(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))])
        pid, status, used = os.wait4(process.pid, os.WNOHANG)
        if pid:
            break
        time.sleep(0.002)
    seconds = time.perf_counter() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command[0]} ended with {process.returncode}")
    return {"s": seconds, "CPU-s": used.ru_utime + used.ru_stime, "peak MiB": peak / 1024}
