"""Service classes by the name a configuration gives them."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import cast

from millstream.errors import ConfigError, did_you_mean
from millstream.service.base import ServiceBase


def find_service(
    class_name: str, modules: Sequence[str], folder: Path, where: str
) -> type[ServiceBase]:
    """The class that `class_name` means.

    "package.module:Class" and "file.py:Class" say where it is. A plain "Class" is looked up in
    `modules` (each a module or a file); without any, in the Python files of `folder`, where the
    configuration lies: one of them has to define it. Files are named from that folder.
    Raises ConfigError beginning with `where`.
    """
    place, _, name = class_name.rpartition(":")
    if place:
        places = [place]
    elif modules:
        places = list(modules)
    else:
        places = [str(path) for path in sorted(folder.glob("*.py")) if name in _classes(path)]
        if len(places) != 1:
            raise ConfigError(_none_or_many(name, places, folder, where))
    loaded = [_module(place, folder, where) for place in places]
    for module in loaded:
        found = getattr(module, name, None)
        if _is_service(found):
            return cast("type[ServiceBase]", found)
    services = [
        key for module in loaded for key, value in vars(module).items() if _is_service(value)
    ]
    raise ConfigError(
        f'{where}: there is no service class "{name}" in {", ".join(places)}; '
        f"it inherits millstream.ServiceBase.{did_you_mean(name, services)}"
    )


def _is_service(found: object) -> bool:
    return isinstance(found, type) and issubclass(found, ServiceBase) and found is not ServiceBase


def _none_or_many(name: str, places: list[str], folder: Path, where: str) -> str:
    if places:
        found = ", ".join(Path(place).name for place in places)
        return f'{where}: "{name}" is in {found}; say which: "{Path(places[0]).name}:{name}"'
    known = [known for path in folder.glob("*.py") for known in _classes(path)]
    return (
        f'{where}: no Python file in {folder} has a class "{name}"; write "module:{name}", '
        f'or list its module in "modules".{did_you_mean(name, known)}'
    )


def _classes(path: Path) -> list[str]:
    """The classes a file defines, without running it."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return []
    return [node.name for node in tree.body if isinstance(node, ast.ClassDef)]


def _module(place: str, folder: Path, where: str) -> ModuleType:
    if str(folder) not in sys.path:
        sys.path.append(str(folder))  # so that a service's file finds those beside it
    try:
        return _of_file(folder / place) if place.endswith(".py") else importlib.import_module(place)
    except Exception as error:  # whatever a user's module raises while it is imported
        raise ConfigError(
            f'{where}: cannot import "{place}": {type(error).__name__}: {error}'
        ) from error


def _of_file(path: Path) -> ModuleType:
    path = path.resolve()
    name = path.stem
    loaded = sys.modules.get(name)
    if loaded is not None and getattr(loaded, "__file__", None) == str(path):
        return loaded
    if loaded is not None or name in sys.stdlib_module_names:
        name = f"_service_{name}"  # a user's signal.py is not everybody's
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not Python")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
