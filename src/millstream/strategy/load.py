"""Strategy classes from the files they are written in."""

from __future__ import annotations

import importlib.util
import linecache
import sys
from collections.abc import Sequence
from pathlib import Path

from millstream.errors import ConfigError, did_you_mean
from millstream.strategy.interface import IStrategy, check_strategy


def load_strategy(file: str, name: str) -> type[IStrategy]:
    """The strategy called `name` in a Python file.

    Raises ConfigError: no such file or class, an import that fails, or something of freqtrade's
    that is not there.
    """
    path = Path(file).resolve()
    try:
        spec = importlib.util.spec_from_file_location(path.stem, path)
        if spec is None or spec.loader is None:
            raise ImportError(f"{path} is not Python")
        module = importlib.util.module_from_spec(spec)
        sys.modules[path.stem] = module  # so that the class finds its file again
        linecache.checkcache(str(path))
        spec.loader.exec_module(module)
    except FileNotFoundError:
        raise ConfigError(f'strategy "{name}": there is no file {file}') from None
    except ModuleNotFoundError as error:
        raise ConfigError(f'strategy "{name}": {file}: {_instead(error)}') from None
    except (Exception, SystemExit) as error:  # whatever a user's file raises, or that it ends
        raise ConfigError(f'strategy "{name}": {file}: {type(error).__name__}: {error}') from error
    found = getattr(module, name, None)
    if not (isinstance(found, type) and issubclass(found, IStrategy)):
        known = [
            each
            for each, value in vars(module).items()
            if isinstance(value, type) and issubclass(value, IStrategy) and value is not IStrategy
        ]
        raise ConfigError(
            f'{file} has no strategy "{name}"; it has: {", ".join(known) or "none"}.'
            + did_you_mean(name, known)
        )
    check_strategy(found)
    return found


def find_strategy(name: str, folders: Sequence[Path]) -> Path:
    """The Python file in these folders that has the strategy `name`: read, not imported.

    Raises ConfigError saying where it was looked for.
    """
    for folder in folders:
        if folder.is_file():
            return folder.resolve()
        for file in sorted(folder.glob("*.py")):
            lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
            if any(line.startswith((f"class {name}(", f"class {name}:")) for line in lines):
                return file.resolve()
    looked = ", ".join(str(folder) for folder in folders)
    raise ConfigError(f'strategy: no file in {looked} has a class "{name}"; set "strategy_path"')


def _instead(error: ModuleNotFoundError) -> str:
    name = str(error.name)
    if name.split(".")[0] == "freqtrade":
        return (
            f"it imports {name}; write: from millstream.strategy import IStrategy, "
            "merge_informative_pair, …"
        )
    if name.split(".")[0] == "technical":
        return f"it imports {name}; write: import millstream.strategy.qtpylib as qtpylib"
    return f"it imports {name}, which is not installed"
