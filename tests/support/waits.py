"""What of a computation on a CPU would make the host wait, if it ran on a GPU."""

import torch
from torch.utils._python_dispatch import TorchDispatchMode

#: Operations that need values on the host, or a number of elements that depends on values.
_WAIT = {'_local_scalar_dense', 'nonzero', 'masked_select', 'is_nonzero', 'equal', '_unique2', 'bincount'}
_INDEX = {'index', 'index_put', 'index_put_', '_index_put_impl_'}


class Waits(TorchDispatchMode):
    """Within it, :attr:`names` collects the operations that would wait, ``Tensor.tolist`` among them."""

    def __init__(self):
        super().__init__()
        self.names = []

    def __enter__(self):
        self._tolist = torch.Tensor.tolist

        def tolist(tensor):
            self.names.append('tolist')
            return self._tolist(tensor)

        torch.Tensor.tolist = tolist
        return super().__enter__()

    def __exit__(self, *args):
        torch.Tensor.tolist = self._tolist
        return super().__exit__(*args)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func._schema.name.removeprefix('aten::')
        masked = name in _INDEX and any(x is not None and x.dtype == torch.bool for x in args[1])
        if name in _WAIT or masked:
            self.names.append(name)
        return func(*args, **(kwargs or {}))
