"""The moments of a run at which it may be killed, counted as they pass."""

import io
import os
import re
import signal
from functools import wraps
from pathlib import Path

import torch
from mmengine.optim import OptimWrapper

import fdkd.engine.teacher_cache.store as teacher_store
from fdkd.engine.runner import Runner


class Moments:
    """Passes every moment of a process, by name, and kills the process without warning at the one that is due.

    Args:
        at: Number of the moment at which the process dies; -1 for never.
        like: Only moments whose names match this expression count.
        journal: Where the names are written, if anywhere.
    """

    def __init__(self, at=-1, like='', journal=None):
        self.at, self.like, self.journal, self.count = at, re.compile(like), journal, 0

    def passes(self, name):
        if self.journal:
            with open(self.journal, 'a') as file:
                file.write(f'{name}\n')
        if self.like.search(name):
            if self.count == self.at:
                os.kill(os.getpid(), signal.SIGKILL)
            self.count += 1

    def watch(self):
        """Lets the functions that matter say when they are called, for as long as this process lives."""
        self._around(Runner, 'call_hook', lambda runner, name, *_: name)
        self._around(OptimWrapper, 'backward', lambda *_: 'backward')
        self._around(OptimWrapper, 'step', lambda *_: 'step')
        self._around(Path, 'replace', lambda path, target: f'rename {Path(target).name}')
        self._around(Path, 'unlink', lambda path, *_: f'remove {path.name}')
        self._around(os, 'replace', lambda path, target: f'rename {Path(target).suffix}')
        self._around(teacher_store, '_write', lambda *_: 'teacher row')
        save = torch.save

        def in_halves(checkpoint, file, **how):
            if how:  # a tensor that is pickled
                return save(checkpoint, file, **how)
            whole = io.BytesIO()
            save(checkpoint, whole)
            name, half = Path(file.name).name, len(whole.getvalue()) // 2
            file.write(whole.getvalue()[:half])
            file.flush()
            self.passes(f'half of {name}')
            file.write(whole.getvalue()[half:])

        torch.save = in_halves

    def _around(self, owner, name, describe):
        function = getattr(owner, name)

        @wraps(function)
        def watched(*args, **kwargs):
            described = describe(*args)
            self.passes(f'before {described}')
            result = function(*args, **kwargs)
            self.passes(f'after {described}')
            return result

        setattr(owner, name, watched)
