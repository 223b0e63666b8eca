"""From the samples of all rounds to a page of Markdown: a table per block, and each figure beside its bound."""
from dataclasses import dataclass
from statistics import median

OURS = "pierhead"
BOTH = ("zot", "distribution")
WITH_REFERRERS = ("zot", "olareg")
SAME = 1.1  # what two measurements of the same memory may differ by


@dataclass
class Figure:
    """A bound on one number of ours: absolute, or relative to the best of `peers`, or to our own `than`. Without one it
    is only told."""

    what: str
    block: str
    key: str
    bound: float | None
    peers: tuple = ()
    lower: bool = False  # the number should be small
    ours: str = OURS
    than: str | None = None
    reach: float | None = None  # what would be better still


FIGURES = (
    Figure("GET manifest by tag, req/s", "manifest", "req/s", 2, ("zot",), reach=3),
    Figure("GET blob of 1 kB, req/s", "blob", "req/s", 2, BOTH),
    Figure("HEAD manifest, req/s", "head-manifest", "req/s", 2, BOTH),
    Figure("HEAD blob, req/s", "head-blob", "req/s", 2, BOTH),
    Figure("tags, 100 of 1,000, req/s", "tags", "req/s", 10, BOTH),
    Figure("GET 512 MiB, CPU-s/GB", "download", "CPU-s/GB", 0.75, ("zot",), lower=True),
    Figure("GET 512 MiB, CPU-s/GB beside sendfile", "download", "CPU-s/GB", 1.3, ("nginx",), lower=True),
    Figure("GET 512 MiB, GB/s", "download", "GB/s", 1, BOTH),
    Figure("GET 512 MiB by 4, GB/s", "download", "4 clients GB/s", 1, BOTH),
    Figure("PUT 512 MiB, fsync on, s", "upload", "s", 0.8, ("distribution",), lower=True),
    Figure("PUT 512 MiB, fsync on, CPU-s/GB", "upload", "CPU-s/GB", 0.7, ("distribution",), lower=True),
    Figure("PUT 512 MiB, fsync off, s", "upload", "s", 0.75, ("zot",), lower=True, ours="pierhead, fsync off"),
    Figure("PUT 512 MiB, fsync on, s, beside dd", "upload", "s", None, ("disk",), lower=True),
    Figure("images of 1 MiB pushed per s", "images", "pushed/s", 1.5, BOTH),
    Figure("images of 1 MiB pulled per s", "images", "pulled/s", 1.5, BOTH),
    Figure("p99 of GET manifest beside pushes, ms", "latency", "p99 ms", 0.5, BOTH, lower=True),
    Figure("memory, idle, MiB", "memory", "idle MiB", 36, lower=True),
    Figure("memory, a waiting upload, KiB", "memory", "KiB per upload", 256, lower=True),
    Figure("memory, peak of 32 pushes of 64 MiB, MiB", "memory", "32 pushes peak MiB", 64, lower=True),
    Figure("memory, after a minute of small requests, MiB", "memory", "after a minute MiB", 64, lower=True),
    Figure("catalogue, first 100 of 10,000, ms", "catalog", "first ms", 0.4, ("distribution",), lower=True),
    Figure("catalogue, last 100 of 10,000, ms", "catalog", "last ms", 1.2, lower=True, than="first ms"),
    Figure("catalogue, all 10,000, ms", "catalog", "all ms", 0.25, ("distribution",), lower=True),
    Figure("catalogue, peak at 10,000, MiB", "catalog", "peak at 10,000 MiB", SAME, lower=True, than="peak at 100 MiB"),
    Figure("tags, first 100 of 10,000, ms", "tags10k", "first ms", 0.2, BOTH, lower=True),
    Figure("tags, middle 100 of 10,000, ms", "tags10k", "middle ms", 0.2, BOTH, lower=True),
    Figure("tags, last 100 of 10,000, ms", "tags10k", "last ms", 0.2, BOTH, lower=True),
    Figure("tags, peak at 10,000, MiB", "tags10k", "peak at 10,000 MiB", SAME, lower=True, than="peak at 100 MiB"),
    Figure("referrers, first page just after a push, ms", "referrers", "just pushed ms", 0.5, WITH_REFERRERS, lower=True),
    Figure("referrers, first page of 1,000, ms", "referrers", "first ms", 0.5, WITH_REFERRERS, lower=True),
    Figure("referrers, all 1,000, ms", "referrers", "all ms", None, WITH_REFERRERS, lower=True),
    Figure("referrers, push of the 1,001st, ms", "referrers", "1,001st push ms", 1.5, lower=True, than="1st push ms"),
    *(Figure(f"garbage of 1,000 images collected, {key}", "garbage", key, None, ("distribution",), lower=True)
      for key in ("s", "CPU-s", "peak MiB")),
    *(Figure(f"in a bucket, {what}", block, key, None, ("distribution, bucket",), lower=lower, ours="pierhead, bucket")
      for what, block, key, lower in (
        ("GET manifest by tag, req/s", "bucket-manifest", "req/s", False),
        ("GET blob of 1 kB, req/s", "bucket-blob", "req/s", False),
        ("GET 512 MiB, GB/s", "bucket-download", "GB/s", False),
        ("GET 512 MiB, CPU-s/GB", "bucket-download", "CPU-s/GB", True),
        ("PUT 512 MiB, s", "bucket-upload", "s", True),
        ("PUT 512 MiB, CPU-s/GB", "bucket-upload", "CPU-s/GB", True),
        ("32 pushes of 64 MiB, s", "bucket-memory", "s", True),
        ("peak of 32 pushes of 64 MiB, MiB", "bucket-memory", "peak MiB", True),
        ("garbage of 1,000 images collected, s", "bucket-garbage", "s", True),
        ("garbage of 1,000 images collected, CPU-s", "bucket-garbage", "CPU-s", True),
        ("garbage of 1,000 images collected, peak MiB", "bucket-garbage", "peak MiB", True))),
    *(Figure(f"through a cache, {what}", block, key, None, ("distribution, cache",), lower=lower, ours="pierhead, cache")
      for what, block, key, lower in (
        ("GET manifest by tag, req/s", "cache-manifest", "req/s", False),
        ("GET blob of 1 kB, req/s", "cache-blob", "req/s", False),
        ("new 256 MiB, s", "cache-download", "cold s", True),
        ("new 256 MiB, CPU-s", "cache-download", "cold CPU-s", True),
        ("new 256 MiB for 8 at once, s", "cache-download", "8 clients cold s", True),
        ("new 256 MiB for 8 at once, CPU-s", "cache-download", "8 clients cold CPU-s", True),
        ("new 256 MiB for 8 at once, peak MiB", "cache-download", "8 clients cold peak MiB", True),
        ("256 MiB once more, s", "cache-download", "warm s", True))),
    *(Figure(f"with events, {what}", "events", key, None, ("distribution, events",), lower=lower, ours="pierhead, events")
      for what, key, lower in (
        ("GET manifest by tag, req/s", "req/s", False),
        ("GET manifest by tag, CPU us", "CPU us", True),
        ("events taken, 1/s", "told/s", False),
        ("peak MiB", "peak MiB", True))),
    Figure("start, exec to the first 200, ms", "start", "ms", 1, ("distribution",), lower=True),
    Figure("start with a full configuration, ms", "start", "ms", 1.3, (OURS,), lower=True,
           ours="pierhead, full configuration"),
    Figure("start with a full configuration, less a request, ms", "start", "without a request ms", None, (OURS,), lower=True,
           ours="pierhead, full configuration"),
    *(Figure(f"GET manifest with a password, cost {cost}, req/s", "basic", "req/s", bound, peers, ours=f"pierhead, cost {cost}")
      for cost in (10, 12)
      for bound, peers in ((0.8, (OURS,)), (200, tuple(f"{name}, cost {cost}" for name in BOTH)))),
    *(Figure(f"GET manifest with {what}, req/s", "bearer", "req/s", 0.8, (OURS,), ours=ours)
      for what, ours in (("a token of our own", "pierhead, own token"), ("a token of others", "pierhead, token"))),
    Figure("p99 of GET manifest beside 200 logins, ms", "logins", "p99 ms", 2, lower=True, ours="pierhead, cost 12",
           than="alone p99 ms"),
    *(Figure(what, "tls", key, bound, ("nginx, TLS",), lower=lower, ours="pierhead, TLS") for what, key, bound, lower in (
        ("TLS 1.3, GET 512 MiB, CPU-s/GB", "CPU-s/GB", 1.15, True),
        ("TLS 1.3, HTTP/2, GET 512 MiB, CPU-s/GB", "HTTP/2 CPU-s/GB", None, True),
        ("TLS 1.3, new connections per s", "new/s", 0.8, False),
        ("TLS 1.3, resumed connections per s", "resumed/s", 0.8, False))),
    Figure("wasmtime serve, store-fs, GET manifest, req/s", "hosts-manifest", "req/s", None, ("wasmtime bare",),
           ours="wasmtime fs", reach=0.4),
    Figure("wasmtime serve, store-fs, GET 512 MiB, GB/s", "hosts-download", "GB/s", 1, ("wasmtime bare",), ours="wasmtime fs"),
    Figure("Spin, SQLite, GET manifest, req/s", "hosts-manifest", "req/s", None, ("spin bare",), ours="spin sqlite", reach=0.4),
    Figure("Spin, SQLite, GET 512 MiB, GB/s", "hosts-download", "GB/s", 0.7, ("spin bare",), ours="spin sqlite"),
    Figure("Spin, SQLite, PUT 512 MiB, s", "hosts-upload", "POST+PUT s", 1 / 0.7, ("spin bare",), ours="spin sqlite", lower=True),
    Figure("Spin, SQLite, PUT 512 MiB, chunked, s", "hosts-upload", "s", 1 / 0.7, ("spin bare",), ours="spin sqlite", lower=True),
    *(Figure(f"{host}, store-s3, GET 512 MiB, {key}", "hosts-download", key, bound, peers, lower=not peers, ours=ours)
      for host, ours in (("wasmtime serve", "wasmtime s3"), ("Spin", "spin s3"))
      for key, bound, peers in (("GB/s", 0.8, ("versitygw",)), ("CPU-s/GB", 0.45, ()))),
    Figure("wasmtime serve, store-fs, start, ms", "hosts-start", "ms", None, ours="wasmtime fs"),
    Figure("wasmtime serve, store-s3, start, ms", "hosts-start", "ms", None, ours="wasmtime s3"),
)

# Beside the median, the least: what the machine does meanwhile can only add to these.
WITH_LEAST = ("CPU us", "CPU ms", "CPU-s/GB")


def number(value):
    """Three significant digits at least, thousands parted."""
    if isinstance(value, str):
        return value
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"


def values(results, block, server, key):
    """What all rounds measured."""
    samples = results["blocks"].get(block, {}).get("samples", {}).get(server, [])
    return [sample[key] for sample in samples if key in sample]


def render(results):
    parts = ["# Side by side", "", results["machine"] + ". Servers and load generators share the machine.", ""]
    parts += [f"* {name}: {version}" for name, version in results["versions"].items()]
    parts += [f"* {line}" for line in results["missing"]]
    parts += ["", "## Figures", "", "| figure | ours | theirs | ratio | bound | |", "|---|---|---|---|---|---|"]
    parts += [row for row in (figure_row(results, figure) for figure in FIGURES) if row]
    for name, block in results["blocks"].items():
        parts += ["", f"## {name}", "", f"{block['what']}. Medians of the rounds; {block['when']} UTC."
                  " In parentheses the least.", ""]
        parts += block_table(results, name, block)
    return "\n".join(parts) + "\n"


def figure_row(results, figure):
    ours = values(results, figure.block, figure.ours, figure.key)
    if not ours:
        return None
    ours = median(ours)
    if figure.than:
        return compared(figure, ours, figure.than, median(values(results, figure.block, figure.ours, figure.than)))
    if not figure.peers:
        if figure.bound is None:
            return f"| {figure.what} | {number(ours)} | | | | |"
        met = ours <= figure.bound
        return f"| {figure.what} | {number(ours)} | | | ≤ {figure.bound} | {verdict(met)} |"
    peers = [(median(found), name) for name in figure.peers
             if (found := values(results, figure.block, name, figure.key))]
    if not peers:
        return f"| {figure.what} | {number(ours)} | not measured | | | |"
    best, name = min(peers) if figure.lower else max(peers)
    return compared(figure, ours, name, best)


def compared(figure, ours, name, theirs):
    """The row of a figure that is relative to `theirs`, which is called `name`."""
    ratio = ours / theirs
    row = f"| {figure.what} | {number(ours)} | {name} {number(theirs)} | {ratio:.2f} |"
    reach = f", reach {figure.reach}" if figure.reach else ""
    if figure.bound is None:
        return f"{row} {reach.removeprefix(', ')} | |"
    sign = "≤" if figure.lower else "≥"
    met = ratio <= figure.bound if figure.lower else ratio >= figure.bound
    return f"{row} {sign} {figure.bound} x{reach} | {verdict(met)} |"


def verdict(met):
    return "met" if met else "**not met**"


def block_table(results, name, block):
    keys = list(dict.fromkeys(key for samples in block["samples"].values() for sample in samples for key in sample
                              if key != "failure"))
    lines = ["| | " + " | ".join(keys) + " |", "|---" * (len(keys) + 1) + "|"]
    for server, samples in block["samples"].items():
        cells = [cell(values(results, name, server, key), key) for key in keys]
        lines.append(f"| {server} | " + " | ".join(cells) + " |")
        lines += [f"| | failed: {sample['failure']} |" for sample in samples if "failure" in sample]
    return lines


def cell(found, key):
    if not found:
        return ""
    text = number(median(found))
    return f"{text} ({number(min(found))})" if key.endswith(WITH_LEAST) else text
