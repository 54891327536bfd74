"""Files that would run code, were they unpickled or executed: a marker shows it."""

import os
import pickle
import zlib

import numpy as np
import torch


class Payload:
    """Makes a folder, the marker, when it is unpickled."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


def code(marker):
    """Python that makes the marker, as the text of a config."""
    return f'import os\nos.mkdir({str(marker)!r})\nmodel = dict(type="SingleModality")\n'


def write_checkpoint(path, marker, **content):
    """A checkpoint of weights, with a payload beside them."""
    torch.save({'state_dict': {'a': torch.ones(1)}, **content, 'extra': Payload(marker)}, path)
    return path


def write_arrays(path, marker, **arrays):
    """A ``.npy`` file, or a ``.npz`` file with ``arrays``, of objects."""
    objects = np.array([Payload(marker)], object)
    if path.suffix == '.npy':
        np.save(path, objects)
    else:
        np.savez(path, **dict.fromkeys(arrays, objects))
    return path


def pickled(marker):
    """The bytes of a pickle."""
    return pickle.dumps(Payload(marker))


def kept(marker):
    """A pickle as the content of a file of a disk cache, with the right checksum."""
    data = pickled(marker)
    return b'fdk1' + zlib.crc32(data).to_bytes(4, 'little') + data
