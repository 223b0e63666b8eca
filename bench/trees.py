"""Lists of thousands, written to the disk: one repository or tag that the server itself stored, copied.

A push of ten thousand takes minutes on each server. What is copied is what the server wrote for the first of them, file
by file, so its tree is the one that as many pushes would have left. Use these while the server is stopped.
"""
import copy
import json
import os
import shutil

DISTRIBUTION = "docker/registry/v2/repositories"


def repeat_repository(root, source, names):
    """Copies of the repository `source`."""
    shared = os.path.join(root, DISTRIBUTION)
    if os.path.isdir(shared):
        root, each = shared, shutil.copy2
    else:
        each = copy_or_link  # zot keeps a blob of two repositories once, by a hard link
    for name in names:
        shutil.copytree(os.path.join(root, source), os.path.join(root, name), copy_function=each)


def copy_or_link(source, target):
    (os.link if "/blobs/" in source else shutil.copy2)(source, target)


def repeat_tag(root, repository, source, names):
    """More tags of the manifest that the tag `source` names."""
    tags = os.path.join(root, DISTRIBUTION, repository, "_manifests/tags")
    if os.path.isdir(tags):
        for name in names:
            shutil.copytree(os.path.join(tags, source), os.path.join(tags, name))
        return
    path = os.path.join(root, repository, "index.json")
    with open(path) as file:
        index = json.load(file)
    reference = "org.opencontainers.image.ref.name"
    tagged = next(entry for entry in index["manifests"] if entry["annotations"][reference] == source)
    for name in names:
        entry = copy.deepcopy(tagged)
        entry["annotations"][reference] = name
        index["manifests"].append(entry)
    with open(path, "w") as file:
        json.dump(index, file, separators=(",", ":"))
