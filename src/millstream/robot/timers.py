"""Which timers are set, and which are due. Pure: the loop says what time it is."""

from __future__ import annotations

from collections.abc import Iterable

from millstream.model import Alarm, Output, RobotFailed, SetTimer, StopTimer, Timer


class Timers:
    """The timers of all robots of a loop, by robot and name."""

    def __init__(self) -> None:
        self._alarms: dict[tuple[str, str], Alarm] = {}

    def follow(self, outputs: Iterable[Output], now_ns: int) -> None:
        """Set and stop what the robots answered."""
        for output in outputs:
            match output.body:
                case SetTimer(name, interval_ns, repeat):
                    alarm = Alarm(name, now_ns + interval_ns, interval_ns, repeat)
                    self._alarms[output.robot, name] = alarm
                case StopTimer(name):
                    self._alarms.pop((output.robot, name), None)
                case RobotFailed():
                    self.forget(output.robot)
                case _:
                    pass

    def went_off(self, timer: Timer) -> None:
        """It is no longer due; a repeating one is set anew.

        A timer that is late by several intervals goes off once, not once for each.
        """
        key = timer.robot, timer.name
        alarm = self._alarms.get(key)
        if alarm is None or alarm.due_ns != timer.due_ns:
            return  # stopped, or set anew, by an answer to an event just before it
        del self._alarms[key]
        if alarm.repeat:
            missed = (timer.received_ns - alarm.due_ns) // alarm.interval_ns
            due_ns = alarm.due_ns + (missed + 1) * alarm.interval_ns
            self._alarms[key] = Alarm(alarm.name, due_ns, alarm.interval_ns, repeat=True)

    def forget(self, robot: str) -> None:
        """No timer of this robot is set any more."""
        for key in [key for key in self._alarms if key[0] == robot]:
            del self._alarms[key]

    def of(self, robot: str) -> list[Alarm]:
        """A robot's timers, by name."""
        found = [alarm for key, alarm in self._alarms.items() if key[0] == robot]
        return sorted(found, key=lambda alarm: alarm.name)

    def restore(self, robot: str, alarms: Iterable[Alarm]) -> None:
        """Set a robot's timers as they were."""
        for alarm in alarms:
            self._alarms[robot, alarm.name] = alarm

    def next_due_ns(self) -> int | None:
        """When the next timer is due; None when none is set."""
        return min((alarm.due_ns for alarm in self._alarms.values()), default=None)

    def due(self, now_ns: int) -> list[Timer]:
        """The timers due by now, the longest overdue first. They stay due until they `went_off`."""
        late = sorted(
            (alarm.due_ns, key) for key, alarm in self._alarms.items() if alarm.due_ns <= now_ns
        )
        return [Timer(now_ns, robot, name, due_ns) for due_ns, (robot, name) in late]
