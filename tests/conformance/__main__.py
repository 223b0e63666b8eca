"""The published conformance program against a server of our own, or against the registry at SERVER_URL.

Every workflow and every kind of content that the program knows is switched on. What counts is the program's report:
its exit status is 0 when it has run nothing.
"""
import argparse
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import xml.etree.ElementTree as xml

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# What the program leaves out unless it is told; the rest is on, or off because the version has no such thing.
EVERYTHING = {"OCI_DATA_SPARSE": "true"}
# What a registry has to be told to let all of it happen.
SETTINGS = {
    "REGISTRY_STORAGE_DELETE_ENABLED": "true",
    # Manifests some of whose blobs and images were never pushed.
    "REGISTRY_VALIDATION_MANIFESTS_BLOBS_REQUIRED": "false",
    "REGISTRY_VALIDATION_MANIFESTS_INDEXES_PLATFORMS": "none",
    # Layers that lie elsewhere.
    "REGISTRY_VALIDATION_MANIFESTS_URLS_ALLOW": ".",
}
COUNTS = ("failures", "errors", "skipped", "disabled")
# The report has one word for what was skipped and for what was disabled.
LABELS = {"skipped": "left out", "failure": "failed"}


class Server:
    """Our server on an empty folder and a free port of 127.0.0.1."""

    def __init__(self, program):
        if not os.access(program, os.X_OK):
            sys.exit(f"{program} cannot be executed: run `make build` first")
        self.folder = tempfile.mkdtemp(prefix="pierhead-conformance-")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.host = f"127.0.0.1:{probe.getsockname()[1]}"
        self.url = f"http://{self.host}"
        inherited = {name: value for name, value in os.environ.items() if name != "RUST_BACKTRACE"}
        settings = SETTINGS | inherited | {
            "REGISTRY_HTTP_ADDR": self.host,
            "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY": os.path.join(self.folder, "data"),
        }
        with open(os.path.join(self.folder, "log"), "wb") as log:
            self.process = subprocess.Popen([program, "serve"], env=settings, stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)

    def __enter__(self):
        deadline = time.monotonic() + 20
        while not answers(self.url):
            if self.process.poll() is not None or time.monotonic() > deadline:
                with open(os.path.join(self.folder, "log"), encoding="utf-8", errors="replace") as log:
                    text = log.read()[-2000:]
                self.__exit__()
                raise SystemExit(f"the server does not answer:\n{text}")
            time.sleep(0.01)
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def answers(url):
    """Whether a registry is there."""
    try:
        with urllib.request.urlopen(url + "/v2/", timeout=1):
            return True
    except OSError:
        return False


def run(program, url, version, folder):
    """One run of the program; returns the root of its report."""
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    scheme, host = url.rstrip("/").split("://", 1)
    repositories = f"conformance/{os.getpid()}-{version}"
    told = EVERYTHING | {name: value for name, value in os.environ.items() if name != "OCI_CONFIGURATION"} | {
        "OCI_REGISTRY": host,
        "OCI_TLS": "disabled" if scheme == "http" else "enabled",
        "OCI_VERSION": version,
        "OCI_RESULTS_DIR": folder,
        "OCI_REPO1": f"{repositories}/one",
        "OCI_REPO2": f"{repositories}/two",
    }
    console = os.path.join(folder, "console.txt")
    with open(console, "wb") as out:
        # In a folder of its own it finds no configuration file by chance.
        subprocess.run([program], env=told, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=out, check=False)
    report = os.path.join(folder, "junit.xml")
    if not os.path.exists(report):
        with open(console, encoding="utf-8", errors="replace") as text:
            raise SystemExit(f"the program wrote no report:\n{text.read()[-2000:]}")
    return xml.parse(report).getroot()


def suite_commit(folder):
    """The commit that the program was built from, as it knows it."""
    with open(os.path.join(folder, "results.yaml"), encoding="utf-8") as results:
        found = re.search(r"^\s*commit: (\S+)$", results.read(), re.MULTILINE)
    return found[1] if found else "unknown"


def tell(version, root, commit):
    """Print what came out; returns whether nothing failed and nothing was skipped."""
    count = {name: int(root.get(name, 0)) for name in COUNTS}
    total = int(root.get("tests", 0))
    passed = total - sum(count.values())
    print(f"{version}: {passed} passed, {count['failures']} failed, {count['errors']} errors, {count['skipped']} skipped, "
          f"{count['disabled']} disabled, of {total} in {float(root.get('time', 0)):.2f} s (suite {commit})")
    for case in root.iter("testcase"):
        if case.get("status") != "passed":
            why = " ".join((case.findtext("system-out") or "").split())
            print(f"  {LABELS.get(case.get('status'), case.get('status'))}: {case.get('name')} {why[:300]}".rstrip())
    return passed > 0 and not (count["failures"] or count["errors"] or count["skipped"])


def main():
    parser = argparse.ArgumentParser(prog="conformance", description=__doc__)
    parser.add_argument("--versions", default="1.1,dev", help="of the specification (1.1,dev)")
    parser.add_argument("--out", default=os.path.join(ROOT, "target/conformance"), help="where the reports go")
    arguments = parser.parse_args()
    program = shutil.which(os.environ.get("CONFORMANCE", ""))
    if program is None:
        sys.exit("CONFORMANCE=path names the conformance program of opencontainers/distribution-spec; build it in a clone:"
                 " cd conformance && go build -buildvcs=true -o conformance .")
    program = os.path.abspath(program)
    good = []
    for version in arguments.versions.split(","):
        folder = os.path.join(os.path.abspath(arguments.out), version)
        if url := os.environ.get("SERVER_URL"):
            if not answers(url.rstrip("/")):
                sys.exit(f"SERVER_URL: nobody answers at {url}")
            root = run(program, url, version, folder)
        else:
            binary = os.environ.get("PIERHEAD") or os.path.join(ROOT, "target/release/pierhead")
            with Server(binary) as server:
                root = run(program, server.url, version, folder)
        good.append(tell(version, root, suite_commit(folder)))
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
