"""Errors that a user can act on: each has one message that says what was found, what was expected and what to do."""


class FdkdError(Exception):
    """Base of every expected failure; the command line prints it without a traceback."""


class ConfigError(FdkdError):
    """A config file says something that cannot be meant."""


class DataError(FdkdError):
    """A data set, or one file of it, is not what its layout promises."""


class CheckpointError(FdkdError):
    """A checkpoint cannot be read, or does not fit the model."""


class DamagedCheckpointError(CheckpointError):
    """A checkpoint is not what was written: an older one may serve instead."""


class LossError(FdkdError, ValueError):
    """A loss cannot be computed on what its config gives it."""


class NonFiniteLossError(FdkdError):
    """The loss, or a gradient of it, is NaN or infinite."""


class ExportError(FdkdError):
    """A student cannot be exported, or an exported file not be read or run."""
