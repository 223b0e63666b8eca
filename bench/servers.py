"""The servers that are compared: how each is configured, started, asked for its version, and stopped."""
import functools
import json
import os
import shutil
import socket
import ssl
import subprocess
import time
import urllib.request

import procfs

DISTRIBUTION = "github.com/distribution/distribution/v3/cmd/registry@v3.1.1"


class Server:
    """One server on its own empty folder. Logs at error level, plain HTTP on a free port of 127.0.0.1."""

    name = ""
    registry = True
    probe = "/v2/"  # what it answers with 200 once it is up
    scheme = "http"
    trust = None  # the file of certificates that its clients trust
    headers = {}  # what every request has to say
    variables = {}

    def __init__(self, program, work):
        folder = self.name.replace(",", "").replace(" ", "-")
        self.program, self.work = program, os.path.join(os.path.abspath(work), folder)
        self.data = os.path.join(self.work, "data")
        self.process = None
        self.port = None

    @property
    def url(self):
        return f"{self.scheme}://127.0.0.1:{self.port}"

    @functools.cached_property
    def context(self):
        """What its clients in Python know of TLS. Not before the certificate is there."""
        return ssl.create_default_context(cafile=self.trust) if self.trust else None

    @property
    def pid(self):
        return self.process.pid

    @staticmethod
    def find():
        """Where its program is, if anywhere."""
        raise NotImplementedError

    def settings(self):
        """What the configuration file says, in distribution's words."""
        return {"version": 0.1, "log": {"level": "error", "accesslog": {"disabled": True}},
                "storage": {"filesystem": {"rootdirectory": self.data}},
                "http": {"addr": f"127.0.0.1:{self.port}"}}

    def configure(self):
        """Write the configuration; returns the command."""
        path = os.path.join(self.work, "config.json")
        with open(path, "w") as file:
            json.dump(self.settings(), file)  # distribution reads YAML, which this is too
        return [self.program, "serve", path]

    def version(self):
        """What the program says it is."""
        said = subprocess.run([self.program, "--version"], capture_output=True, text=True).stdout
        return said.strip().split("\n")[0]

    def wipe(self):
        """An empty data folder."""
        shutil.rmtree(self.work, ignore_errors=True)
        os.makedirs(self.data)

    def start(self):
        """Execute the program; returns the seconds until it first answers 200."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        command = self.configure()
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith("REGISTRY_") and name != "RUST_BACKTRACE"}
        with open(os.path.join(self.work, "log"), "ab") as log:
            begin = time.perf_counter()
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=environment | self.variables)
        return self.wait(begin)

    def wait(self, begin):
        probe, context = urllib.request.Request(self.url + self.probe, headers=self.headers), self.context
        while time.perf_counter() - begin < 20:
            try:
                with urllib.request.urlopen(probe, timeout=1, context=context):
                    return time.perf_counter() - begin
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.0005)
        with open(os.path.join(self.work, "log")) as log:
            raise RuntimeError(f"{self.name} does not answer: {log.read()[-500:]}")

    def stop(self):
        """Ask it to end, and make sure."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def cpu(self):
        return procfs.cpu_seconds(self.pid)

    def resident(self):
        return procfs.memory_mib(self.pid)

    def peak(self):
        return procfs.memory_mib(self.pid, "VmHWM")


class Pierhead(Server):
    name = "pierhead"

    @staticmethod
    def find():
        return os.environ.get("PIERHEAD", "target/release/pierhead")


class PierheadUnsynced(Pierhead):
    """Without fsync, to be compared with servers that never sync."""

    name = "pierhead, fsync off"
    variables = {"REGISTRY_STORAGE_FILESYSTEM_FSYNC": "false"}


class Debian(Server):
    """Debian's docker-registry: distribution 2.8."""

    name = "docker-registry"

    @staticmethod
    def find():
        return "docker-registry"


class Distribution(Server):
    name = "distribution"
    variables = {"OTEL_TRACES_EXPORTER": "none"}

    @staticmethod
    def find():
        """DISTRIBUTION, or the release built from the Go module proxy and kept."""
        if os.environ.get("DISTRIBUTION"):
            return os.environ["DISTRIBUTION"]
        cache = os.environ.get("PIERHEAD_TOOLS", os.path.expanduser("~/.cache/pierhead/bin"))
        folder = os.path.join(cache, DISTRIBUTION.rsplit("@", 1)[1])
        program = os.path.join(folder, "registry")
        if not os.path.exists(program) and shutil.which("go"):
            subprocess.run(["go", "install", "-trimpath", DISTRIBUTION], check=True,
                           env=os.environ | {"GOBIN": folder, "CGO_ENABLED": "0"})
        return program

    def version(self):
        return module_version(self.program)


class Zot(Server):
    """zot as its users run it: deduplication and garbage collection as they are by default."""

    name = "zot"

    @staticmethod
    def find():
        return os.environ.get("ZOT", "zot")

    def settings(self):
        return {"storage": {"rootDirectory": self.data}, "log": {"level": "error"},
                "http": {"address": "127.0.0.1", "port": str(self.port)}}

    def version(self):
        said = subprocess.run([self.program, "--version"], capture_output=True, text=True)
        for line in (said.stdout + said.stderr).splitlines():
            if line.startswith("{"):
                facts = json.loads(line)
                return "zot " + (facts.get("commit") or facts.get("distSpecVersion") or "")
        return "zot"


class Olareg(Server):
    """olareg, for the referrers."""

    name = "olareg"

    @staticmethod
    def find():
        return os.environ.get("OLAREG", "olareg")

    def configure(self):
        return [self.program, "serve", "--verbosity", "error", "--dir", self.data,
                "--addr", "127.0.0.1", "--port", str(self.port)]

    def version(self):
        return module_version(self.program)


class Nginx(Server):
    """The control: the same bytes as plain files."""

    name = "nginx"
    registry, probe = False, "/v2"
    listening = ""  # what `listen` and the server say besides the address
    more = ""  # what else the server says

    @staticmethod
    def find():
        return "nginx"

    def configure(self):
        path = os.path.join(self.work, "nginx.conf")
        with open(path, "w") as file:
            file.write(f"""daemon off; master_process on; worker_processes auto; pid {self.work}/pid; user root;
error_log {self.work}/log error;
events {{ worker_connections 1024; }}
http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000; default_type application/octet-stream;
  client_body_temp_path {self.work}/t; proxy_temp_path {self.work}/t; fastcgi_temp_path {self.work}/t;
  uwsgi_temp_path {self.work}/t; scgi_temp_path {self.work}/t;
  server {{ listen 127.0.0.1:{self.port}{self.listening}; root {self.data}; {self.more} }} }}
""")
        with open(os.path.join(self.data, "v2"), "wb") as file:
            file.write(b"{}")
        return [self.program, "-c", path, "-e", os.path.join(self.work, "log")]

    def version(self):
        return subprocess.run([self.program, "-v"], capture_output=True, text=True).stderr.strip()


class Disk:
    """No server: what the disk itself takes, with dd and one fsync at the end."""

    name = "disk"

    @staticmethod
    def find():
        return "dd"

    def __init__(self, program, work):
        self.program, self.work = program, os.path.join(os.path.abspath(work), self.name)

    def version(self):
        return "dd bs=1M conv=fsync"

    def write(self, source):
        """Seconds to copy a file that is in the page cache."""
        begin = time.perf_counter()
        subprocess.run([self.program, "bs=1M", "conv=fsync", f"if={source}", f"of={self.work}/copy"], check=True,
                       stderr=subprocess.DEVNULL)
        return time.perf_counter() - begin

    def wipe(self):
        shutil.rmtree(self.work, ignore_errors=True)
        os.makedirs(self.work)

    def start(self):
        pass

    def stop(self):
        pass


def module_version(program):
    """Module and version of a Go program, whose own output lacks them when it is built from the module proxy."""
    built = subprocess.run(["go", "version", "-m", program], capture_output=True, text=True).stdout
    return next((" ".join(line.split()[1:3]) for line in built.splitlines() if "\tmod\t" in line), "unknown")


def available(kinds, work, wanted):
    """The servers of this machine that are wanted (all when empty), and a line for each that is missing. Who wants a
    server wants its variants too, whose names begin with its own and a comma."""
    found, missing = [], []
    for kind in kinds:
        base = kind.name.partition(",")[0]
        if wanted and kind is not Disk and base not in wanted:
            continue
        program = shutil.which(kind.find())
        if program:
            found.append(kind(os.path.abspath(program), work))
        elif base == kind.name:
            missing.append(f"{base} is not here")
    return found, missing
