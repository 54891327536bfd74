"""What ranks agree on while they train, beside the GPUs and without waiting for them."""

from functools import lru_cache

import torch
from mmengine.dist import is_distributed
from torch import distributed
from torch.distributed import ReduceOp


@lru_cache(maxsize=1)
def host_group(world: distributed.ProcessGroup) -> distributed.ProcessGroup:
    """All ranks of ``world``, over the network of their hosts; to be called first on all of them at the same place."""
    return distributed.new_group(backend='gloo')


class Agreement:
    """Numbers that the ranks exchange; every method is called by all of them, in the same order.

    An exchange in every step would make each rank wait for the slowest. The answer to one question is therefore
    collected with the next, when it has long arrived. A process alone agrees with itself at once.

    Raises:
        RuntimeError: From each method, where another rank has gone.
    """

    def __init__(self) -> None:
        self._group = host_group(distributed.group.WORLD) if is_distributed() else None
        self._answer: tuple[distributed.Work, torch.Tensor] | None = None

    def ask(self, number: int) -> int:
        """Sends ``number``; the largest that any rank sent with the call before, 0 at the first."""
        if self._group is None:
            return number
        largest = self.finish()
        own = torch.tensor([number], dtype=torch.int32)
        self._answer = distributed.all_reduce(own, ReduceOp.MAX, self._group, async_op=True), own
        return largest

    def finish(self) -> int:
        """The largest number that any rank sent last, 0 where all have been collected."""
        if self._answer is None:
            return 0
        (work, number), self._answer = self._answer, None
        work.wait()
        return int(number.numpy()[0])

    def least(self, number: int) -> int:
        """The smallest ``number`` of all ranks, now."""
        if self._group is None:
            return number
        own = torch.tensor([number])
        distributed.all_reduce(own, ReduceOp.MIN, self._group)
        return int(own.numpy()[0])

    def meet(self) -> None:
        """Waits for all ranks."""
        if self._group is not None:
            distributed.barrier(self._group)
