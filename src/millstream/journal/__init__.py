"""Remember: every event before a robot sees it, every answer after; and replay them with proof.

writer = JournalWriter(Path("session"), manifest)
first = writer.append_events(body, count)     # the batch as the bus carried it
writer.append_outputs(outputs)                # what the robots answered to it
writer.sync()                                 # before an order leaves
writer.close("the market closed")

report = replay(Journal.open(Path("session")), handler)
"""

from millstream.journal.divergence import Difference, describe, first_difference
from millstream.journal.format import FORMAT_VERSION, Block, Cut, Kind
from millstream.journal.manifest import Manifest, RobotEntry
from millstream.journal.reader import DamagedAt, Journal
from millstream.journal.replay import Handler, ReplayReport, replay
from millstream.journal.writer import SEGMENT_BYTES, JournalWriter

__all__ = [
    "FORMAT_VERSION",
    "SEGMENT_BYTES",
    "Block",
    "Cut",
    "DamagedAt",
    "Difference",
    "Handler",
    "Journal",
    "JournalWriter",
    "Kind",
    "Manifest",
    "ReplayReport",
    "RobotEntry",
    "describe",
    "first_difference",
    "replay",
]
