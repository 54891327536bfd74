"""What N GPUs should take for a step, by a model of communication beside computation: ``scaling.py --model``.

A step of one GPU is its arithmetic at an assumed speed. N GPUs add the all-reduce of the student's gradients, which
starts during the backward pass, and, where the teacher is sharded, the gathering of its weights, which runs ahead of
its forward pass. What does not fit beside the arithmetic is exposed and makes the step longer. Data loading, noise
between the GPUs, and traffic of others on the network are left out: the model says what communication alone allows.
"""

import math
from typing import NamedTuple

from prettytable import PrettyTable

GPUS = (1, 8, 64, 512)


class Machine(NamedTuple):
    """Assumed figures of one GPU and its links: one direction, achieved rather than on paper.

    The defaults are for H100s, eight to a node: NVLink 4 (450 GB/s on paper) and one 400 Gb/s InfiniBand port for each
    GPU (50 GB/s on paper).
    """

    per_node: int = 8
    within_node: float = 300e9  # bytes/s
    between_nodes: float = 40e9  # bytes/s
    latency: float = 10e-6  # s, of one hop
    bucket: int = 25 * 2**20  # bytes, of DDP


class Case(NamedTuple):
    """A training: forward FLOPs of one sample, and what there is to send.

    ``batch_size`` is that of each GPU, ``speed`` the assumed FLOP/s, ``teacher_bytes`` those of one parameter, and
    ``shared_by`` how many GPUs share one copy of the teacher's weights (0: all).
    """

    name: str
    student_flops: float
    student_params: float
    teacher_flops: float
    teacher_params: float
    batch_size: int
    speed: float
    teacher_bytes: int = 4
    shared_by: int = 1


class Step(NamedTuple):
    """Seconds of a step on N GPUs: its arithmetic, the communication in all, and what of it is exposed."""

    compute: float
    reduce: float
    gather: float
    exposed: float

    @property
    def efficiency(self) -> float:
        return self.compute / (self.compute + self.exposed)


#: Forward FLOPs of DeepLabV3+ and ResNet-18 (R18) are as PyTorch's FlopCounterMode counts them; of the transformers
#: two for each parameter and token (197 tokens; 256 for the 7B). Batches are for each GPU; arithmetic is in bfloat16.
CASES = (
    Case('DeepLabV3+ R18 from the same, 640x480, batch 16', 124.2e9, 12.5e6, 123.2e9, 12.4e6, 16, 50e12),
    Case('the same, batch 2', 124.2e9, 12.5e6, 123.2e9, 12.4e6, 2, 50e12),
    Case('R18 from ViT-L, 224x224, batch 64', 3.6e9, 11.2e6, 120e9, 304e6, 64, 200e12),
    Case('the same, teacher shared by all GPUs', 3.6e9, 11.2e6, 120e9, 304e6, 64, 200e12, shared_by=0),
    Case('R18 from 7B, batch 16, shared by all GPUs', 3.6e9, 11.2e6, 3.6e12, 7e9, 16, 200e12, shared_by=0),
    Case('the same, shared by 8 GPUs', 3.6e9, 11.2e6, 3.6e12, 7e9, 16, 200e12, shared_by=8),
)
H100S = Machine()


def modelled_step(case: Case, gpus: int, machine: Machine = H100S) -> Step:
    """The step of ``case`` on ``gpus`` GPUs at a fixed batch for each.

    A ring moves ``2 (N-1)/N`` of the gradients over its slowest link, and each bucket pays the latency of a tree's way
    up and down. All buckets but the last may hide behind the backward pass, which is two thirds of the student's
    arithmetic; the last is ready when that ends. Gathering moves ``(n-1)/n`` of the teacher's weights, where n GPUs
    share them, and may hide behind the teacher's forward pass.
    """
    forward = case.batch_size * case.student_flops / case.speed
    teacher = case.batch_size * case.teacher_flops / case.speed
    gradients = 4 * case.student_params
    buckets = math.ceil(gradients / machine.bucket)
    reduce = _ring(2 * gradients, gpus, machine) + buckets * 2 * math.ceil(math.log2(gpus)) * machine.latency
    last = reduce / buckets
    sharers = min(case.shared_by or gpus, gpus)
    gather = _ring(case.teacher_bytes * case.teacher_params, sharers, machine)
    exposed = max(reduce - 2 * forward, last) + max(gather - teacher, 0.0)
    return Step(3 * forward + teacher, reduce, gather, exposed)


def model_table(machine: Machine = H100S) -> str:
    """All of :data:`CASES` on all of :data:`GPUS`."""
    drawn = PrettyTable(['training', 'GPUs', 'arithmetic ms', 'all-reduce ms', 'gather ms', 'exposed ms', 'efficiency'])
    drawn.align, drawn.align['training'] = 'r', 'l'
    for case in CASES:
        for gpus in GPUS:
            step = modelled_step(case, gpus, machine)
            times = [f'{1000 * seconds:.1f}' for seconds in step]
            drawn.add_row([case.name, gpus, *times, f'{100 * step.efficiency:.0f} %'], divider=gpus == GPUS[-1])
    return drawn.get_string()


def _ring(size: float, gpus: int, machine: Machine) -> float:
    """Seconds in which each of a ring's GPUs sends ``(N-1)/N`` of ``size`` bytes, over its slowest link."""
    link = machine.within_node if gpus <= machine.per_node else machine.between_nodes
    return size * (gpus - 1) / gpus / link
