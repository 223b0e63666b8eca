"""Small images by the thousand: one layer of 1 MiB each, no two alike."""
import hashlib
import json
import os

import client

HEAD = 32
PULL = "paths"  # the name of the list for pull.lua


class Batch:
    """`count` new images for push.lua. Their layers differ in the first bytes and share the rest."""

    def __init__(self, folder, count):
        os.makedirs(folder, exist_ok=True)
        self.list, self.common = os.path.join(folder, "images"), os.path.join(folder, "common")
        common = os.urandom(client.MIB - HEAD)
        with open(self.common, "wb") as file:
            file.write(common)
        self.folder = folder
        tail = os.urandom(8).hex()
        self.images = [self.image(number, common, tail) for number in range(count)]
        with open(self.list, "w") as file:
            for fields in self.images:
                file.write("\t".join(fields) + "\n")

    @staticmethod
    def image(number, common, tail):
        head = os.urandom(HEAD)
        hashing = hashlib.sha256(head)
        hashing.update(common)
        layer = "sha256:" + hashing.hexdigest()
        config = json.dumps({"architecture": "amd64", "os": "linux", "comment": f"{number} {tail}"})
        config_digest = client.digest_of(config.encode())
        manifest = client.manifest_of((config_digest, len(config)), [(layer, client.MIB)])
        return (f"bench/images-{number % 20:02d}", f"v{number}-{tail}", head.hex(), layer, config, config_digest,
                manifest.decode())

    def push(self, server):
        """Push them one after another, and write the list of their paths for pull.lua."""
        registry = client.Client(server)
        with open(self.common, "rb") as file:
            common = file.read()
        for repository, tag, head, _, config, _, manifest in self.images:
            registry.push_blob(repository, bytes.fromhex(head) + common)
            registry.push_blob(repository, config.encode())
            registry.push_manifest(repository, tag, manifest.encode())

        with open(os.path.join(self.folder, PULL), "w") as file:
            for repository, tag, _, layer, _, config_digest, _ in self.images:
                file.write(f"/v2/{repository}/manifests/{tag}\t/v2/{repository}/blobs/{config_digest}\t"
                           f"/v2/{repository}/blobs/{layer}\n")
