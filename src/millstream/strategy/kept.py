"""What a checkpoint holds of a strategy beside the robot's state: all that it may look at again.

Tables of candles and of other bots' frames, the analyzed tables, quotes and books; and what its
author keeps: on `self`, on the class, and in the module of the strategy's file. What cannot be kept
is named, and then such a session restarts by a replay of all its events.
"""

from __future__ import annotations

import logging
import re
from types import FunctionType, GenericAlias, ModuleType, UnionType
from typing import Any, Final

import numpy as np
import pandas as pd

from millstream.errors import RobotError
from millstream.frames.columns import arrays_of
from millstream.frames.held import HeldFrame
from millstream.frames.history import History
from millstream.frames.rows import pack, unpack
from millstream.robot.kept import Kind, Names, NotKept, Values, Way, names_of
from millstream.strategy.interface import IStrategy
from millstream.strategy.parameters import Parameter
from millstream.strategy.ring import CandleRing

__all__ = ["authored", "put_authored", "put_shown", "shown", "values_of"]

_TOOLS: Final = frozenset({"dp", "wallets"})  # ours, on the strategy
_JOINTS: Final = frozenset({"held", "_say"})  # of the data provider, to the robot
_NO_DATA: Final = (ModuleType, GenericAlias, UnionType, logging.Logger, re.Pattern)


def values_of(strategy: IStrategy, *classes: type) -> Values:
    """Packs what a strategy may look at; classes: others whose modules are looked in."""
    return Values(names_of(type(strategy), *classes), _KINDS)


# ---- what its author keeps ----------------------------------------------------------------------


def authored(strategy: IStrategy) -> dict[str, Any]:
    """What the author keeps. Raises RobotError where a function remembers something."""
    own = {name: value for name, value in vars(strategy).items() if name not in _TOOLS}
    parameters = {name: value for name, value in own.items() if isinstance(value, Parameter)}
    modules = _modules(strategy)
    return {
        "self": {name: value for name, value in own.items() if name not in parameters},
        "parameters": {name: vars(value) for name, value in parameters.items()},
        "class": {name: _data(one, modules) for name, one in _named(strategy).items()},
        "module": {name: _data(names, modules) for name, names in modules.items()},
    }


def put_authored(strategy: IStrategy, kept: dict[str, Any]) -> None:
    """The author keeps this, and nothing else."""
    own = vars(strategy)
    for name in own.keys() - _TOOLS - kept["self"].keys() - kept["parameters"].keys():
        del own[name]
    own.update(kept["self"])
    for name, values in kept["parameters"].items():
        vars(own[name]).clear()
        vars(own[name]).update(values)
    modules = _modules(strategy)
    for called, one in _named(strategy).items():
        for name in _data(one, modules).keys() - kept["class"][called].keys():
            delattr(one, name)
        for name, value in kept["class"][called].items():
            setattr(one, name, value)
    for module, names in modules.items():
        assert isinstance(names, dict)
        for name in _data(names, modules).keys() - kept["module"][module].keys():
            del names[name]
        names.update(kept["module"][module])


def _authors(strategy: IStrategy) -> list[type]:
    """The author's own classes."""
    return [one for one in type(strategy).__mro__ if not IStrategy.__mro__.count(one)]


def _named(strategy: IStrategy) -> dict[str, type]:
    """They by their names; a strategy may have the name of its base."""
    named: dict[str, type] = {}
    for number, one in enumerate(_authors(strategy)):
        taken = one.__qualname__ in named
        named[f"{one.__qualname__} {number}" if taken else one.__qualname__] = one
    return named


def _modules(strategy: IStrategy) -> Names:
    """The names of the modules in which they are written."""
    own = {one.__module__ for one in _authors(strategy)}
    return {name: names for name, names in names_of(type(strategy)).items() if name in own}


def _data(place: Any, modules: Any) -> dict[str, Any]:
    """What in a class or module is no code."""
    names = place if isinstance(place, dict) else vars(place)
    found = {}
    for name, value in names.items():
        if isinstance(value, FunctionType) and value.__module__ in modules:
            _check_remembers_nothing(value)
        if not name.startswith("__") and not _is_code(value, modules):
            found[name] = value
    return found


def _is_code(value: Any, modules: Any) -> bool:
    kind = type(value)
    if isinstance(value, (*_NO_DATA, type, Parameter, staticmethod, classmethod, property)):
        return True
    if kind.__module__ in ("typing", "__future__") or hasattr(kind, "__set_name__"):
        return True
    described = hasattr(kind, "__get__") and not isinstance(value, FunctionType)
    return described or (callable(value) and kind.__module__ not in modules)


def _check_remembers_nothing(function: FunctionType) -> None:
    cells = [cell.cell_contents for cell in function.__closure__ or () if _is_filled(cell)]
    remembered = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values(), *cells]
    for value in remembered:
        if isinstance(value, list | dict | set | np.ndarray | pd.DataFrame):
            raise RobotError(
                f"the function {function.__qualname__} has a {type(value).__name__} of its own, "
                "which it may write to and no checkpoint holds"
            )


def _is_filled(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018  # it raises where there is nothing
    except ValueError:
        return False
    return True


# ---- what it is shown ---------------------------------------------------------------------------


def shown(strategy: IStrategy) -> dict[str, Any]:
    """Candles, quotes, analyzed tables, other bots' frames, wallets."""
    provider = strategy.dp
    return {
        "provider": {name: value for name, value in vars(provider).items() if name not in _JOINTS},
        "held": vars(provider.held),
        "wallets": vars(strategy.wallets),
    }


def put_shown(strategy: IStrategy, kept: dict[str, Any]) -> None:
    """It is shown this from now on."""
    vars(strategy.dp).update(kept["provider"])
    vars(strategy.dp.held).update(kept["held"])
    vars(strategy.wallets).update(kept["wallets"])


# ---- tables, and what lies in them --------------------------------------------------------------


def _put_array(array: np.ndarray[Any, Any], down: Way) -> Any:
    if array.dtype.kind == "O" and array.ndim == 1:
        return ["O", down(array.tolist())]
    if array.dtype.kind not in "biufcMm" or not (array.ndim == 1 or array.flags.c_contiguous):
        raise NotKept(
            f"an array of {array.dtype} in {array.ndim} dimensions, which no checkpoint holds"
        )
    return [array.dtype.str, list(array.shape), array.tobytes()]


def _take_array(told: Any, up: Way) -> np.ndarray[Any, Any]:
    if told[0] == "O":
        values = up(told[1])
        array = np.empty(len(values), dtype=object)
        array[:] = values
        return array
    kind, shape, raw = told
    return np.frombuffer(raw, np.dtype(kind)).reshape(shape).copy()


def _put_own_array(array: np.ndarray[Any, Any], down: Way) -> Any:
    if not array.flags.writeable:
        return ["fixed", *_put_array(array, down)]
    if array.base is None:
        return _put_array(array, down)
    if type(array.base) is not np.ndarray or array.dtype.kind == "O":
        raise NotKept(f"an array that looks into a {type(array.base).__name__}")
    offset = array.ctypes.data - array.base.ctypes.data
    shape = [list(array.strides), list(array.shape)]
    return ["view", down(array.base), offset, *shape, array.dtype.str]


def _take_own_array(told: Any, up: Way) -> np.ndarray[Any, Any]:
    if told[0] == "view":
        _, base, offset, strides, shape, kind = told
        return np.ndarray(shape, kind, up(base), offset, strides)
    array = _take_array(told[1:] if told[0] == "fixed" else told, up)
    array.flags.writeable = told[0] != "fixed"
    return array


def _put_column(array: Any, down: Way) -> Any:
    """An array of numpy's or of pandas': numbers, times, text, objects."""
    dtype = array.dtype
    if isinstance(dtype, pd.StringDtype):
        texts = array.to_numpy(dtype=object, na_value=None).tolist()
        return ["text", dtype.storage, dtype.na_value is pd.NA, texts]
    if isinstance(dtype, pd.DatetimeTZDtype) and dtype.tz is _UTC:
        return ["times", dtype.unit, array.asi8.tobytes()]
    if isinstance(dtype, np.dtype):
        return ["numbers", *_put_array(np.asarray(array), down)]
    raise NotKept(f"a table with a column of {dtype}, which no checkpoint holds")


def _take_column(told: Any, up: Way) -> Any:
    kind, *rest = told
    if kind == "text":
        storage, is_na, texts = rest
        dtype = pd.StringDtype(storage, na_value=pd.NA if is_na else np.nan)
        return pd.array(texts, dtype=dtype)
    if kind == "times":
        unit, raw = rest
        dates = np.frombuffer(raw, np.int64).copy().view(f"datetime64[{unit}]")
        return pd.DatetimeIndex(dates, copy=False).tz_localize("UTC").array
    return _take_array(rest, up)


def _put_index(index: pd.Index, down: Way) -> Any:
    if isinstance(index, pd.MultiIndex) or getattr(index, "freq", None) is not None:
        raise NotKept("a table with labels of several levels, or of a frequency")
    if isinstance(index, pd.RangeIndex):
        return ["range", down(index.name), index.start, index.stop, index.step]
    return ["labels", down(index.name), _put_column(index.array, down)]


def _take_index(told: Any, up: Way) -> pd.Index:
    kind, name, *rest = told
    if kind == "range":
        start, stop, step = rest
        return pd.RangeIndex(start, stop, step, name=up(name))
    column = _take_column(rest[0], up)
    index: pd.Index = pd.Index(column, dtype=column.dtype, name=up(name))
    return index


def _put_frame(frame: pd.DataFrame, down: Way) -> Any:
    if frame.attrs:
        raise NotKept("a table with attrs")
    columns = [_put_column(array, down) for array in arrays_of(frame)]
    return [_put_index(frame.index, down), _put_index(frame.columns, down), columns]


def _take_frame(told: Any, up: Way) -> pd.DataFrame:
    # In the order in which they were put: what is in two places is counted.
    columns = [_take_column(column, up) for column in told[2]]
    index, names = _take_index(told[0], up), _take_index(told[1], up)
    frame = pd.DataFrame(dict(enumerate(columns)), index=index, copy=False)
    frame.columns = names
    return frame


def _put_stamp(value: pd.Timestamp, _: Way) -> Any:
    if value.tz is not None and value.tz is not _UTC:
        raise NotKept("a Timestamp in a zone that is not UTC")
    return [value.unit, value.asm8.view("i8").item(), value.tz is not None]


def _take_stamp(told: Any, _: Way) -> pd.Timestamp:
    stamp = pd.Timestamp(np.datetime64(told[1], told[0]))
    return stamp.tz_localize("UTC") if told[2] else stamp


def _put_ring(ring: CandleRing, _: Way) -> Any:
    keep, slack, dates, values = ring.kept()
    return [keep, slack, dates.tobytes(), values.tobytes()]


def _take_ring(told: Any, _: Way) -> CandleRing:
    ring = CandleRing(told[0], told[1])
    dates = np.frombuffer(told[2], np.int64)
    ring.hold(dates, np.frombuffer(told[3]).reshape(-1, len(dates)))
    return ring


def _put_held(held: HeldFrame, down: Way) -> Any:
    limit, rows = held.history.kept()
    return [limit, pack(rows), *(down(getattr(held, name)) for name in _STANDING)]


def _take_held(told: Any, up: Way) -> HeldFrame:
    limit, rows, *standing = told
    held = HeldFrame.__new__(HeldFrame)
    held.history = History(unpack(rows), limit)
    for name, value in zip(_STANDING, standing, strict=True):
        setattr(held, name, up(value))
    return held


def _put_number(value: np.generic, _: Way) -> Any:
    return [value.dtype.str, value.tobytes()]


def _take_number(told: Any, _: Way) -> Any:
    return np.frombuffer(told[1], np.dtype(told[0]))[0]


_UTC: Final = pd.Timestamp(0, tz="UTC").tz
_STANDING: Final = tuple(name for name in HeldFrame.__slots__ if name != "history")
_KINDS: Final = (
    *(Kind(kind, _put_number, _take_number)
      for kind in (np.bool_, np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32,
                   np.uint64, np.float32, np.float64, np.datetime64, np.timedelta64)),
    Kind(np.ndarray, _put_own_array, _take_own_array, changes=True),
    Kind(pd.Timestamp, _put_stamp, _take_stamp),
    Kind(pd.Timedelta, lambda value, _: [value.unit, value.asm8.view("i8").item()],
         lambda told, _: pd.Timedelta(np.timedelta64(told[1], told[0]))),
    Kind(type(pd.NaT), lambda value, _: None, lambda told, _: pd.NaT),
    Kind(type(pd.NA), lambda value, _: None, lambda told, _: pd.NA),
    Kind(pd.DataFrame, _put_frame, _take_frame, changes=True),
    Kind(CandleRing, _put_ring, _take_ring, changes=True),
    Kind(HeldFrame, _put_held, _take_held, changes=True),
    Kind(logging.Logger, lambda value, _: value.name, lambda told, _: logging.getLogger(told)),
)  # fmt: skip
