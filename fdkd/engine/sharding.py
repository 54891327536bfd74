"""A large frozen teacher, of whose weights each rank keeps a part."""

from typing import Any

import torch
from mmengine.dist import get_world_size
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor
from torch.utils.hooks import RemovableHandle

from fdkd.algorithms.distiller import CrossModalDistiller
from fdkd.algorithms.pairs import paired_places
from fdkd.datasets.base import SampleKey
from fdkd.errors import ConfigError
from fdkd.registry import HOOKS


def local_bytes(model: nn.Module) -> int:
    """Bytes of the parameters that lie on this rank: of a sharded one, its part."""
    local = (x.to_local() if isinstance(x, DTensor) else x for x in model.parameters())
    return sum(x.numel() * x.element_size() for x in local)


def shard(model: nn.Module, mesh: DeviceMesh, min_params: int) -> None:
    """Deals the parameters of ``model`` out to the ranks of ``mesh``; its forward pass gathers them again, in parts.

    The parts are those entries of the model's ``ModuleList`` and ``Sequential`` containers (the blocks of a
    transformer, the residual blocks of a ResNet) that have at least ``min_params`` parameters outside smaller parts.
    A part is gathered when its module is called and let go when that returns. What is in no part is one more, which is
    held throughout a pass. Only entries of containers are parts, since only of these it is known that they are called:
    MMSegmentation runs the ``forward`` of its heads directly, which no hook notices.

    The forward pass computes with the same whole tensors as before, and hence the same to the last bit.
    """
    containers = [module for module in model.modules() if isinstance(module, (nn.ModuleList, nn.Sequential))]
    blocks = dict.fromkeys(block for container in containers for block in container)
    for block in reversed(blocks):  # from the inside out
        rest = sum(x.numel() for x in block.parameters() if not isinstance(x, DTensor))
        if rest >= min_params and type(block).forward is not nn.Module.forward:  # a list in a list is not called
            fully_shard(block, mesh=mesh, reshard_after_forward=True)
    fully_shard(model, mesh=mesh, reshard_after_forward=True)


def gather(model: nn.Module) -> None:
    """Gives every rank all parameters of a sharded ``model``, for good; to be called on all ranks."""
    for module in model.modules():
        if isinstance(module, FSDPModule):
            module.set_reshard_after_forward(False, recurse=False)
            module.unshard()


@HOOKS.register_module()
class ShardTeacherHook(Hook):
    """Lets N ranks share one copy of the frozen teacher's weights, for teachers that fill a GPU (PyTorch's FSDP2).

    Each rank holds 1/N of them and receives the rest block by block in the teacher's forward pass, see :func:`shard`.
    Losses and gradients stay the same to the last bit. The teacher's pass runs to its end instead of ending at the last
    tap, since a pass that is broken off lets go of nothing. A rank without a pair in its batch passes one sample all
    the same, as the others wait for its part. After the training, every rank gets the whole teacher back, which the
    report evaluates.

    Loading is not spread: each rank reads the whole checkpoint, and the teacher has to fit the device before training.

    Args:
        min_params: Blocks with fewer parameters are not gathered on their own.
        ranks: How many neighbouring ranks share a copy; ``None`` for all. With the GPUs of one node, the network
            between the nodes has no part in it.

    Raises:
        ConfigError: If no frozen teacher is there, a cache takes the place of its passes, or ``ranks`` does not divide
            the number of processes.
    """

    priority = 'LOW'  # after all that reads the teacher's weights, or trains by it, before the training

    def __init__(self, min_params: int = 1_000_000, ranks: int | None = None) -> None:
        self.min_params, self.ranks = min_params, ranks
        self._stand_in: Tensor | None = None
        self._handle: RemovableHandle | None = None

    def before_train(self, runner: Runner) -> None:
        algorithm, processes = runner.algorithm, get_world_size()
        ranks = self.ranks or processes
        if not isinstance(algorithm, CrossModalDistiller):
            raise ConfigError(f'ShardTeacherHook: {type(algorithm).__name__} has no frozen teacher; leave the hook out')
        if len(algorithm.teachers) > 1:
            raise ConfigError(
                f'ShardTeacherHook: there are several teachers ({", ".join(algorithm.teachers)}), and it shards one'
            )
        if algorithm.teacher_cache is not None:
            raise ConfigError(
                'ShardTeacherHook: all ranks have to run the teacher together, but its cache lets each run it when it '
                'lacks something; leave out the hook or --cache-teacher'
            )
        if processes % ranks:
            raise ConfigError(f'ShardTeacherHook: ranks={ranks} does not divide the {processes} processes')
        if runner.cfg.get('channels_last'):
            raise ConfigError(
                'ShardTeacherHook: shards tensors in the usual memory format alone; leave out --channels-last'
            )
        if ranks == 1:
            return
        teacher, whole = algorithm.teacher, local_bytes(algorithm.teacher)
        device = next(teacher.parameters()).device.type
        mesh = init_device_mesh(device, (processes // ranks, ranks), mesh_dim_names=('copies', 'ranks'))
        shard(teacher, mesh['ranks'], self.min_params)
        algorithm.teacher_taps.stop_early = False
        runner.logger.info(f'teacher: {local_bytes(teacher) / 1e6:.1f} MB of {whole / 1e6:.1f} MB on this rank')

        def join_in(_: nn.Module, args: tuple, kwargs: dict[str, Any]) -> None:
            if kwargs.get('mode') == 'loss' and not paired_places(kwargs['data_samples'], algorithm.teacher_modality):
                self._pass_stand_in(runner)

        self._handle = algorithm.register_forward_pre_hook(join_in, with_kwargs=True)

    def after_train(self, runner: Runner) -> None:
        gather(runner.algorithm.teacher)
        if self._handle is not None:
            self._handle.remove()
            runner.algorithm.teacher_taps.stop_early = True

    @torch.no_grad()
    def _pass_stand_in(self, runner: Runner) -> None:
        algorithm = runner.algorithm
        if self._stand_in is None:
            self._stand_in = _one_input(runner, algorithm.teacher_modality)
        algorithm.teacher(self._stand_in, mode='tensor')


def _one_input(runner: Runner, modality: str) -> Tensor:
    """What the teacher gets for the first training sample that has its modality: one row."""
    loader = runner.train_dataloader
    for index in range(len(loader.dataset)):
        sample = loader.dataset[SampleKey(index, 0, runner.seed)]
        if modality in sample['inputs']:
            return runner.algorithm.data_preprocessor(loader.collate_fn([sample]))['inputs'][modality]
    raise ConfigError(f'ShardTeacherHook: no training sample has {modality!r}, so there is nothing to distil')
