"""What holds for every test."""

import faulthandler
import os
import signal
import sys

from hypothesis import HealthCheck, settings

LEAVE_WITHIN_S = 60
A_WORKER = "PYTEST_XDIST_WORKER" in os.environ

# Tests end the programs they start by Ctrl-C's signal. A shell that runs the tests in the
# background has it ignored, and every program that they start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

# So is that of a closed terminal under nohup: here it is caught, and for them as it always is.
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, lambda *_: None)

# How long an example takes says how busy the machine is.
settings.register_profile("any", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any")


def pytest_runtest_logreport(report):
    """Tell a failure when it happens: a run that is ended from outside prints no summary."""
    if report.failed and not A_WORKER:
        print(f"\n{report.nodeid} failed ({report.when})\n{report.longreprtext}", file=sys.stderr)


def pytest_sessionfinish():
    """Let nothing that a test left behind keep the run from ending."""
    if A_WORKER:
        faulthandler.dump_traceback_later(LEAVE_WITHIN_S, exit=True, file=sys.__stderr__)
