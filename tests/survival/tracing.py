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


def syscalls(lives, directory):
    """How often one life makes which syscall; the folder must exist."""
    log = directory / "strace.log"
    lives.run(Venue(), directory, 0, 1, strace=["-o", str(log)])
    return Counter(re.findall(r"^(\w+)\(", log.read_text(), re.MULTILINE))


def at(name, number, what):
    """Arguments that let strace do something at the n-th call of a name: "signal=KILL"."""
    injected = f"inject={name}:{what}:when={number}"
    return ["-o", "/dev/null", "-e", f"trace={name}", "-e", injected]
