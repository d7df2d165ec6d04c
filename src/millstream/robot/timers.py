"""Which timers are set, and which are due. Pure: the loop says what time it is."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from millstream.model import Output, RobotFailed, SetTimer, StopTimer, Timer


class _Alarm(msgspec.Struct):
    due_ns: int
    interval_ns: int
    repeat: bool


class Timers:
    """The timers of all robots of a loop, by robot and name."""

    def __init__(self) -> None:
        self._alarms: dict[tuple[str, str], _Alarm] = {}

    def follow(self, outputs: Iterable[Output], now_ns: int) -> None:
        """Set and stop what the robots answered."""
        for output in outputs:
            match output.body:
                case SetTimer(name, interval_ns, repeat):
                    alarm = _Alarm(now_ns + interval_ns, interval_ns, repeat)
                    self._alarms[output.robot, name] = alarm
                case StopTimer(name):
                    self._alarms.pop((output.robot, name), None)
                case RobotFailed():
                    for key in [key for key in self._alarms if key[0] == output.robot]:
                        del self._alarms[key]
                case _:
                    pass

    def next_due_ns(self) -> int | None:
        """When the next timer is due; None when none is set."""
        return min((alarm.due_ns for alarm in self._alarms.values()), default=None)

    def due(self, now_ns: int) -> list[Timer]:
        """The timers due by now, the longest overdue first; a repeating one is set anew.

        A timer that is late by several intervals goes off once, not once for each.
        """
        late = sorted(
            (alarm.due_ns, key) for key, alarm in self._alarms.items() if alarm.due_ns <= now_ns
        )
        for due_ns, key in late:
            alarm = self._alarms[key]
            if alarm.repeat:
                missed = (now_ns - due_ns) // alarm.interval_ns
                alarm.due_ns = due_ns + (missed + 1) * alarm.interval_ns
            else:
                del self._alarms[key]
        return [Timer(now_ns, robot, name, due_ns) for due_ns, (robot, name) in late]
