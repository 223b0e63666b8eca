"""What a server process has used, read from /proc: CPU time and memory of it and its descendants."""
import contextlib
import os


def tree(pid):
    """`pid` and all its descendants: nginx has workers, others may fork."""
    children = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{entry}/stat") as stat:
                parent = int(stat.read().rsplit(")", 1)[1].split()[1])
                children.setdefault(parent, []).append(int(entry))
    found, to_visit = [], [pid]
    while to_visit:
        found.append(to_visit.pop())
        to_visit += children.get(found[-1], [])
    return found


def cpu_seconds(pid):
    """User and system time of the process tree."""
    ticks = 0
    for member in tree(pid):
        with contextlib.suppress(OSError), open(f"/proc/{member}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def memory_mib(pid, field="VmRSS"):
    """`VmRSS` (resident now) or `VmHWM` (its peak), summed over the process tree."""
    kib = 0
    for member in tree(pid):
        with contextlib.suppress(OSError), open(f"/proc/{member}/status") as status:
            kib += sum(int(line.split()[1]) for line in status if line.startswith(field + ":"))
    return kib / 1024


def reset_peak(pid):
    """Let `VmHWM` start again from what is resident now."""
    for member in tree(pid):
        with contextlib.suppress(OSError), open(f"/proc/{member}/clear_refs", "w") as clear:
            clear.write("5")


class Calm:
    """The state that measurements begin in: nothing to be written, the page cache empty, and memory at hand.

    On a virtual machine memory that is free for a moment goes back to the hypervisor, which makes each page anew when it is
    touched. That costs several times what is measured here and falls on whoever comes first. So just before something is
    measured that fills memory, a file fills as much, and is removed before it gets to the disk.
    """

    NEEDED = 1 << 30

    def __init__(self, folder):
        self.filler = os.path.join(folder, "filler")

    def settle(self):
        """Write out what is dirty and drop the page cache, so that no measurement pays for the one before it."""
        os.sync()
        with contextlib.suppress(OSError), open("/proc/sys/vm/drop_caches", "w") as caches:
            caches.write("1\n")

    def warm(self):
        """Have memory at hand, for a moment."""
        zeros = bytes(1 << 20)
        with open(self.filler, "wb", buffering=0) as filler:
            for _ in range(self.NEEDED >> 20):
                filler.write(zeros)
        os.unlink(self.filler)


def machine():
    """One line: processor, cores, memory, kernel."""
    model = "unknown processor"
    with open("/proc/cpuinfo") as info:
        for line in info:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return f"{os.cpu_count()} x {model}, {pages / 2**30:.0f} GiB, Linux {os.uname().release}"
