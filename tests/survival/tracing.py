"""Whether strace may be used here, and what a life asks of the system."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter

from tests.survival.harness import Venue


def why_not():
    """Why no process can be traced here; "": it can."""
    if shutil.which("strace") is None:
        return "strace is not installed"
    tried = subprocess.run(["strace", "-o", "/dev/null", "true"], capture_output=True, check=False)
    return "" if tried.returncode == 0 else "strace may not trace here"


def syscalls(lives, directory, session=0, venue=None, **life):
    """How often one life makes which syscall: of its threads, the one that makes it most often.

    The folder must exist.
    """
    log = directory / "strace.log"
    lives.run(venue or Venue(), directory, session, 1, strace=["-f", "-o", str(log)], **life)
    # "7 write(": a thread's number is there once there are several, and padded.
    found = Counter(re.findall(r"^((?:\d+ +)?)(\w+)\(", log.read_text(), re.MULTILINE))
    return {
        name: max(count for (_, other), count in found.items() if other == name)
        for _, name in found
    }


def at(name, number, what):
    """Arguments that let strace do something at the n-th call of a name: "signal=KILL"."""
    injected = f"inject={name}:{what}:when={number}"
    return ["-f", "-o", "/dev/null", "-e", f"trace={name}", "-e", injected]
