"""A small registry client (standard library and curl), and the content that the blocks push with it."""
import hashlib
import http.client
import json
import os
import subprocess
import tempfile
from urllib.parse import urljoin, urlsplit

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
MIB = 1 << 20


class Client:
    """One kept-alive connection to a registry, which says on each request what the server wants to hear. Not for use by
    two threads."""

    def __init__(self, server, headers=None):
        self.url, self.headers = server.url + "/", headers or server.headers
        parts = urlsplit(server.url)
        if server.context:
            self.connection = http.client.HTTPSConnection(parts.hostname, parts.port, timeout=120, context=server.context)
        else:
            self.connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=120)

    def request(self, method, url, expected, body=None, headers=None):
        """Headers and body of the answer, whose status must be `expected`. `url` is absolute or a path."""
        parts = urlsplit(urljoin(self.url, url))
        target = parts.path + ("?" + parts.query if parts.query else "")
        self.connection.request(method, target, body=body, headers=self.headers | (headers or {}))
        answer = self.connection.getresponse()
        content = answer.read()
        if answer.status != expected:
            raise RuntimeError(f"{method} {target}: {answer.status} instead of {expected}: {content[:300]!r}")
        return answer.headers, content

    def start_upload(self, repository):
        """The absolute location of a new upload."""
        headers, _ = self.request("POST", f"/v2/{repository}/blobs/uploads/", 202, headers={"Content-Length": "0"})
        return urljoin(self.url, headers["Location"])

    def finish_upload(self, location, digest, body=b""):
        """The closing PUT; `location` may be relative."""
        self.request("PUT", with_digest(urljoin(self.url, location), digest), 201, body=body,
                     headers={"Content-Type": "application/octet-stream", "Content-Length": str(len(body))})

    def push_blob(self, repository, content):
        """POST and PUT of a small blob; returns its descriptor's digest and size."""
        self.finish_upload(self.start_upload(repository), digest_of(content), content)
        return digest_of(content), len(content)

    def push_manifest(self, repository, reference, manifest):
        """PUT of manifest bytes by tag."""
        self.request("PUT", f"/v2/{repository}/manifests/{reference}", 201, body=manifest,
                     headers={"Content-Type": MANIFEST})


def digest_of(content):
    """The sha256 digest of bytes."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def with_digest(location, digest):
    """An upload's location with the digest that closes it."""
    return location + ("&" if "?" in location else "?") + "digest=" + digest


def manifest_of(config, layers, annotations=None):
    """An image manifest's bytes; `config` and `layers` are pairs of digest and size."""
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST,
                "config": {"mediaType": CONFIG, "digest": config[0], "size": config[1]},
                "layers": [{"mediaType": LAYER, "digest": digest, "size": size} for digest, size in layers]}
    if annotations:
        manifest["annotations"] = annotations
    return json.dumps(manifest, separators=(",", ":")).encode()


class BigFile:
    """A file of random bytes whose head can be changed, so that every push of it is new to the registry."""

    def __init__(self, path, mib):
        self.path, self.size = path, mib * MIB
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if not os.path.exists(path) or os.path.getsize(path) != self.size:
            with open(path, "wb") as file:
                for _ in range(mib):
                    file.write(os.urandom(MIB))
        self.digest = None
        self.renew()

    def renew(self):
        """New first bytes, and the digest that follows from them."""
        with open(self.path, "r+b") as file:
            file.write(os.urandom(32))
        with open(self.path, "rb") as file:
            self.digest = "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()


def curl(*arguments):
    """Run curl; its output, or an error that says what the server answered."""
    run = subprocess.run(["curl", "-sS", "--fail-with-body", *arguments], capture_output=True, text=True)
    if run.returncode:
        raise RuntimeError(f"curl: {run.stderr.strip()} {run.stdout[:300]}")
    return run.stdout


def push_file(server, repository, file, chunked):
    """Upload a `BigFile`: POST, PATCH with an unknown length and PUT as docker does, or POST and PUT."""
    client = Client(server)
    location = client.start_upload(repository)
    common = [*for_curl(server), "-o", "/dev/null", "-H", "Content-Type: application/octet-stream", "-H", "Expect:", "-T", file.path]
    if not chunked:
        curl("-X", "PUT", *common, with_digest(location, file.digest))
        return
    with tempfile.NamedTemporaryFile("r") as headers:
        curl("-X", "PATCH", *common, "-H", "Transfer-Encoding: chunked", "-D", headers.name, location)
        for line in headers:
            if line.lower().startswith("location:"):
                location = line.split(":", 1)[1].strip()
    client.finish_upload(location, file.digest)


def pull_to_nowhere(server, path, size, *options):
    """Download and forget; seconds by curl's clock."""
    said = curl(*for_curl(server), *options, "-o", "/dev/null", "-w", "%{time_total} %{size_download}", server.url + path)
    seconds, got = said.split()
    if int(got) != size:
        raise RuntimeError(f"{server.name} {path}: {got} bytes instead of {size}")
    return float(seconds)


def for_curl(server):
    """What curl has to know of a server."""
    trust = ["--cacert", server.trust] if server.trust else []
    return trust + [word for name, value in server.headers.items() for word in ("-H", f"{name}: {value}")]
