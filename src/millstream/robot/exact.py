"""Whether a state comes back from its bytes as it was, which its type says."""

from __future__ import annotations

import msgspec
from msgspec import inspect

__all__ = ["is_exact"]

# A set comes back in another order. What is of any type comes back as another: a Decimal as text.
_LOOSE = (
    inspect.AnyType,
    inspect.CustomType,
    inspect.SetType,
    inspect.FrozenSetType,
)


def is_exact(state: type[msgspec.Struct]) -> bool:
    """False where a field, at any depth, is a set or of no certain type."""
    try:
        waiting: list[object] = [inspect.type_info(state)]
    except Exception:  # names in its annotations that cannot be found
        return False
    seen: set[int] = set()
    while waiting:
        kind = waiting.pop()
        if isinstance(kind, _LOOSE):
            return False
        if isinstance(kind, tuple):
            waiting += kind
        elif isinstance(kind, inspect.Type | inspect.Field) and id(kind) not in seen:
            seen.add(id(kind))
            waiting += [getattr(kind, name) for name in kind.__struct_fields__]
    return True
