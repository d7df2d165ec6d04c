from __future__ import annotations

import subprocess
import sys

FORGOTTEN = """
import gc, sys
from millstream.bus import Bus

class Holder:
    pass

gc.disable()
holder = Holder()
holder.myself, holder.bus = holder, Bus()
holder.ends = [holder.bus.receiver("inproc://a"), holder.bus.sender("inproc://a")]
del holder
gc.enable()
gc.collect()
print("went on")
"""


def test_a_bus_that_nobody_closed_hangs_no_thread_when_it_is_collected():
    done = subprocess.run(
        [sys.executable, "-W", "ignore::ResourceWarning", "-c", FORGOTTEN],
        capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("went on\n", "")
