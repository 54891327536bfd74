"""Process groups, on GPUs and on CPUs."""

import os

import torch
from mmengine.dist import init_dist, is_distributed

from fdkd.errors import ConfigError

#: Environment variables in which each launcher tells a process its rank, the number of processes and its local rank.
_RANK_VARIABLES = {
    'pytorch': ('RANK', 'WORLD_SIZE', 'LOCAL_RANK'),
    'slurm': ('SLURM_PROCID', 'SLURM_NTASKS', 'SLURM_LOCALID'),
    'mpi': ('OMPI_COMM_WORLD_RANK', 'OMPI_COMM_WORLD_SIZE', 'OMPI_COMM_WORLD_LOCAL_RANK'),
}


def setup_distributed(launcher: str) -> None:
    """Joins the process group: NCCL where there are GPUs, gloo otherwise. Does nothing for ``'none'`` or when joined.

    Raises:
        ConfigError: If this process was not started by ``launcher``.
    """
    if launcher == 'none' or is_distributed():
        return
    rank, world_size, local_rank = _RANK_VARIABLES[launcher]
    if rank not in os.environ:
        raise ConfigError(f'--launcher {launcher}, but {rank} is not set: start through the launcher, as in tools/*.sh')
    os.environ.setdefault('LOCAL_RANK', os.environ[local_rank])
    if torch.cuda.is_available():
        init_dist(launcher, backend='nccl')
        return
    os.environ.setdefault('MASTER_ADDR', '127.0.0.1')
    os.environ.setdefault('MASTER_PORT', '29500')
    torch.distributed.init_process_group('gloo', rank=int(os.environ[rank]), world_size=int(os.environ[world_size]))
