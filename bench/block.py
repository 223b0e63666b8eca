"""What every block has in common."""

REGISTRIES = ("pierhead", "zot", "distribution", "docker-registry")


class Block:
    """One thing to measure. `settings` holds seconds, work (a scratch folder), calm (`procfs.Calm`), minute (seconds of a minute)."""

    name = ""
    servers = REGISTRIES
    rounds = None  # unless the command line says otherwise
    fresh = False  # start each server anew before each measurement

    def __init__(self, settings):
        self.settings = settings

    def prepare(self, server):
        """Push what will be asked for."""

    def measure(self, server):
        """One round on one server: a dict of numbers."""
        raise NotImplementedError
