"""Parameters of a strategy: declared with a range, read by `.value`.

The range is what an optimizer would search. Here a parameter has its default, or what
`buy_params`, `sell_params` and the configuration's `parameters` say.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from millstream.errors import ConfigError


class Parameter:
    """One named number or choice of a strategy."""

    kind: ClassVar[str] = "a value"

    def __init__(
        self,
        default: Any,
        space: str | None,
        optimize: bool,
        load: bool,
    ) -> None:
        self.default = default
        self.value: Any = default
        self.space = space
        self.optimize = optimize
        self.load = load
        self.name = ""
        self._check(default)

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @property
    def range(self) -> Sequence[Any]:
        """What there is to try; without an optimizer it is the value alone."""
        return [self.value]

    def set(self, value: Any) -> None:
        """Take another value; raises ConfigError for one outside of the range."""
        self._check(value)
        self.value = self._as_declared(value)

    def _as_declared(self, value: Any) -> Any:
        return value

    def _check(self, value: Any) -> None:
        """Raise ConfigError when this is no value of the parameter."""

    def _refuse(self, value: Any, accepted: str) -> ConfigError:
        who = f'parameter "{self.name}"' if self.name else "a parameter"
        return ConfigError(f"{who}: {value!r} is not {self.kind} of {accepted}")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name}={self.value!r})"


class NumericParameter(Parameter):
    """A number between two others, both included. `low` may be the pair [low, high]."""

    def __init__(
        self,
        low: Any,
        high: Any = None,
        *,
        default: Any,
        space: str | None = None,
        optimize: bool = True,
        load: bool = True,
        **kwargs: Any,  # an optimizer's own; nothing here reads them
    ) -> None:
        if high is None:
            try:
                low, high = low
            except (TypeError, ValueError):
                raise ConfigError(
                    f"{type(self).__name__} wants low and high, or one pair of both; got {low!r}"
                ) from None
        self.low, self.high = low, high
        super().__init__(default, space, optimize, load)
        self.value = self._as_declared(default)

    def _check(self, value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._refuse(value, f"{self.low} to {self.high}")
        if not self.low <= value <= self.high:
            raise self._refuse(value, f"{self.low} to {self.high}")


class IntParameter(NumericParameter):
    """A whole number in a range."""

    kind = "a whole number"

    def _as_declared(self, value: Any) -> int:
        return int(value)


class RealParameter(NumericParameter):
    """A number in a range."""

    kind = "a number"

    def _as_declared(self, value: Any) -> float:
        return float(value)


class DecimalParameter(NumericParameter):
    """A number in a range, rounded to `decimals` places."""

    kind = "a number"

    def __init__(
        self, low: Any, high: Any = None, *, default: Any, decimals: int = 3, **kwargs: Any
    ) -> None:
        self.decimals = decimals
        super().__init__(low, high, default=default, **kwargs)

    def _as_declared(self, value: Any) -> float:
        return round(float(value), self.decimals)


class CategoricalParameter(Parameter):
    """One of several choices; the first unless `default` says otherwise."""

    kind = "one"

    def __init__(
        self,
        categories: Sequence[Any],
        *,
        default: Any = None,
        space: str | None = None,
        optimize: bool = True,
        load: bool = True,
        **kwargs: Any,
    ) -> None:
        if len(categories) < 2:
            raise ConfigError("CategoricalParameter wants at least two choices")
        self.opt_range = list(categories)
        super().__init__(
            categories[0] if default is None else default, space, optimize, load
        )  # fmt: skip

    def _check(self, value: Any) -> None:
        if value not in self.opt_range:
            raise self._refuse(value, ", ".join(map(repr, self.opt_range)))


class BooleanParameter(CategoricalParameter):
    """True or False."""

    def __init__(
        self,
        *,
        default: bool = True,
        space: str | None = None,
        optimize: bool = True,
        load: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__([True, False], default=default, space=space, optimize=optimize, load=load)
