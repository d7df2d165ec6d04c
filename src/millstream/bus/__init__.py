"""Carry messages between threads, processes and hosts. Floor 1.

`zmq.py` holds the sockets of a session: the endpoint (`inproc://robo`, `ipc://…`, `tcp://…`) says
how far a message goes, and nothing else changes. `publisher.py` gathers events into batches and
keeps a slow follower from slowing the others; `backlog.py` is what it remembers for a follower that
is behind. `keys.py` says who may speak on `tcp://`.

Between services: `pubsub.py` publishes one exchange and channel to any number of processes, in rows
(`topics.py`) whose holes are told (`sequences.py`); `ipc_publisher.py` holds all publishers of a
process; `command_zmq.py` carries commands between processes by the rules of `commands.py`.
`addresses.py` says where they meet.
"""

from millstream.bus.addresses import default_root, prepare_root
from millstream.bus.command_zmq import IPCCommandSystem
from millstream.bus.commands import CommandRefused, CommandTimedOut, IPCCommand
from millstream.bus.context import Context
from millstream.bus.ipc_publisher import IPCPublisher, Republisher
from millstream.bus.keys import Keys, load_keys
from millstream.bus.publisher import EventPublisher
from millstream.bus.pubsub import Publisher, Subscriber
from millstream.bus.zmq import Bus, FirstThen, Inbox, Receiver, Sender

__all__ = [
    "Bus",
    "CommandRefused",
    "CommandTimedOut",
    "Context",
    "EventPublisher",
    "FirstThen",
    "IPCCommand",
    "IPCCommandSystem",
    "IPCPublisher",
    "Inbox",
    "Keys",
    "Publisher",
    "Receiver",
    "Republisher",
    "Sender",
    "Subscriber",
    "default_root",
    "load_keys",
    "prepare_root",
]
