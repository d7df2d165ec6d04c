from __future__ import annotations

import asyncio
import time

import zmq

from millstream.bus.command_zmq import IPCCommandSystem
from millstream.bus.commands import CommandRefused, CommandTimedOut


def run(scene):
    context = zmq.Context()
    try:
        return asyncio.run(asyncio.wait_for(scene(context), 20))
    finally:
        context.destroy(linger=0)


async def until(condition, most_s=60.0):
    ends = time.monotonic() + most_s
    while not condition() and time.monotonic() < ends:
        await asyncio.sleep(0.01)


def test_a_reply_is_a_command_back_to_its_sender(tmp_path):
    got = []

    async def scene(context):
        strategy = IPCCommandSystem("mm1", context, tmp_path)
        gateway = IPCCommandSystem("gateway", context, tmp_path)

        async def ping(command):
            await gateway.send_command(command.sender_id, "pong", {"of": command.command_id})

        gateway.register_handler("ping", ping)
        strategy.register_handler("pong", lambda command: got.append(command.payload["of"]))
        await gateway.connect_to_process("mm1")
        await strategy.connect_to_process("gateway")
        await strategy.start()
        await gateway.start()
        sent = await strategy.send_command("gateway", "ping", {})
        await until(lambda: got)
        await strategy.stop()
        await gateway.stop()
        return sent

    assert got == [run(scene)]


def test_a_command_nobody_takes_is_told_and_not_lost_in_silence(tmp_path):
    failures = []

    async def scene(context):
        lonely = IPCCommandSystem(
            "lonely", context, tmp_path, timeout_s=0.3, on_failure=failures.append
        )
        await lonely.start()
        await lonely.send_command("nobody", "ping", {})
        await until(lambda: failures)
        await lonely.stop()

    run(scene)
    assert isinstance(failures[0], CommandTimedOut)


def test_a_command_of_an_unknown_type_is_refused_by_who_got_it(tmp_path):
    failures = []

    async def scene(context):
        one = IPCCommandSystem("one", context, tmp_path, on_failure=failures.append)
        two = IPCCommandSystem("two", context, tmp_path)
        await two.connect_to_process("one")
        await one.start()
        await two.start()
        await one.send_command("two", "dance", {})
        await until(lambda: failures)
        await one.stop()
        await two.stop()

    run(scene)
    assert isinstance(failures[0], CommandRefused)
