"""The full checkpoints of a run: which are there, which of them can be resumed, and how many are kept."""

import re
from contextlib import suppress
from pathlib import Path
from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import CheckpointHook as MMEngineCheckpointHook
from mmengine.runner import Runner

from fdkd.checkpoint import read_checkpoint
from fdkd.errors import CheckpointError, ConfigError, DamagedCheckpointError
from fdkd.registry import HOOKS


def full_checkpoints(folder: Path) -> list[Path]:
    """The full checkpoints in ``folder``; the one that was written last first.

    That is the one that was changed last, whatever its number: another run may have left higher ones. Where a copy has
    given several the same time, the number decides.
    """
    written = {}
    for path in [*folder.glob('epoch_*.pth'), *folder.glob('iter_*.pth')]:
        with suppress(FileNotFoundError):  # removed since
            written[path] = path.stat().st_mtime_ns, _number(path)
    return sorted(written, key=written.__getitem__, reverse=True)


def _number(path: Path) -> int:
    found = re.search(r'_(\d+)$', path.stem)
    return int(found[1]) if found else -1


def newest_checkpoint(folder: Path) -> Path | None:
    """The full checkpoint in ``folder`` that was written last, intact or not."""
    return next(iter(full_checkpoints(folder)), None)


def read_newest_intact(folder: Path, unsafe: bool = False) -> tuple[Path, dict[str, Any], dict[Path, str]] | None:
    """Reads the newest full checkpoint in ``folder`` that is not damaged.

    Args:
        folder: The work dir of a run.
        unsafe: As for :func:`~fdkd.checkpoint.read_checkpoint`.

    Returns:
        Its path, what it holds, and by path what is wrong with each newer one; ``None`` where there is no full
        checkpoint.

    Raises:
        CheckpointError: If all that are there are damaged, or the newest intact one is refused.
    """
    damages = {}
    for path in full_checkpoints(folder):
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
        if not is_main_process():  # rank 0 alone writes and removes
            return
        written = full_checkpoints(Path(self.out_dir))
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
