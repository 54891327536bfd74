"""Process groups, on GPUs and on CPUs, and how the algorithm is spread over one."""

import os
import subprocess
from collections.abc import Callable
from typing import Any

import torch
from mmengine.config import Config
from mmengine.dist import barrier, broadcast_object_list, init_dist, is_distributed, is_main_process
from torch.distributed import PrefixStore, rendezvous

from fdkd.errors import ConfigError, FdkdError

#: Where each launcher tells a process its rank, the number of processes, its local rank, and the machine's processes.
_RANK_VARIABLES = {
    'pytorch': ('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'LOCAL_WORLD_SIZE'),
    'slurm': ('SLURM_PROCID', 'SLURM_NTASKS', 'SLURM_LOCALID', 'SLURM_NTASKS_PER_NODE'),
    'mpi': (
        'OMPI_COMM_WORLD_RANK',
        'OMPI_COMM_WORLD_SIZE',
        'OMPI_COMM_WORLD_LOCAL_RANK',
        'OMPI_COMM_WORLD_LOCAL_SIZE',
    ),
}
_WRAPPER = 'MMDistributedDataParallel'


def setup_distributed(launcher: str) -> None:
    """Joins the process group: NCCL where there are GPUs, gloo otherwise. Does nothing for ``'none'`` or when joined.

    Raises:
        ConfigError: If this process was not started by ``launcher``, or a variable of it is no number.
    """
    if launcher == 'none' or is_distributed():
        return
    rank, world_size, local_rank, local_size = _RANK_VARIABLES[launcher]
    if rank not in os.environ:
        raise ConfigError(f'--launcher {launcher}, but {rank} is not set: start through it, see docs/scaling.md')
    if not _number(rank) < _number(world_size):
        raise ConfigError(f'{rank}={os.environ[rank]} of {world_size}={os.environ[world_size]}: no such rank')
    _number(local_rank)
    os.environ.setdefault('LOCAL_RANK', os.environ[local_rank])
    os.environ.setdefault('LOCAL_WORLD_SIZE', os.environ.get(local_size, os.environ[world_size]))
    if torch.cuda.is_available():
        init_dist(launcher, backend='nccl', **_fresh_store())
        return
    os.environ.setdefault('MASTER_ADDR', _first_node() if launcher == 'slurm' else '127.0.0.1')
    os.environ.setdefault('MASTER_PORT', '29500')
    _number('MASTER_PORT')
    place = {'rank': int(os.environ[rank]), 'world_size': int(os.environ[world_size])}
    torch.distributed.init_process_group('gloo', **{**place, **_fresh_store()})


def _number(variable: str) -> int:
    """The whole number in an environment variable of a launcher."""
    text = os.environ.get(variable, '')
    if not text.isdecimal():
        raise ConfigError(
            f'{variable}={text!r} in the environment, expected a whole number: start through the launcher'
        )
    return int(text)


def _fresh_store() -> dict[str, Any]:
    """Where the processes that torchrun started again meet; at the first start, where the environment says.

    torchrun's own store outlives its processes, and with it the addresses at which those that died could be reached.
    """
    attempt = int(os.environ.get('TORCHELASTIC_RESTART_COUNT') or 0)
    if not attempt:
        return {}
    store, rank, world_size = next(rendezvous('env://'))
    return {'store': PrefixStore(f'attempt_{attempt}', store), 'rank': rank, 'world_size': world_size}


def restarted() -> bool:
    """Whether the launcher has started this job again after it ended early: torchrun, or Slurm a requeued job."""
    counts = ('TORCHELASTIC_RESTART_COUNT', 'SLURM_RESTART_COUNT')
    return any(int(os.environ.get(name) or 0) for name in counts)


def leave_distributed() -> None:
    """Leaves the process group when all ranks have come to their end; does nothing where there is none.

    Who exits without it tears connections down while other ranks may still listen on them, which now and then aborts
    one that has done all its work.
    """
    if is_distributed():
        barrier()
        torch.distributed.destroy_process_group()


def wrapper_config(cfg: Config) -> dict[str, Any]:
    """How a run of several processes wraps its algorithm: the config's ``model_wrapper_cfg`` over fdkd's own.

    That is DDP, which averages the gradients of one bucket while those before it are still computed, and where
    gradients are views of the buckets, which saves their copy. Buffers are not broadcast in each step, see
    :class:`~fdkd.engine.batch_statistics.AverageStatistics`. Every parameter takes part in every step
    (:func:`~fdkd.distill.terms.untouched`), so that none has to be searched for; but not always by the same graph,
    which forbids ``static_graph``.

    Raises:
        ConfigError: If the config asks to shard the student, which fdkd's checkpoints do not know.
    """
    given = dict(cfg.get('model_wrapper_cfg') or {})
    if 'strategy' in cfg or given.get('type', _WRAPPER) != _WRAPPER:
        asked = f'strategy={cfg.strategy.type}' if 'strategy' in cfg else f'model_wrapper_cfg.type={given["type"]}'
        raise ConfigError(
            f'{asked}: fdkd trains students with {_WRAPPER} alone, since its checkpoints hold whole students. To save '
            "memory, shard the optimizer (optimizer type 'ZeroRedundancyOptimizer') or the teacher (ShardTeacherHook): "
            'docs/scaling.md'
        )
    unused = cfg.get('find_unused_parameters', False)
    own = {
        'type': _WRAPPER,
        'broadcast_buffers': False,
        'gradient_as_bucket_view': True,
        'find_unused_parameters': unused,
    }
    return {**own, **({} if torch.cuda.is_available() else {'device_ids': None}), **given}


def from_rank_zero(function: Callable, *args: Any) -> Any:
    """What ``function`` returns on rank 0, on every rank, so that a shared disk is not asked once for each of them.

    An :class:`~fdkd.errors.FdkdError` or ``OSError`` of it is raised on every rank.
    """
    outcome: list[Any] = [None, None]
    if is_main_process():
        try:
            outcome[0] = function(*args)
        except (FdkdError, OSError) as error:  # which the others would wait for
            outcome[1] = error
    broadcast_object_list(outcome)
    if outcome[1] is not None:
        raise outcome[1]
    return outcome[0]


def _first_node() -> str:
    """The name of the job's first node, where all ranks meet."""
    if os.environ.get('SLURM_NNODES', '1') == '1':
        return '127.0.0.1'
    nodes = ['scontrol', 'show', 'hostnames', os.environ['SLURM_NODELIST']]
    return subprocess.check_output(nodes, text=True).split()[0]
