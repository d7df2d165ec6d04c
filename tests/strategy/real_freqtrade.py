"""Asks a real freqtrade, in a process of its own: pickled questions in, pickled answers out.

Run by `.freqtrade/bin/python`. Nothing of it is imported by Millstream or its tests.
"""

import pickle
import sys
import warnings

warnings.simplefilter("ignore")

import numpy  # noqa: E402
import technical.qtpylib as qtpylib  # noqa: E402
from freqtrade.strategy import (  # noqa: E402
    merge_informative_pair,
    stoploss_from_absolute,
    stoploss_from_open,
)

numpy.seterr(all="ignore")
FUNCTIONS = {
    "merge_informative_pair": merge_informative_pair,
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
