"""What every training finds out of the machine, which in a tiny one takes long, found out once."""

import functools

from mmengine.runner import runner


def remember():
    """Keeps what MMEngine logs of the machine."""
    runner.collect_env = functools.cache(runner.collect_env)
