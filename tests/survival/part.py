"""`millstream` as it is, or wrong on purpose: python -m tests.survival.part MUTANT run ARGS."""

from __future__ import annotations

import sys

from tests.survival.mutants import BlindResend

from millstream.cli import main
from millstream.separate import orders, robots


def _skips_changes(part, revision):
    """What changed while the robots were away is not told to them."""
    return (), part.record.revision


def break_it(mutant):
    if mutant == "blind-resend":
        orders.Gateway = BlindResend
    elif mutant == "skips-changes":
        robots.RobotsPart._own_orders = _skips_changes
    else:
        assert mutant == "right", mutant


if __name__ == "__main__":
    break_it(sys.argv.pop(1))
    sys.exit(main())
