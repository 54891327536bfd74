"""Reads every file of a data set once and says what is wrong with it; ``tools/check_data.py`` is its command line."""
