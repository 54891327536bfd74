"""The one place that states fdkd's version."""

__version__ = '0.1.0'
