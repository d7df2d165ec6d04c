"""Robot classes from where they are written, and a hash of that place."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import linecache
import sys
from pathlib import Path
from types import ModuleType

import msgspec

from millstream.errors import ConfigError, RobotError
from millstream.robot.guard import questions_to_the_world
from millstream.robot.raised import raised
from millstream.robot.robot import Robot


def load_robot(class_path: str) -> type[Robot]:
    """The robot class at "package.module:Class" or "folder/file.py:Class".

    Raises ConfigError saying what is wrong with the path or with the code behind it.
    """
    place, _, class_name = class_path.rpartition(":")
    if not place or not class_name:
        raise _no_robot(class_path)
    try:
        module = _module_of_file(place) if place.endswith(".py") else importlib.import_module(place)
        found = getattr(module, class_name, None)
    except (Exception, SystemExit) as error:  # whatever a user's module raises, or that it ends
        raise ConfigError(
            f'cannot import robot "{class_path}": {type(error).__name__}: {error}'
        ) from error
    if not (isinstance(found, type) and issubclass(found, Robot)):
        raise _no_robot(class_path)
    return found


def _no_robot(class_path: str) -> ConfigError:
    return ConfigError(
        f'"{class_path}" is not a robot class; write "package.module:Class" or '
        '"folder/file.py:Class" for a class that inherits millstream.Robot'
    )


def code_hash(robot: type[Robot], parameters: msgspec.Struct | None = None) -> str:
    """16 hex digits that change when a line changes in a file that defines the robot's behaviour.

    Covers the module of every class the robot inherits, up to and without `Robot` itself, and the
    other files that it names for these parameters. Raises RobotError when it cannot name them.
    """
    digest = hashlib.blake2b(digest_size=8)
    for ancestor in robot.__mro__:
        if ancestor is Robot or not issubclass(ancestor, Robot):
            continue
        try:
            digest.update(Path(inspect.getfile(ancestor)).read_bytes())
        except (OSError, TypeError):  # written at a prompt: there is no file to hash
            digest.update(ancestor.__qualname__.encode())
    for path in _other_files(robot, parameters):
        try:
            digest.update(path.read_bytes())
        except OSError:
            digest.update(b"this file is gone")
    return digest.hexdigest()


def check_robot(robot: type[Robot], parameters: msgspec.Struct | None = None) -> None:
    """Raise RobotError when a file of the robot's asks the world something, or cannot be named.

    Reads them, only.
    """
    for path in [*_own_file(robot), *_other_files(robot, parameters)]:
        try:
            findings = questions_to_the_world(path.read_text(encoding="utf-8"))
        except (OSError, SyntaxError, ValueError):
            continue  # whoever loads it says what is wrong with it
        if findings:
            more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
            raise RobotError(
                f"{path.name}, {findings[0]}{more}. A replay would differ; if you know better, "
                'set "unguarded": true for this robot'
            )


def _own_file(robot: type[Robot]) -> list[Path]:
    try:
        return [Path(inspect.getfile(robot))]
    except (OSError, TypeError):
        return []  # written at a prompt


def _other_files(robot: type[Robot], parameters: msgspec.Struct | None) -> list[Path]:
    if parameters is None:
        return []
    try:
        return [Path(file) for file in robot.other_files(parameters)]
    except Exception as error:  # a robot's code may raise anything, and answer anything
        raise RobotError(
            f"{robot.__name__}.other_files() must answer names of files: {raised(error)}"
        ) from error


def source_file(robot: type[Robot]) -> str:
    """The file name of the robot's source, without its folder; "" when it has none."""
    try:
        return Path(inspect.getfile(robot)).name
    except (OSError, TypeError):
        return ""


def _module_of_file(place: str) -> ModuleType:
    path = Path(place).resolve()
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not Python")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # so that the robot's own class finds its file again
    linecache.checkcache(str(path))
    spec.loader.exec_module(module)
    return module
