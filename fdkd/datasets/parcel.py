"""A batch that goes from a loader's worker to the training process in one piece."""

import io
import pickle
from typing import Any

import torch
from torch import Tensor

#: Tensors start at multiples of so many bytes.
_ALIGNMENT = 64


class Parcel(dict):
    """A dict that is pickled with all its tensors side by side in one block, and unpickled as a plain dict.

    Torch hands every tensor from process to process by a shared memory and a file of its own, which costs a connection
    each: a batch of 64 samples with two modalities and a label would open 192. A parcel opens one. Values, dtypes,
    shapes and the memory order of each tensor stay; afterwards they are views of the block.
    """

    def __reduce__(self) -> tuple:
        text = io.BytesIO()
        packer = _Packer(text)
        packer.dump(dict(self))
        return _unpacked, (text.getvalue(), packer.block(), packer.places)


class _Packer(pickle.Pickler):
    """Leaves the tensors out of what it writes, a number in the place of each."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self.parts: list[Tensor] = []
        #: Of each tensor: dtype, start and end in bytes, shape, strides.
        self.places: list[tuple] = []
        self.end = 0

    def persistent_id(self, value: Any) -> int | None:
        if type(value) is not Tensor or value.device.type != 'cpu' or value.requires_grad or value.is_sparse:
            return None  # the usual way
        order = sorted(range(value.ndim), key=value.stride, reverse=True)
        ordered = value.permute(order)
        strides = value.stride()
        if not ordered.is_contiguous():  # a part of a larger tensor
            ordered = ordered.contiguous()
            strides = tuple(ordered.stride(order.index(axis)) for axis in range(value.ndim))
        size = ordered.numel() * ordered.element_size()
        self.places.append((value.dtype, self.end, self.end + size, tuple(value.shape), strides))
        self.parts.append(ordered)
        self.end += -(-size // _ALIGNMENT) * _ALIGNMENT
        return len(self.parts) - 1

    def block(self) -> Tensor:
        """All tensors' bytes: uint8 ``[bytes]``."""
        block = torch.empty(self.end, dtype=torch.uint8)
        for part, (dtype, start, end, _, _) in zip(self.parts, self.places, strict=True):
            block[start:end].view(dtype).copy_(part.reshape(-1))
        return block


class _Unpacker(pickle.Unpickler):
    """Puts the tensors in."""

    def __init__(self, file: io.BytesIO, block: Tensor, places: list[tuple]) -> None:
        super().__init__(file)
        self.block, self.places = block, places

    def persistent_load(self, number: int) -> Tensor:
        dtype, start, end, shape, strides = self.places[number]
        flat = self.block[start:end].view(dtype)
        return flat.as_strided(shape, strides)


def _unpacked(text: bytes, block: Tensor, places: list[tuple]) -> dict[str, Any]:
    return _Unpacker(io.BytesIO(text), block, places).load()
