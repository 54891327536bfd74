"""The full checkpoints of a run: which are there, which of them can be resumed, and how many are kept."""

import math
import re
from pathlib import Path
from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import CheckpointHook as MMEngineCheckpointHook
from mmengine.runner import Runner

from fdkd.checkpoint import read_checkpoint, read_meta
from fdkd.errors import CheckpointError, ConfigError, DamagedCheckpointError
from fdkd.registry import HOOKS

#: The place of a checkpoint that does not say where it belongs.
_UNKNOWN = (math.inf, math.inf, math.inf)


def holds_checkpoints(folder: Path) -> bool:
    """Whether there is a full checkpoint in ``folder``, intact or not."""
    return bool(_files(folder))


def full_checkpoints(folder: Path, unsafe: bool = False) -> list[Path]:
    """The full checkpoints in ``folder``; the one that was written last first.

    That is what they themselves say: which of the runs in this folder wrote them, see :func:`run_number_of_new`, and at
    which iteration and epoch. Times of files do not matter, which a copy may have changed. What does not say where it
    belongs, such as a damaged file, comes first, so that it is told of and not passed over.

    Args:
        folder: The work dir of a run.
        unsafe: As for :func:`~fdkd.checkpoint.read_checkpoint`.
    """
    places = {path: (_position(path, unsafe) or _UNKNOWN, _number(path)) for path in _files(folder)}
    return sorted(places, key=places.__getitem__, reverse=True)


def run_number_of_new(folder: Path, unsafe: bool = False) -> int:
    """The number of a run that starts anew in ``folder``: one more than those of the checkpoints there, else 0.

    A run saves its number, and keeps it where it is resumed.
    """
    known = [place for path in _files(folder) if (place := _position(path, unsafe))]
    return max((run for run, _, _ in known), default=-1) + 1


def _files(folder: Path) -> list[Path]:
    return [path for kind in ('epoch', 'iter') for path in folder.glob(f'{kind}_*.pth') if path.is_file()]


def _position(path: Path, unsafe: bool) -> tuple[float, float, float] | None:
    """Number of the run, iteration and epoch of a checkpoint (an epoch's last step comes before its end)."""
    try:
        meta = read_meta(path, unsafe)
    except CheckpointError:  # which tells whoever reads all of it
        return None
    place = meta.get('run', 0), meta.get('iter'), meta.get('epoch')
    return place if all(isinstance(number, int) for number in place) else None


def _number(path: Path) -> int:
    found = re.search(r'_(\d+)$', path.stem)
    return int(found[1]) if found else -1


def read_newest_intact(folder: Path, unsafe: bool = False) -> tuple[Path, dict[str, Any], dict[Path, str]] | None:
    """Reads the newest full checkpoint in ``folder`` that is not damaged.

    Args:
        folder: The work dir of a run.
        unsafe: As for :func:`~fdkd.checkpoint.read_checkpoint`.

    Returns:
        Its path, what it holds, and by path what is wrong with each that comes before it; ``None`` where there is no
        full checkpoint.

    Raises:
        CheckpointError: If all that are there are damaged, or the newest intact one is refused.
    """
    damages = {}
    for path in full_checkpoints(folder, unsafe):
        try:
            return path, read_checkpoint(path, unsafe=unsafe), damages
        except DamagedCheckpointError as error:
            damages[path] = str(error)
    if not damages:
        return None
    raise CheckpointError(
        f'{folder}: none of its checkpoints is intact, so there is nothing to resume: {"; ".join(damages.values())}. '
        'To start anew, remove epoch_*.pth and iter_*.pth there'
    )


def check_resumable(path: Path, checkpoint: dict[str, Any], seed: int, config_hash: str | None) -> None:
    """Refuses what is no full checkpoint of a run with this seed and config.

    Raises:
        CheckpointError: With what differs.
    """
    lacking = {'meta', 'state_dict', 'history', 'optimizer', 'param_schedulers'} - set(checkpoint)
    if lacking:
        raise CheckpointError(f'{path}: cannot be resumed, it holds no {", ".join(sorted(lacking))}')
    meta = checkpoint['meta']
    if meta['seed'] != seed:
        raise CheckpointError(
            f'{path}: was trained with seed {meta["seed"]}, this run has seed {seed}: '
            f'pass --seed {meta["seed"]} to continue it'
        )
    if meta['config_hash'] != config_hash:
        raise CheckpointError(
            f'{path}: belongs to a run with another config, other options or another number of processes; '
            'resume with what it was started with, or choose another --work-dir'
        )


@HOOKS.register_module()
class CheckpointHook(MMEngineCheckpointHook):
    """MMEngine's hook, which keeps ``max_keep_ckpts`` checkpoints however often a run is killed and resumed.

    MMEngine removes the oldest before the next is written, and forgets in a resumed run what is there. Here it is
    removed once the new one is whole, so that one that turns out damaged always has one before it (from
    ``max_keep_ckpts=2`` on), and a resumed run counts those up to the one that it resumed. What it found damaged goes
    first; other newer ones, and those that a run which starts anew finds, stay.

    Arguments are those of MMEngine's ``CheckpointHook``; checkpoints lie in the work dir, under MMEngine's names, where
    ``--resume`` finds them.

    Raises:
        ConfigError: If ``out_dir`` or ``filename_tmpl`` is given.
    """

    def __init__(self, *args: Any, max_keep_ckpts: int = -1, **kwargs: Any) -> None:
        for name in ('out_dir', 'filename_tmpl'):
            if kwargs.get(name) is not None:
                raise ConfigError(
                    f'CheckpointHook: {name}={kwargs[name]!r}: --resume looks for epoch_N.pth and iter_N.pth in the '
                    'work dir; leave it out, and choose the folder with --work-dir'
                )
        super().__init__(*args, **kwargs)  # which is told of no limit, and removes nothing
        self.max_kept = max_keep_ckpts
        self._kept: list[Path] = []  # what goes first stands first

    def before_train(self, runner: Runner) -> None:
        """Finds what a resumed run has written before."""
        super().before_train(runner)
        self._kept = []
        if runner.resumed_from is None or self.max_kept <= 0 or not is_main_process():  # which alone removes
            return
        written = full_checkpoints(Path(self.out_dir), runner.unsafe_checkpoint)
        if runner.resumed_from in written:
            older = written[written.index(runner.resumed_from) :]
            self._kept = [path for path in written if path in runner.damaged] + older[::-1]
        self._remove_surplus()

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict[str, Any]) -> None:
        super()._save_checkpoint_with_step(runner, step, meta)
        if not is_main_process():
            return
        path = Path(self.last_ckpt)
        self._kept = [other for other in self._kept if other != path] + [path]
        self._remove_surplus()

    def _save_best_checkpoint(self, runner: Runner, metrics: dict[str, Any]) -> None:
        runner.train_loop.validated = runner.epoch  # what is saved here need not be validated again
        super()._save_best_checkpoint(runner, metrics)

    def _remove_surplus(self) -> None:
        while 0 < self.max_kept < len(self._kept):
            self._kept.pop(0).unlink(missing_ok=True)
