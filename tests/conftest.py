"""What holds for every test."""

import signal

# Tests end the programs they start by Ctrl-C's signal. A shell that runs the tests in the
# background has it ignored, and every program that they start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
