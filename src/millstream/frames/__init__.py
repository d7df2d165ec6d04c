"""Shared frames: one bot's analyzed dataframes followed by others, on freqtrade's wire and ours."""
