"""Reads every file of a data set once and says what is wrong with it; ``fdkd check-data`` is its command line."""
