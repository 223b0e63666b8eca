"""Measure registries side by side on this machine: `python3 bench --help`.

Every block starts each server on an empty folder, prepares it, and then measures them in turn, round by round,
so that what the machine does meanwhile falls on all of them. The order turns with each round. Results go to
OUT/results.json as they come, the report to OUT/report.md; blocks that are run later replace those that are there.
"""
import argparse
import json
import os
import shutil
import sys
import time

sys.dont_write_bytecode = True  # nothing is left in the tree but bench-out

import blocks
import buckets
import caches
import events
import hosts
import procfs
import report
import secure
import servers
import variants

ALL = blocks.ALL + secure.ALL + hosts.ALL + buckets.ALL + caches.ALL + events.ALL


def arguments():
    names = ",".join(block.name for block in ALL)
    parser = argparse.ArgumentParser(prog="bench", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help=f"comma-separated blocks of {names}")
    parser.add_argument("--servers", default="", help="comma-separated servers; all that are here otherwise")
    parser.add_argument("--rounds", type=int, default=3, help="how often each block measures each server")
    parser.add_argument("--seconds", type=int, default=5, help="how long a round of small requests lasts")
    parser.add_argument("--minute", type=int, default=60, help="seconds of load before memory is read")
    parser.add_argument("--out", default="bench-out", help="folder for results, and for all data meanwhile")
    settings = parser.parse_args()
    settings.work = os.path.join(settings.out, "work")
    return settings


def log(*words):
    print(*words, file=sys.stderr, flush=True)


def failed(server, failure, keep):
    log(f"  {server.name}: {failure}")
    keep(server.name, {"failure": " ".join(str(failure).split())[:300]})


def run(block, present, settings, keep):
    """All rounds of one block; `keep(server name, figures)` takes each."""
    taking_part = []
    try:
        for server in present:
            if server.name not in block.servers:
                continue
            taking_part.append(server)
            try:
                server.wipe()
                server.start()
                block.prepare(server)
            except Exception as failure:  # one server's failure must not lose what the others do
                failed(server, failure, keep)
                server.stop()
                taking_part.remove(server)
        for turn in range(block.rounds or settings.rounds):
            start = turn % max(len(taking_part), 1)
            for server in taking_part[start:] + taking_part[:start]:
                try:
                    if block.fresh:
                        server.stop()
                        server.wipe()
                        server.start()
                    figures = block.measure(server)
                except Exception as failure:
                    failed(server, failure, keep)
                    continue
                log(f"  {server.name}:", ", ".join(f"{key} {report.number(value)}" for key, value in figures.items()))
                keep(server.name, figures)
    finally:
        for server in taking_part:
            server.stop()
            server.wipe()


def main():
    settings = arguments()
    wanted = [name for name in settings.servers.split(",") if name]
    only = [name for name in settings.only.split(",") if name] or [block.name for block in ALL]
    unknown = set(only) - {block.name for block in ALL}
    if unknown:
        sys.exit(f"bench: there is no block called {', '.join(sorted(unknown))}")
    present, missing = servers.available(variants.KINDS + hosts.KINDS + buckets.KINDS + caches.KINDS + events.KINDS, settings.work, wanted)
    for line in missing:
        log(line)
    os.makedirs(settings.work, exist_ok=True)
    settings.calm = procfs.Calm(settings.work)
    path = os.path.join(settings.out, "results.json")
    results = {"blocks": {}, "versions": {}}
    if os.path.exists(path):
        with open(path) as file:
            results = json.load(file)
    results.update(machine=procfs.machine(), missing=missing)
    results["versions"].update((server.name, server.version()) for server in present if "," not in server.name)
    for kind in ALL:
        if kind.name not in only:
            continue
        log(f"{kind.name}: {kind.__doc__}")
        settings.calm.settle()
        result = {"when": time.strftime("%Y-%m-%d %H:%M", time.gmtime()), "what": kind.__doc__,
                  "seconds": settings.seconds, "samples": {}}
        run(kind(settings), present, settings,
            lambda name, figures: result["samples"].setdefault(name, []).append(figures))
        results["blocks"][kind.name] = result
        with open(path, "w") as file:
            json.dump(results, file, indent=1)
    shutil.rmtree(settings.work, ignore_errors=True)
    text = report.render(results)
    with open(os.path.join(settings.out, "report.md"), "w") as file:
        file.write(text)
    print(text)


main()
