"""Commands between two programs of one's own, without services: `ping_pong.py a b`, and `b a`."""

import asyncio
import sys

from millstream.ipc import IPCCommand, IPCCommandSystem


async def main(me: str, other: str) -> None:
    commands = IPCCommandSystem(me)

    async def ping(command: IPCCommand) -> None:
        await commands.send_command(command.sender_id, "pong", {"of": command.command_id})

    def pong(command: IPCCommand) -> None:
        print(f"{command.sender_id} answered {command.payload['of']}", flush=True)

    commands.register_handler("ping", ping)
    commands.register_handler("pong", pong)
    await commands.connect_to_process(other)
    await commands.start()
    while True:
        await commands.send_command(other, "ping")
        await asyncio.sleep(1)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
