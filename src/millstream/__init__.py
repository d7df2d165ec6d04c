"""Trading robots on live streams, that you can replay."""

__version__ = "0.1.0"
