"""Functions on two processes of one gloo group."""

import os
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from multiprocessing import get_context

import torch
from mmengine.registry import init_default_scope

from fdkd.engine.console import import_quietly
from fdkd.engine.launch import leave_distributed


def on_two_processes(function, folder, *args, start='spawn'):
    """What ``function(*args)`` returns on rank 0 and on rank 1; the group meets in a file in ``folder``.

    Processes that are started by ``'fork'`` need not import everything anew.
    """
    with ProcessPoolExecutor(2, get_context(start)) as pool:
        calls = [pool.submit(_join, rank, folder / 'rendezvous', function, args) for rank in range(2)]
        return [call.result(timeout=300) for call in calls]


def _join(rank, rendezvous, function, args):
    import_quietly('mmseg.datasets', 'mmseg.models')
    init_default_scope('fdkd')
    torch.set_num_threads(1)
    os.environ['LOCAL_RANK'] = str(rank)
    torch.distributed.init_process_group(
        'gloo', init_method=f'file://{rendezvous}', rank=rank, world_size=2, timeout=timedelta(minutes=1)
    )
    result = function(*args)
    leave_distributed()
    return result
