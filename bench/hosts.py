"""The registry on hosts that are not ours, beside what a component can do at best there."""
import os
import shutil

import blocks
import client
import load
import procfs
import servers
from block import Block

MANIFEST = "/v2/bench/app/manifests/latest"


class Wasmtime(servers.Server):
    """wasmtime serve, with code compiled before it starts."""

    artefact = ""
    options = ()

    @staticmethod
    def find():
        """WASMTIME, or the one that `make host-tools` installs."""
        return os.environ.get("WASMTIME") or os.path.join(
            os.environ.get("CARGO_HOME", os.path.expanduser("~/.cargo")), "bin/wasmtime")

    def configure(self):
        compiled = os.path.join(self.work, "component.cwasm")
        if not os.path.exists(compiled):
            load.run([self.program, "compile", "-o", compiled, self.artefact])
        given = [word for name, value in self.settings().items() for word in ("--env", f"{name}={value}")]
        return [self.program, "serve", "-S", "cli", "--allow-precompiled", "--dir", f"{self.data}::/data", *given,
                "--addr", f"127.0.0.1:{self.port}", *self.options, compiled]

    def settings(self):
        return {}


class WasmtimeFs(Wasmtime):
    name, artefact = "wasmtime fs", "target/artefacts/pierhead-fs.wasm"


class WasmtimeBare(Wasmtime):
    """A component that answers a constant, and passes on the file `file` of its directory."""

    name, artefact = "wasmtime bare", "target/wasm32-wasip2/guest/bare.wasm"
    registry = False


KINDS = (WasmtimeFs, WasmtimeBare)


class HostsManifest(Block):
    """GET of a manifest on other hosts; the bare components answer a constant of 1.5 kB"""

    name, servers = "hosts-manifest", tuple(kind.name for kind in KINDS)

    def prepare(self, server):
        if server.registry:
            blocks.push_app(server)

    def measure(self, server):
        return load.wrk(server, MANIFEST if server.registry else "/constant", self.settings.seconds)


class HostsDownload(Block):
    """GET of 512 MiB on other hosts; the bare components pass on the same bytes"""

    name, servers = "hosts-download", HostsManifest.servers

    def __init__(self, settings):
        super().__init__(settings)
        self.file = client.BigFile(os.path.join(settings.work, "big"), blocks.BIG_MIB)

    def prepare(self, server):
        if server.registry:
            client.push_file(server, "bench/big", self.file, chunked=False)
        else:
            shutil.copyfile(self.file.path, os.path.join(server.data, "file"))

    def measure(self, server):
        path = f"/v2/bench/big/blobs/{self.file.digest}" if server.registry else "/file"
        once = lambda: client.pull_to_nowhere(server, path, self.file.size)
        once()  # into the page cache
        procfs.reset_peak(server.pid)
        before = server.cpu()
        seconds = sum(once() for _ in range(3))
        size = 3 * self.file.size / blocks.GB
        return {"GB/s": size / seconds, "CPU-s/GB": (server.cpu() - before) / size, "peak MiB": server.peak()}


class HostsUpload(blocks.Upload):
    """Push of 512 MiB of new bytes on other hosts: POST, PATCH (chunked), PUT; and POST, PUT"""

    name, servers = "hosts-upload", tuple(kind.name for kind in KINDS if kind.registry)


class HostsStart(blocks.Start):
    """From exec to the first answer on other hosts, with code compiled before"""

    name, servers = "hosts-start", HostsManifest.servers


ALL = (HostsManifest, HostsDownload, HostsUpload, HostsStart)
