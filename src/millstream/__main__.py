"""The first line of the command line: the command `millstream`, and `python -m millstream`."""

from __future__ import annotations

import signal


def main() -> None:
    """Run a command. Ctrl-C while Python still imports what that takes ends it without a word."""
    listens = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if listens:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from millstream import cli

    if listens:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    cli.main()


if __name__ == "__main__":
    main()
