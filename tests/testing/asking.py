"""A robot that a guard refuses."""

import time

from millstream import Robot


class Asking(Robot):
    """Asks the world what time it is."""

    def on_ticker(self, ticker):
        self.log.info(time.time())
