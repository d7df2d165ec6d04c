"""A strategy that enters at once."""

from pandas import DataFrame

from millstream.strategy import IStrategy


class Always(IStrategy):
    """Long from the first candle on."""

    timeframe = "5m"
    stoploss = -0.5
    minimal_roi = {"0": 10}  # noqa: RUF012

    def populate_entry_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        dataframe["enter_long"] = 1
        return dataframe
