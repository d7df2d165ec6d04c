"""A session whose parts run in processes of their own: `millstream run CONFIG --part …`.

    stream                              robots (one process, or several by name)
    streams ─> publisher ──┬──────────> robo endpoint ─> robo_loop ─> journal, robots
                           │                 ^                           │ journal.sync
    orders                 v                 └── changes (trades thread) v
    market endpoint ─> desk, gateway, store ─ ─ file ─ ─ ^ ^         wishes thread
    wishes endpoint <────────────────────────────────────┼─┼─────────────┘
    changes endpoint ─ hints: "revision 812, alice's 17 taken; eth/usdt is watched" ─> stream

The same rooms as in `app.py`, joined by `ipc://` or `tcp://127.0.0.1`. Any of them may be killed
and started again:

- `resume.py`: a robots process goes on with its journal where it stopped, from a checkpoint.
- `wishes.py`: a wish leaves once its journal is on disk, and is sent again until it was taken;
  `cursor.py` remembers which were, `unsent.py` finds the others in the journal.
- `setups.py`: what commands made of a robot goes the same way, for the orders own the store.
- `taking.py`: the other end; a wish that came twice is known by its id, an old one is expired.
- `follow.py`: changes of orders come from the store itself; the endpoint only says when to look.
- `signs.py`: what is heard of robots: that they live, how far they are, which markets they watch.
- `places.py`, `letters.py`: where the parts meet, and what they say to each other there.
"""

from millstream.separate.orders import OrdersPart
from millstream.separate.places import process_of
from millstream.separate.robots import RobotsPart
from millstream.separate.stream import StreamPart

__all__ = ["OrdersPart", "RobotsPart", "StreamPart", "process_of"]
