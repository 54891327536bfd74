"""Checks of a config before anything is trained and without data: everything is built, and one step is run."""
