"""Where the processes of one user meet: files in a folder that is nobody else's.

One publisher per address: a lock file beside it says whose it is, and goes with its process.
(Two sockets could bind one ipc file, and the second would silently take it from the first.)
"""

from __future__ import annotations

import fcntl
import os
import stat
from pathlib import Path

from millstream.errors import ConfigError

LONGEST_PATH = 107  # what the system allows for the name of a socket


def default_root() -> Path:
    """This user's own runtime folder."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime:
        return Path(runtime) / "millstream"
    return Path(f"/tmp/millstream-{os.getuid()}")


def prepare_root(root: Path) -> Path:
    """Make the folder, for its owner alone. Raises ConfigError when somebody else could write."""
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = root.lstat()
    except OSError as error:
        raise ConfigError(f"ipc_root: cannot make {root}: {error.strerror}") from None
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise ConfigError(f"ipc_root: {root} is not a folder of yours; name another")
    if found.st_mode & 0o022:
        raise ConfigError(
            f"ipc_root: others may write in {root}, and could speak for your processes; "
            f'run "chmod 700 {root}" or name another folder'
        )
    return root


def socket_path(root: Path, name: str) -> Path:
    """The file of an address; raises ConfigError when the system could not name a socket so."""
    path = root / f"{name}.ipc"
    if len(os.fsencode(path)) > LONGEST_PATH:
        raise ConfigError(
            f"ipc_root: {path} is longer than the {LONGEST_PATH} bytes a socket's name may have; "
            "name a shorter folder"
        )
    return path


class Claim:
    """The right to publish at an address; given up by `release`, or with the process."""

    def __init__(self, path: Path, what: str) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            owner = os.pread(self._file, 20, 0).decode(errors="replace").strip()
            os.close(self._file)
            raise ConfigError(
                f"{what} is published by another already (process {owner or 'unknown'}, at "
                f"{path}): there is one publisher per address; stop it, or subscribe to it"
            ) from None
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        """Give it up."""
        os.close(self._file)
