"""`pairlists`: which pairs a strategy trades, and how that follows what other bots trade.

A session carries the markets of every pair that may come up, chosen at its start; which of them may
be entered follows from the lists, anew whenever a producer tells its pairs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

import msgspec

from millstream.errors import ConfigError, MillstreamError, did_you_mean
from millstream.frames.settings import ConsumerSection
from millstream.model import CurrencyPair
from millstream.settings import Section, explain

# Asks a producer, by its name, for the pairs it has now.
AskPairs: TypeAlias = Callable[[ConsumerSection, str], Sequence[str]]


class PairList(Section, frozen=True):
    """One of `pairlists`. Each adds its pairs behind those of the one before."""

    method: Literal["StaticPairList", "ProducerPairList"] = "StaticPairList"
    number_assets: int = 0  # of a producer's: so many pairs are left in all; 0: every one
    producer_name: str = "default"
    allow_inactive: bool = False  # freqtrade's, of a static one; nothing here is set by it

    def __post_init__(self) -> None:
        if self.number_assets < 0:
            raise ConfigError("pairlists: number_assets is a whole number; 0 for every pair")

    @property
    def producer(self) -> str:
        """Whose pairs these are; "": those of the configuration."""
        return self.producer_name if self.method == "ProducerPairList" else ""


def whitelist(
    lists: Sequence[PairList], static: Sequence[str], pairs_of: Callable[[str], Sequence[str]]
) -> list[str]:
    """The pairs that the lists name, in their order, each once. pairs_of: a producer's, now."""
    pairs: list[str] = []
    for each in lists:
        more = pairs_of(each.producer) if each.producer else static
        pairs = list(dict.fromkeys((*pairs, *more)))
        if each.producer and each.number_assets:
            pairs = pairs[: each.number_assets]
    return pairs


def parse_lists(values: Sequence[Any], consumer: ConsumerSection) -> tuple[PairList, ...]:
    """The lists of a configuration; the static one where it has none. Raises ConfigError."""
    names = [producer.name for producer in consumer.producers] if consumer.enabled else []
    lists = []
    for value in values:
        method = value.get("method") if isinstance(value, dict) else value
        if method not in ("StaticPairList", "ProducerPairList"):
            raise ConfigError(
                f'pairlists: there is no "{method}"; only StaticPairList and ProducerPairList are '
                "there: list the pairs in exchange.pair_whitelist, or follow a producer's"
            )
        try:
            one = msgspec.convert(value, PairList, strict=False)
        except msgspec.ValidationError as error:
            raise ConfigError(f"pairlists: {explain(error)}") from None
        if one.producer and not consumer.enabled:
            raise ConfigError(
                "pairlists: ProducerPairList requires external_message_consumer to be enabled"
            )
        if one.producer and one.producer not in names:
            raise ConfigError(
                f'pairlists: "{one.producer}" is not a producer of external_message_consumer.'
                f"{did_you_mean(one.producer, names)}"
            )
        lists.append(one)
    return tuple(lists) or (PairList(),)


def carried(
    lists: Sequence[PairList],
    static: Sequence[str],
    upstream: Mapping[str, Sequence[str]],
    fits: Fits,
) -> list[str]:
    """Every pair that may come up in a session that begins now. Raises ConfigError.

    upstream: each producer's pairs, by its name; those that do not fit are left out. static: those
    that do not fit are a mistake.
    """
    pairs: dict[str, None] = {}
    for each in lists:
        if each.producer:
            for pair in upstream[each.producer]:
                if not fits.objection(pair) and not fits.is_black(pair):
                    pairs[pair] = None
            continue
        for pair in static:
            if objection := fits.objection(pair):
                raise ConfigError(f'exchange.pair_whitelist: "{pair}" {objection}')
            if not fits.is_black(pair):
                pairs[pair] = None
    if not pairs:
        told = [pair for each in lists if each.producer for pair in upstream[each.producer]]
        if told:
            raise ConfigError(
                f"pairlists: none of the producer's pairs can be traded here: {', '.join(told[:5])}"
            )
        raise ConfigError("exchange.pair_whitelist: no pair is left; name at least one")
    return list(pairs)


class Fits:
    """What a session can trade. black: patterns of `pair_blacklist`."""

    def __init__(self, stake_currency: str, futures: bool, black: Sequence[str]) -> None:
        self._stake, self._futures = stake_currency, futures
        try:
            self._black = [re.compile(pattern) for pattern in black]
        except re.error as error:
            raise ConfigError(f"exchange.pair_blacklist: {error}") from None

    def is_black(self, text: str) -> bool:
        """Whether `pair_blacklist` leaves a pair out."""
        return any(pattern.fullmatch(text) for pattern in self._black)

    def objection(self, text: str) -> str:
        """Why a pair cannot be traded, behind its name; "": it can."""
        spot, colon, settle = text.partition(":")
        try:
            pair = CurrencyPair.parse(spot)
        except MillstreamError:
            return "is not a pair; write each one out, like BTC/USDT: there are no patterns"
        if self._futures and not colon:
            return f"is spot; futures are written {text}:{pair.quote}"
        if colon and (not self._futures or settle != pair.quote):
            return f'is a future; set "trading_mode": "futures", and settle in {pair.quote}'
        if pair.quote != self._stake:
            return f"is not priced in stake_currency, {self._stake}"
        return ""
