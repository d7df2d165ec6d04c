"""Computes indicators and signals; whoever follows it gets them with each candle."""

import talib.abstract as ta
from pandas import DataFrame

import millstream.strategy.qtpylib as qtpylib
from millstream.strategy import IntParameter, IStrategy


class ProducerStrategy(IStrategy):
    timeframe = "5m"
    minimal_roi = {"0": 0.02, "120": 0.005}  # noqa: RUF012 - as freqtrade's authors write it
    stoploss = -0.05
    startup_candle_count = 30

    buy_rsi = IntParameter(10, 60, default=30)
    sell_rsi = IntParameter(50, 90, default=70)

    def populate_indicators(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        dataframe["rsi"] = ta.RSI(dataframe)
        bands = qtpylib.bollinger_bands(qtpylib.typical_price(dataframe), window=20, stds=2)
        dataframe["bb_lowerband"] = bands["lower"]
        dataframe["bb_middleband"] = bands["mid"]
        dataframe["bb_upperband"] = bands["upper"]
        dataframe["tema"] = ta.TEMA(dataframe, timeperiod=9)
        return dataframe

    def populate_entry_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        weak = qtpylib.crossed_above(dataframe["rsi"], self.buy_rsi.value)
        low = dataframe["tema"] <= dataframe["bb_middleband"]
        rising = dataframe["tema"] > dataframe["tema"].shift(1)
        dataframe.loc[weak & low & rising & (dataframe["volume"] > 0), "enter_long"] = 1
        return dataframe

    def populate_exit_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        strong = qtpylib.crossed_above(dataframe["rsi"], self.sell_rsi.value)
        dataframe.loc[strong & (dataframe["volume"] > 0), "exit_long"] = 1
        return dataframe
