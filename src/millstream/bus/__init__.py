"""Carry messages between threads, processes and hosts. Floor 1.

`zmq.py` holds the sockets: the endpoint (`inproc://robo`, `ipc://…`, `tcp://…`) says how far a
message goes, and nothing else changes. `publisher.py` gathers events into batches and keeps a slow
follower from slowing the others; `backlog.py` is what it remembers for a follower that is behind.
"""

from millstream.bus.publisher import EventPublisher
from millstream.bus.zmq import Bus, Inbox, Receiver, Sender

__all__ = ["Bus", "EventPublisher", "Inbox", "Receiver", "Sender"]
