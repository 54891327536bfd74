"""Converters from the files that a data set's authors publish to the folders that fdkd reads."""
