"""Disks of a test's own: a file as a loop device, mounted; its power can be cut. Needs root."""

from __future__ import annotations

import ctypes
import fcntl
import os
import shutil
import struct
import subprocess
from contextlib import contextmanager

EXT4_IOC_SHUTDOWN = 0x8004587D
NO_LOG_FLUSH = 2  # what was not synced is gone, as when the power goes


def why_not():
    """Why no disk can be made here; "": it can."""
    if os.geteuid() != 0:
        return "mounting a disk needs root"
    if shutil.which("mkfs.ext4") is None:
        return "mkfs.ext4 is not installed"
    if not os.path.exists("/dev/loop-control"):
        return "this machine has no loop devices"
    return ""


class Disk:
    """An ext4 of a few MiB. Raises OSError where the machine does not let us mount it."""

    def __init__(self, place, mib=64):
        self._image, self.path = place / "disk.img", place / "disk"
        self.path.mkdir()
        with self._image.open("wb") as image:
            image.truncate(mib << 20)
        _run("mkfs.ext4", "-q", str(self._image))

    def mount(self, *options):
        """Attach it; an ext4 that lost its power is recovered from its own journal here."""
        _run("mount", "-o", ",".join(["loop", *options]), str(self._image), str(self.path))

    def unmount(self):
        """Detach it."""
        _run("umount", str(self.path))

    def cut_power(self):
        """From now on nothing reaches the disk, and nothing that was not synced is on it."""
        place = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.ioctl(place, EXT4_IOC_SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        finally:
            os.close(place)


@contextmanager
def mounted(place, mib=64):
    """A disk that is there, and gone afterwards."""
    disk = Disk(place, mib)
    disk.mount()
    try:
        yield disk
    finally:
        ctypes.CDLL(None).sync()
        subprocess.run(["umount", "-l", str(disk.path)], capture_output=True, check=False)


def _run(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"{command[0]}: {done.stderr.strip()}")
