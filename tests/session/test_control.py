"""What becomes of a command that the robots have obeyed."""

from millstream.bus import Bus
from millstream.errors import NameTaken
from millstream.model import Control, ControlAnswer, Output
from millstream.model.codec import decode_events, decode_outputs, encode_outputs
from millstream.orders import MemoryStore
from millstream.session.control import ControlDesk


class Robots:
    """Where commands go on."""

    def __init__(self):
        self.told = []

    def send(self, body):
        self.told += decode_events(body)
        return True


class Door:
    def __init__(self):
        self.answers = []

    def answer(self, request, body):
        (output,) = decode_outputs(body)
        self.answers.append(output.body)


class Slower(MemoryStore):
    """Another process has kept a robot of every name a moment before."""

    def save_robot(self, robot):
        raise NameTaken(f'there is a robot "{robot.name}" already')


def test_a_robot_whose_name_another_process_took_at_the_same_moment_goes_again():
    robots, door = Robots(), Door()
    parameters = {"volume": "0.002", "tick": "0.01", "most_position": "0.008", "away_bps": 1.0}
    market = ("binance@btc/usdt",)
    add = Control(1, "x", "add", parameters, "ann", "", "r1", "quoter", market)
    with Bus() as bus:
        inboxes = bus.receiver("inproc://commands"), bus.receiver("inproc://answers")
        desk = ControlDesk(
            inboxes[0], [door], inboxes[1], robots, Slower(), lambda markets: lambda: None
        )
        desk._take(add, door)
        obeyed = ControlAnswer("r1", "add", True, "it runs", "running", parameters)
        desk._answered(encode_outputs([Output(1, "x", obeyed)]))
    assert [(one.command, one.robot) for one in robots.told] == [("add", "x"), ("remove", "x")]
    assert robots.told[1].request  # a command to obey, not a word to hear
    (answer,) = door.answers
    assert (answer.accepted, answer.reason) == (False, 'there is a robot "x" already')
