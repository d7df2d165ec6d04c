"""A producer's entry and exit signals, taken out of its frames."""

from __future__ import annotations

from typing import Final

import numpy as np

from millstream.frames.history import cast
from millstream.frames.rows import Rows
from millstream.frames.schema import ANY, schema

SIGNALS: Final = ("enter_long", "exit_long", "enter_short", "exit_short")
TAGS: Final = ("enter_tag", "exit_tag")


def without_signals(rows: Rows) -> Rows:
    """Rows whose signals are 0 and whose tags are None; the columns are there in any case."""
    names, kinds = list(rows.schema.names), list(rows.schema.kinds)
    for name, kind in [*((signal, "int64") for signal in SIGNALS), *((tag, ANY) for tag in TAGS)]:
        if name in names:
            kinds[names.index(name)] = kind
        else:
            names.append(name)
            kinds.append(kind)
    hidden = {*SIGNALS, *TAGS}
    kept = rows.only([name for name in rows.schema.names if name not in hidden])
    wanted = schema(tuple(names), tuple(kinds))
    with np.errstate(invalid="ignore"):  # a missing number as int64; it is set to 0 below
        made = cast(kept, wanted)
    for name in SIGNALS:
        block, row = wanted.place(names.index(name))
        made.blocks[block][row] = 0
    return made
