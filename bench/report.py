"""From the samples of all rounds to a page of Markdown: a table per block, and each figure beside its bound."""
from dataclasses import dataclass
from statistics import median

OURS = "pierhead"
BOTH = ("zot", "distribution")


@dataclass
class Figure:
    """A bound on one number of ours: absolute, or relative to the best of `peers`. Without one it is only told."""

    what: str
    block: str
    key: str
    bound: float | None
    peers: tuple = ()
    lower: bool = False  # the number should be small
    ours: str = OURS
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
    Figure("start, exec to the first 200, ms", "start", "ms", 1, ("distribution",), lower=True),
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
    sign = "≤" if figure.lower else "≥"
    if not figure.peers:
        met = ours <= figure.bound
        return f"| {figure.what} | {number(ours)} | | | {sign} {figure.bound} | {verdict(met)} |"
    peers = [(median(found), name) for name in figure.peers
             if (found := values(results, figure.block, name, figure.key))]
    if not peers:
        return f"| {figure.what} | {number(ours)} | not measured | | | |"
    best, name = min(peers) if figure.lower else max(peers)
    ratio = ours / best
    if figure.bound is None:
        return f"| {figure.what} | {number(ours)} | {name} {number(best)} | {ratio:.2f} | | |"
    met = ratio <= figure.bound if figure.lower else ratio >= figure.bound
    bound = f"{sign} {figure.bound} x" + (f", reach {figure.reach}" if figure.reach else "")
    return f"| {figure.what} | {number(ours)} | {name} {number(best)} | {ratio:.2f} | {bound} | {verdict(met)} |"


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
