"""What a session is made of: its robots, its threads, its gateway, its commands, its proof.

`app.py` introduces these to each other in one process, `separate/` in several. `roster.py` reads
who takes part; `parts.py` has the threads; `sources.py` and `in_step.py` say where events come
from, `gateways.py` where orders go, `sharing.py` who shares frames; `control.py` and `carrier.py`
what changes while it runs, `setups.py` what of it is kept; `resuming.py` and `returning.py` how it
goes on after it stopped; `proof.py` that it replays.
"""
