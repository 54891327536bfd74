"""One HTML page over the runs in some work dirs, for reading and for handing on: it needs no network and no server.

A work dir is read as data alone: JSON, CSV, pictures, and the text of the dumped config. Nothing of it is imported,
unpickled or executed.
"""

from fdkd.report.page import report

__all__ = ['report']
