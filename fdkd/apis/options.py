"""What a user changes from run to run, applied alike to a config and to the config of its teacher."""

import difflib
from dataclasses import dataclass, field, fields, replace
from typing import Any

import torch
from mmengine.config import Config, ConfigDict

from fdkd.algorithms.distiller import CrossModalDistiller
from fdkd.apis.starting_weights import check_pretrained, replace_pretrained, replace_text_model
from fdkd.datasets.base import CACHES, ON_ERROR
from fdkd.errors import ConfigError
from fdkd.registry import ALGORITHMS

#: The precisions of ``--amp-dtype``.
PRECISIONS = ('bf16', 'fp16')
#: The least that a number may be.
_LEAST = {'epochs': 1, 'batch_size': 1, 'accumulate': 1, 'views': 1, 'seed': 0, 'workers': 0}


@dataclass(frozen=True)
class RunOptions:
    """Options of one run; ``None`` keeps what the config says.

    They come from the command line and, under it, from a config's own ``run_options``, which is how a config inherits
    an experiment and moves it to other data, another size and another length in one line.

    Attributes:
        data_root: Folder of the data set.
        size: Width and height that samples are resized to.
        epochs: Length of training; the schedule is stretched with it.
        batch_size: Training samples per step and process; with ``accumulate``, per accumulated part of a step.
        pretrained: ImageNet weights: a local file, or ``'none'`` to train from scratch (language models as well).
        text_model: Hugging Face model, by name or folder, of every tokenizer and text encoder.
        seed: Seed of initialisation, order and augmentation.
        amp: Mixed precision: ``'bf16'``; ``'fp16'``, with loss scaling, on a GPU; or ``True``, bfloat16 on a CPU and on
            GPUs that have it and float16 on others.
        channels_last: Keep the networks' weights, images and maps with the channels innermost.
        compile: Compile the parts of the networks between taps with ``torch.compile``, for training.
        accumulate: Batches whose gradients make one step.
        cache: Keep what the deterministic first steps of the training pipeline yield, in ``'ram'`` or on ``'disk'``.
        on_error: What an unreadable training sample does: ``'raise'``, or ``'skip'`` (docs/check_data.md).
        workers: Processes that load data.
        cache_teacher: Folder to keep the frozen teacher's features in; does not reach the teacher's config.
        views: Let the augmentation of the frozen teacher's view repeat after so many epochs; does not reach the
            teacher's config.
        cfg_options: Any key by dotted path; of these only ``look_at_every_step`` reaches the teacher's config.
    """

    data_root: str | None = None
    size: tuple[int, int] | None = None
    epochs: int | None = None
    batch_size: int | None = None
    pretrained: str | None = None
    text_model: str | None = None
    seed: int | None = None
    amp: bool | str = False
    channels_last: bool = False
    compile: bool = False
    accumulate: int | None = None
    cache: str | None = None
    on_error: str | None = None
    workers: int | None = None
    cache_teacher: str | None = None
    views: int | None = None
    cfg_options: dict[str, Any] = field(default_factory=dict)

    def over(self, defaults: dict[str, Any], source: str) -> 'RunOptions':
        """These options, and where one says nothing, what ``defaults`` (a config's ``run_options``) says.

        Raises:
            ConfigError: If ``defaults`` holds an unknown option, or a number that cannot be meant; ``source`` names the
                config in the message.
        """
        if not isinstance(defaults, dict):
            raise ConfigError(f'{source}: run_options: {defaults!r}, expected a dictionary')
        names = [entry.name for entry in fields(self)]
        for name in defaults:
            if name not in names:
                near = difflib.get_close_matches(name, names, n=1)
                hint = f'did you mean {near[0]}?' if near else f'the options are {", ".join(names)}'
                raise ConfigError(f'{source}: run_options.{name}: no such option; {hint}')
        _check_numbers(defaults, source)
        said = {name for name in names if getattr(self, name) not in (None, {}) and getattr(self, name) is not False}
        return replace(self, **{name: value for name, value in defaults.items() if name not in said})

    def for_teacher(self) -> 'RunOptions':
        """What of these options reaches the config that trains the teacher."""
        shared = {key: value for key, value in self.cfg_options.items() if key == 'look_at_every_step'}
        return replace(self, cache_teacher=None, views=None, cfg_options=shared)

    def apply(self, cfg: Config) -> None:
        """Changes ``cfg`` in place.

        Raises:
            ConfigError: If the config has nothing that an option could change, or the option no such value, or this
                machine no such precision.
        """
        loaders = [cfg[name] for name in ('train_dataloader', 'val_dataloader', 'test_dataloader') if cfg.get(name)]
        for loader in loaders:
            if self.data_root is not None:
                loader.dataset.data_root = self.data_root
            if self.size is not None:
                _resize(loader.dataset.pipeline, self.size)
            if self.text_model is not None:
                replace_text_model(loader.dataset.pipeline, self.text_model)
            if self.workers is not None:
                loader.num_workers = self.workers
                loader.persistent_workers = self.workers > 0
        if self.batch_size is not None:
            cfg.train_dataloader.batch_size = self.batch_size
        if self.epochs is not None:
            _stretch(cfg, self.epochs)
        if self.seed is not None:
            cfg.randomness.seed = self.seed
        if self.pretrained is not None:
            check_pretrained(self.pretrained)
            replace_pretrained(cfg.model, self.pretrained)
        if self.text_model is not None:
            replace_text_model(cfg.model, self.text_model)
        if self.amp:
            cfg.optim_wrapper.update(_amp(self.amp))
        if self.accumulate is not None:
            cfg.optim_wrapper.accumulative_counts = self.accumulate
        if self.channels_last:
            cfg.channels_last = True
        if self.compile:
            cfg.compile = cfg.get('compile') or True
        if self.cache is not None:
            _expect('--cache', self.cache, CACHES)
            cfg.train_dataloader.dataset.cache = self.cache
        if self.on_error is not None:
            _expect('--on-error', self.on_error, ON_ERROR)
            cfg.train_dataloader.dataset.on_error = self.on_error
        if self.cache_teacher is not None:
            _frozen_teacher(cfg, '--cache-teacher')
            cfg.default_hooks.teacher_cache = {'type': 'TeacherCacheHook', 'folder': str(self.cache_teacher)}
        if self.views is not None:
            cfg.train_dataloader.dataset.views = {_frozen_teacher(cfg, '--views').modality: self.views}


def _check_numbers(options: dict[str, Any], source: str) -> None:
    for name, least in _LEAST.items():
        value = options.get(name)
        if value is not None and (type(value) is not int or value < least):
            raise ConfigError(f'{source}: run_options.{name}: {value!r}, expected a whole number of {least} or more')
    size = options.get('size')
    if size is not None and not (isinstance(size, (list, tuple)) and [type(n) for n in size] == [int, int]):
        raise ConfigError(f'{source}: run_options.size: {size!r}, expected (width, height)')


def _resize(pipeline: list[dict], size: tuple[int, int]) -> None:
    """Sets ``scale`` (MMCV's width, height) and ``size`` (torchvision's height, width) wherever a step has one."""
    steps = [*pipeline, *(inner for step in pipeline for inner in step.get('transforms', ()))]
    sized = [(step, key) for step in steps for key in ('scale', 'size') if key in step]
    if not sized:
        raise ConfigError('--size: the data pipeline has no step with a size to change')
    for step, key in sized:
        step[key] = size if key == 'scale' else size[::-1]


def _stretch(cfg: Config, epochs: int) -> None:
    """Sets the length, and moves the end of each schedule over epochs that ended with training or one epoch later."""
    before = cfg.train_cfg.max_epochs
    cfg.train_cfg.max_epochs = epochs
    for scheduler in cfg.get('param_scheduler', []):
        if scheduler.get('by_epoch', True) and scheduler.get('end') in (before, before + 1):
            scheduler.end += epochs - before


def _amp(precision: bool | str) -> dict[str, Any]:
    """The optimizer wrapper of a precision; ``True`` is the best that the device has."""
    if precision is not True:
        _expect('--amp-dtype', precision, PRECISIONS)
    if not torch.cuda.is_available():
        if precision == 'fp16':
            raise ConfigError('--amp-dtype fp16: float16 needs a GPU, and there is none: on a CPU use bf16')
        return {'type': 'CPUAmpOptimWrapper'}
    if precision == 'fp16' or not torch.cuda.is_bf16_supported(including_emulation=False):
        if precision == 'bf16':
            raise ConfigError('--amp-dtype bf16: this GPU has no bfloat16: use fp16')
        return {'type': 'AmpOptimWrapper', 'dtype': 'float16', 'loss_scale': 'dynamic'}
    # bfloat16 has float32's range: a scaled loss would gain nothing, and asks the GPU for overflows at every step.
    return {'type': 'AmpOptimWrapper', 'dtype': 'bfloat16', 'loss_scale': {'enabled': False}}


def _expect(option: str, value: Any, values: tuple[str, ...]) -> None:
    if value not in values:
        raise ConfigError(f'{option} {value!r}: expected {" or ".join(values)}')


def _frozen_teacher(cfg: Config, option: str) -> ConfigDict:
    """The config of the teacher, of those algorithms whose teacher stays as it is."""
    algorithm = ALGORITHMS.get(cfg.model.type)
    if algorithm is None or not issubclass(algorithm, CrossModalDistiller):
        raise ConfigError(f'{option}: {cfg.model.type} has no frozen teacher; CrossModalDistiller has one')
    if 'teachers' in cfg.model:
        raise ConfigError(f'{option}: there are several teachers ({", ".join(cfg.model.teachers)}), it is made for one')
    return cfg.model.teacher
