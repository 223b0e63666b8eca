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
    """The state that measurements begin in: nothing to be written, and memory full of cached pages that nobody needs, as on
    any machine that has been up for a day.

    On a virtual machine memory that is free for a moment goes back to the hypervisor, which makes each page anew when it is
    touched. That costs several times what is measured here, and falls on whoever comes first; so nothing is left free.
    """

    LITTLE = 400 << 20  # bytes: with no more free, pages are taken from the cache

    def __init__(self, folder):
        self.filler, self.at, self.buffer = os.path.join(folder, "filler"), 0, bytearray(1 << 20)

    def settle(self):
        """Write out what is dirty, and read a file without content until memory is full."""
        os.sync()
        size = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        with open(self.filler, "a+b", buffering=0) as filler:
            filler.truncate(size)
            for _ in range(2 * size // len(self.buffer)):  # once around, where all of it is cached, and once more
                if free_bytes() < self.LITTLE:
                    return
                filler.seek(self.at)
                self.at = (self.at + filler.readinto(self.buffer)) % size


def free_bytes():
    """Memory that holds nothing."""
    with open("/proc/meminfo") as info:
        return next(int(line.split()[1]) for line in info if line.startswith("MemFree:")) << 10


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
