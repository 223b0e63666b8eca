"""Registries that keep their content in a bucket, each in one of its own behind a versitygw of its own."""
import contextlib
import os

import blocks
import garbage
import hosts
import servers

PAIR = ("pierhead, bucket", "distribution, bucket")


class Gateway(hosts.Versitygw):
    """Keeps connections, as S3 does."""

    def configure(self):
        program, *rest = super().configure()
        return [program, "--keep-alive", *rest]


class InBucket(hosts.InBucket):
    """A server that a file tells of its bucket. Clients get all of it from the server."""

    gateway_of = Gateway

    def settings(self):
        settings = super(hosts.InBucket, self).settings()
        place = {"accesskey": Gateway.access, "secretkey": Gateway.secret, "region": "us-east-1",
                 "regionendpoint": self.gateway.url, "bucket": Gateway.bucket, "forcepathstyle": True}
        return settings | {"storage": {"s3": place, "redirect": {"disable": True}}}


class Pierhead(InBucket, servers.Pierhead):
    name = PAIR[0]


class Distribution(InBucket, servers.Distribution):
    name = PAIR[1]


class Manifest(blocks.Manifest):
    """GET of a manifest of 1.5 kB by tag, of a registry whose content is in a bucket"""

    name, servers = "bucket-manifest", PAIR


class Blob(blocks.Blob):
    """GET of a blob of 1 kB, of a registry whose content is in a bucket"""

    name, servers = "bucket-blob", PAIR


class Download(blocks.Download):
    """GET of a blob of 512 MiB in a bucket, three times by one client, then by four at once"""

    name, servers = "bucket-download", PAIR


class Upload(blocks.Upload):
    """Push of 512 MiB of new bytes into a bucket: POST, PATCH (chunked), PUT; and POST, PUT"""

    name, servers = "bucket-upload", PAIR


class Memory(blocks.Memory):
    """32 pushes of 64 MiB at once into a bucket"""

    name, servers = "bucket-memory", PAIR

    def measure(self, server):
        before = server.cpu()
        seconds = self.push_together(server)
        return {"s": seconds, "CPU-s": server.cpu() - before, "peak MiB": server.peak()}


class Garbage(garbage.Garbage):
    """`garbage-collect` in a bucket where 500 of 1,000 images of four small blobs were removed by hand, with no server"""

    name, servers = "bucket-garbage", PAIR

    @staticmethod
    def data(server):
        return os.path.join(server.gateway.data, Gateway.bucket)

    @staticmethod
    @contextlib.contextmanager
    def serving(server):
        server.gateway.start()
        try:
            yield
        finally:
            server.gateway.stop()


KINDS = (Pierhead, Distribution)
ALL = (Manifest, Blob, Download, Upload, Memory, Garbage)
