"""Processes that start at once: functions on two of one gloo group, and scripts."""

import gc
import os
import runpy
import sys
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from multiprocessing import get_context

import torch
from mmengine.registry import init_default_scope

from fdkd.engine.console import import_quietly
from fdkd.engine.launch import leave_distributed
from tests.support.memory import remember


def server():
    """The context of processes that are forks of a server, which has imported once what a training needs.

    A fork of the test's own process would be one of all the threads' locks and GPU contexts that other tests have left
    in it.
    """
    context = get_context('forkserver')
    context.set_forkserver_preload(['mmseg.datasets', 'mmseg.models', 'fdkd.apis.train'])
    return context


def on_two_processes(function, folder, *args):
    """What ``function(*args)`` returns on rank 0 and on rank 1; the group meets in a file in ``folder``.

    The environment is the one that the first of these processes of a test run began with.
    """
    with ProcessPoolExecutor(2, server()) as pool:
        calls = [pool.submit(_join, rank, folder / 'rendezvous', function, args) for rank in range(2)]
        return [call.result(timeout=300) for call in calls]


def _join(rank, rendezvous, function, args):
    _begin()
    init_default_scope('fdkd')
    os.environ['LOCAL_RANK'] = str(rank)
    torch.distributed.init_process_group(
        'gloo', init_method=f'file://{rendezvous}', rank=rank, world_size=2, timeout=timedelta(minutes=1)
    )
    result = function(*args)
    leave_distributed()
    return result


def _begin():
    import_quietly('mmseg.datasets', 'mmseg.models')
    gc.freeze()  # as in tests/conftest.py
    torch.set_num_threads(1)
    remember()


class Script:
    """Stands in for ``subprocess.Popen`` of a Python script, as :mod:`fdkd.reproduce.execute` calls it.

    It does not hold the files of ``pass_fds``, which are the run's lock.
    """

    def __init__(self, call, stdout, env, **streams):
        self._process = server().Process(target=_as_main, args=(call[1:], os.getcwd(), stdout.name, env))
        self._process.start()
        self.terminate, self.wait = self._process.terminate, self._process.join

    def poll(self):
        return self.returncode

    @property
    def returncode(self):
        return self._process.exitcode


def _as_main(argv, folder, output, env):
    with open(output, 'a') as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    _begin()
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    sys.argv, sys.path[0] = argv, os.path.dirname(os.path.abspath(argv[0]))
    runpy.run_path(argv[0], run_name='__main__')
