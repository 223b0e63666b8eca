"""The registry on hosts that are not ours, beside what a component can do at best there."""
import os
import shutil
import signal
import time

import blocks
import client
import load
import procfs
import servers
from block import Block

MANIFEST = "/v2/bench/app/manifests/latest"


def given(settings):
    """A component's environment on a host's command line."""
    return [word for name, value in settings.items() for word in ("--env", f"{name}={value}")]


class Wasmtime(servers.Server):
    """wasmtime serve, with code compiled before it starts."""

    artefact = ""
    options = ()
    pool = "pooling-total-core-instances=40000,pooling-total-memories=10000,pooling-total-tables=20000"

    @staticmethod
    def find():
        """WASMTIME, or the one that `make host-tools` installs."""
        return os.environ.get("WASMTIME") or os.path.join(
            os.environ.get("CARGO_HOME", os.path.expanduser("~/.cargo")), "bin/wasmtime")

    def configure(self):
        compiled = os.path.join(self.work, "component.cwasm")
        if not os.path.exists(compiled):
            load.run([self.program, "compile", "-o", compiled, self.artefact])
        return [self.program, "serve", "-S", "cli", "-O", self.pool, "--allow-precompiled",
                "--dir", f"{self.data}::/data", *given(self.settings()), "--addr", f"127.0.0.1:{self.port}", *self.options, compiled]

    def settings(self):
        return {}


class WasmtimeFs(Wasmtime):
    name, artefact = "wasmtime fs", "target/artefacts/pierhead-fs.wasm"


class WasmtimeBare(Wasmtime):
    """A component that answers a constant, and passes on the file `file` of its directory."""

    name, artefact = "wasmtime bare", "target/wasm32-wasip2/guest/bare.wasm"
    registry = False


class Versitygw(servers.Server):
    """A folder as a bucket. By itself it stands for what a registry in it could serve at best."""

    name, registry, probe = "versitygw", False, "/health"
    access, secret, bucket = "bench", "wonderland", "bucket"
    options = ("--aws-sigv4", "aws:amz:us-east-1:s3", "--user", f"{access}:{secret}",
               "-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD")

    @staticmethod
    def find():
        tools = os.environ.get("PIERHEAD_TOOLS", os.path.expanduser("~/.cache/pierhead/bin"))
        return os.path.join(tools, "versitygw")

    def configure(self):
        os.makedirs(os.path.join(self.data, self.bucket), exist_ok=True)
        return [self.program, "--access", self.access, "--secret", self.secret, "--port", f"127.0.0.1:{self.port}",
                "--health", "/health", "posix", self.data]

    def version(self):
        return servers.module_version(self.program)


class InBucket:
    """A server whose data lies in a folder that versitygw shows as a bucket."""

    artefact = "target/artefacts/pierhead-s3.wasm"
    gateway_of = Versitygw

    def start(self):
        self.gateway = self.gateway_of(Versitygw.find(), os.path.join(self.work, "gateway"))
        self.gateway.wipe()
        self.gateway.start()
        return super().start()

    def stop(self):
        super().stop()
        self.gateway.stop()

    def settings(self):
        gateway = {"accesskey": Versitygw.access, "secretkey": Versitygw.secret, "region": "us-east-1",
                   "regionendpoint": self.gateway.url, "bucket": Versitygw.bucket}
        return {f"REGISTRY_STORAGE_S3_{name.upper()}": value for name, value in gateway.items()}


class WasmtimeS3(InBucket, Wasmtime):
    name = "wasmtime s3"


class Spin(servers.Server):
    """spin up, with a database of its own."""

    artefact, access = "", 'sqlite_databases = ["default"]'
    # As docs/hosts.md says.
    variables = {"SPIN_MAX_INSTANCE_COUNT": "10000"}

    @staticmethod
    def find():
        return os.environ.get("SPIN", "spin")

    def configure(self):
        path = os.path.join(self.work, "spin.toml")
        with open(path, "w") as file:
            file.write(f"""spin_manifest_version = 2
[application]
name = "bench"
version = "0.1.0"
[[trigger.http]]
route = "/..."
component = "bench"
[component.bench]
source = "{os.path.abspath(self.artefact)}"
{self.access}
""")
        return [self.program, "up", "--from", path, "--listen", f"127.0.0.1:{self.port}", "--quiet",
                "--state-dir", self.data, *given(self.settings())]

    def settings(self):
        return {}

    @property
    def pid(self):
        """spin runs another program, which serves."""
        return procfs.tree(self.process.pid)[-1]

    def stop(self):
        if self.process is not None:
            for pid in procfs.tree(self.process.pid):
                os.kill(pid, signal.SIGTERM)
        super().stop()


class SpinSqlite(Spin):
    name, artefact = "spin sqlite", "target/artefacts/pierhead-spin.wasm"


class SpinS3(InBucket, Spin):
    name = "spin s3"

    @property
    def access(self):
        return f'allowed_outbound_hosts = ["{self.gateway.url}"]'


class SpinBare(Spin):
    """A component that answers a constant, and keeps a file in rows."""

    name, artefact = "spin bare", "target/wasm32-wasip2/guest/bare_spin.wasm"
    registry = False


KINDS = (WasmtimeFs, WasmtimeS3, WasmtimeBare, Versitygw, SpinSqlite, SpinS3, SpinBare)


class HostsManifest(Block):
    """GET of a manifest on other hosts; the bare components answer a constant of 1.5 kB"""

    name, servers = "hosts-manifest", tuple(kind.name for kind in KINDS if kind is not Versitygw)

    def prepare(self, server):
        if server.registry:
            blocks.push_app(server)

    def measure(self, server):
        return load.wrk(server, MANIFEST if server.registry else "/constant", self.settings.seconds)


class HostsDownload(Block):
    """GET of 512 MiB on other hosts; the bare components pass on the same bytes"""

    name, servers = "hosts-download", tuple(kind.name for kind in KINDS)

    def __init__(self, settings):
        super().__init__(settings)
        self.file = client.BigFile(os.path.join(settings.work, "big"), blocks.BIG_MIB)

    def prepare(self, server):
        if server.registry:
            client.push_file(server, "bench/big", self.file, chunked=False)
        elif server.name == "spin bare":
            client.curl("-X", "PUT", "-T", self.file.path, server.url + "/file")
        else:
            folder = Versitygw.bucket if server.name == "versitygw" else ""
            shutil.copyfile(self.file.path, os.path.join(server.data, folder, "file"))

    def measure(self, server):
        path = f"/v2/bench/big/blobs/{self.file.digest}" if server.registry else "/file"
        options = ()
        if server.name == "versitygw":
            path, options = f"/{Versitygw.bucket}/file", Versitygw.options
        once = lambda: client.pull_to_nowhere(server, path, self.file.size, *options)
        once()  # into the page cache
        procfs.reset_peak(server.pid)
        before = server.cpu()
        seconds = sum(once() for _ in range(3))
        size = 3 * self.file.size / blocks.GB
        return {"GB/s": size / seconds, "CPU-s/GB": (server.cpu() - before) / size, "peak MiB": server.peak()}


class HostsUpload(blocks.Upload):
    """Push of 512 MiB of new bytes on other hosts: POST, PATCH (chunked), PUT; and POST, PUT. The bare component of Spin
    takes one PUT, chunked and not, and hashes nothing"""

    name, servers = "hosts-upload", tuple(kind.name for kind in KINDS if kind.registry) + ("spin bare",)

    def push(self, server, chunked):
        if server.registry:
            super().push(server, chunked)
            return
        how = ("-H", "Transfer-Encoding: chunked") if chunked else ()
        client.curl("-X", "PUT", "-H", "Expect:", *how, "-T", self.file.path, server.url + "/file")


class HostsStart(blocks.Start):
    """From exec to the first answer on other hosts, with code compiled before"""

    name, servers = "hosts-start", HostsManifest.servers


ALL = (HostsManifest, HostsDownload, HostsUpload, HostsStart)
