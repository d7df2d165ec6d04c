"""Asks a real freqtrade, in a process of its own: pickled questions in, pickled answers out.

Run by `.freqtrade/bin/python`. Nothing of it is imported by Millstream or its tests.
"""

import pickle
import sys
import warnings
from types import SimpleNamespace

warnings.simplefilter("ignore")

import numpy  # noqa: E402
import technical.qtpylib as qtpylib  # noqa: E402
from freqtrade.plugins.pairlist.ProducerPairList import ProducerPairList  # noqa: E402
from freqtrade.strategy import (  # noqa: E402
    merge_informative_pair,
    stoploss_from_absolute,
    stoploss_from_open,
)


def producer_pair_list(before, upstream, number_assets):
    """before: the pairs of the list before it; None: it is the first."""
    provider = SimpleNamespace(get_producer_pairs=lambda name: list(upstream))
    made = ProducerPairList(
        SimpleNamespace(),
        SimpleNamespace(_dataprovider=provider),
        {"external_message_consumer": {"enabled": True}, "candle_type_def": "spot"},
        {"method": "ProducerPairList", "number_assets": number_assets, "producer_name": "p"},
        0 if before is None else 1,
    )
    # what the exchange does not have is another question
    made.verify_whitelist = made._whitelist_for_active_markets = lambda pairs, *more: pairs
    return made.gen_pairlist({}) if before is None else made.filter_pairlist(list(before), {})


numpy.seterr(all="ignore")
FUNCTIONS = {
    "merge_informative_pair": merge_informative_pair,
    "producer_pair_list": producer_pair_list,
    "stoploss_from_open": stoploss_from_open,
    "stoploss_from_absolute": stoploss_from_absolute,
}

answers = []
for name, arguments, keywords in pickle.load(sys.stdin.buffer):
    try:
        function = FUNCTIONS.get(name) or getattr(qtpylib, name)
        answers.append(("value", function(*arguments, **keywords)))
    except Exception as error:
        answers.append(("error", f"{type(error).__name__}: {error}"))
sys.stdout.buffer.write(pickle.dumps(answers))
