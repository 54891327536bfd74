"""Asking a trained student about files, arrays, videos and cameras."""

from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fdkd.apis.options import RunOptions
from fdkd.datasets.nyu_depth_v2 import bit_palette
from fdkd.errors import ConfigError, DataError
from fdkd.inference.kinds import Kind, Reading
from fdkd.inference.loading import exported, trained
from fdkd.inference.progress import patient_progress
from fdkd.inference.results import Classification, Segmentation
from fdkd.inference.sound import Sound
from fdkd.inference.sources import Shot, Source, clear, named, room
from fdkd.inference.texts import Arrays, Texts
from fdkd.inference.visual import Colours, Depth, Frames, Strips
from fdkd.inference.writing import Answered, check_folder, write_maps, write_table
from fdkd.packaged import find_config

Result = Segmentation | Classification
_KINDS: dict[str, type[Kind]] = {
    'LoadRGB': Colours, 'LoadDepth': Depth, 'LoadFrames': Frames, 'LoadAudio': Sound, 'Tokenize': Texts,
}  # fmt: skip


@dataclass(frozen=True)
class Written:
    """What :meth:`Inferencer.write` did.

    Attributes:
        files: The files.
        table: Of a classification, for a terminal; else empty.
        notices: What a user should know of the inputs, a sentence each.
    """

    files: list[Path]
    table: str
    notices: list[str]


class Inferencer:
    """A trained student, ready to be asked.

    Inputs pass the steps of the evaluation's pipeline that belong to the student's modality, so that a file of the test
    set gets the scores that ``fdkd test`` computes.

    Args:
        model: A config file, or the name of one that comes with fdkd; or a file that ``fdkd export`` wrote.
        checkpoint: For a config: ``student.pth`` or a full checkpoint.
        device: Such as ``'cuda:1'``; default: the GPU, where there is one. Exported students run on the CPU.
        batch_size: Inputs that are computed together. Those of different shapes never are, nor those of a camera.
        options: For a config: what this call changes, such as the size that images are resized to. For an export: the
            ``text_model`` whose tokenizer is read, where that of the training is not on this machine.
        leave_out: Names of the pipeline's steps that inputs do not pass, such as ``AddNoise``, by which an experiment
            makes clean sound harder to hear.
        unsafe: Unpickle the checkpoint without restriction, or load an exported program (``.pt2``), which is one.

    Attributes:
        modality: What the student sees.
        task: ``'segmentation'`` or ``'classification'``.
        classes: Names of the K classes.
        palette: Their RGB colours.
        steps: Names of the steps that inputs pass.

    Raises:
        FdkdError: For every expected failure, see :mod:`fdkd.errors`.

    Example:
        >>> student = Inferencer('fdkd/nyu_rgb_from_depth', 'student.pth')  # doctest: +SKIP
        >>> student('photo.jpg')[0].labels.shape  # doctest: +SKIP
        (480, 640)
    """

    def __init__(
        self,
        model: str | Path,
        checkpoint: str | Path | None = None,
        device: str | None = None,
        batch_size: int = 8,
        *,
        options: RunOptions | None = None,
        leave_out: Sequence[str] = (),
        unsafe: bool = False,
    ) -> None:
        if type(batch_size) is not int or batch_size < 1:
            raise ConfigError(f'batch_size={batch_size!r}, expected a whole number above 0')
        self.batch_size = batch_size
        if find_config(model).suffix == '.py':
            parts = trained(model, checkpoint, device, options or RunOptions(), leave_out, unsafe)
        else:
            parts = exported(model, checkpoint, device, options, leave_out, unsafe)
        self._student, self._steps, self.classes, palette = parts
        self.palette = [tuple(colour) for colour in palette] or bit_palette(len(self.classes))
        self.modality, self.steps = self._steps.modality, self._steps.names
        self.task = 'segmentation' if self._steps.dense else 'classification'
        self._remarks: Counter[str] = Counter()
        self._first: dict[str, str] = {}

    @property
    def notices(self) -> list[str]:
        """What a user should know of the inputs of the last call, a sentence each."""
        return [f'{self._first[text]}{_and_others(count)}: {text}' for text, count in self._remarks.items()]

    def __call__(self, inputs: Any, *, scores: bool = False, **reading: Any) -> list[Result]:
        """The results of all inputs, in their order; see :meth:`stream`."""
        return list(self.stream(inputs, scores=scores, **reading))

    def stream(
        self, inputs: Any, *, scores: bool = False, skip_unreadable: bool = False, **reading: Any
    ) -> Iterator[Result]:
        """Yields results one by one, in the order of the inputs, and keeps no more than a batch in memory.

        Args:
            inputs: A path, text or array, or a list of such; docs/inference.md lists what there is.
            scores: Of segmentation, whether to return the scores of all classes.
            skip_unreadable: Leave out files that cannot be read, with a notice each, instead of raising the error.
            **reading: How inputs are meant: ``stride``, ``clips`` and ``column`` of
                :class:`~fdkd.inference.kinds.Reading`.

        Raises:
            DataError: If an input is nothing that this student can be asked about, or cannot be read.
        """
        kind = self._kind(reading)
        for answer in self._answers(kind, _sources(kind, inputs), scores, skip_unreadable):
            yield answer.result

    def write(self, inputs: Any, out: str | Path, *, skip_unreadable: bool = False, **reading: Any) -> Written:
        """Writes label maps and overlays, or ``predictions.csv``.

        Files of a former call are replaced, each by a complete new one. Where an input cannot be read, files of earlier
        inputs stand, and ``predictions.csv`` is what it was.

        Args:
            inputs: See :meth:`stream`.
            out: The folder; it is made if needed.
            skip_unreadable: See :meth:`stream`.
            **reading: See :meth:`stream`.

        Raises:
            DataError: If an input cannot be read, or lies in ``out``.
        """
        kind = self._kind(reading)
        sources, out = _sources(kind, inputs), Path(out)
        check_folder(out, sources)
        answers = self._answers(kind, sources, False, skip_unreadable)
        if self._steps.dense:
            files, table = write_maps(answers, out, self._steps.kind, self.classes, self.palette), ''
        else:
            files, table = write_table(answers, out, self.classes)
        return Written(files, table, self.notices)

    def _kind(self, reading: dict[str, Any]) -> Kind:
        loader, kind = self._steps.loader, _KINDS.get(self._steps.kind, Arrays)
        if getattr(loader, 'strip_width', None) is not None:
            kind = Strips
        return kind(self.modality, loader, Reading(**reading), self._steps.dense)

    def _answers(self, kind: Kind, sources: list[Source], scores: bool, skip_unreadable: bool) -> Generator[Answered]:
        self._remarks.clear()
        counts = [source.count for source in sources]
        total = None if None in counts else sum(counts)
        waiting: list[_Asked] = []
        with room() as place, patient_progress(f'asking the student ({self.modality})', total) as advance:
            for source, shot in ((one, shot) for one in sources for shot in one.shots()):
                try:
                    asked = self._asked(kind, source, shot, place())
                except DataError as error:
                    if not skip_unreadable:
                        raise
                    self._remark(f'left out, {str(error).removeprefix(f"{source.shown}: ")}', source.shown)
                    continue
                finally:
                    advance()
                if waiting and not (self._student.pads or asked.shape == waiting[0].shape):
                    yield from self._flush(waiting, scores)
                waiting.append(asked)
                if len(waiting) == self.batch_size or source.live:
                    yield from self._flush(waiting, scores)
            yield from self._flush(waiting, scores)

    def _asked(self, kind: Kind, source: Source, shot: Shot, place: Path) -> '_Asked':
        value = shot.opener(place)
        try:
            sample = self._steps(value, source.sample_id)
        except DataError as error:
            raise DataError(str(error).replace(value, source.shown)) from error
        x = sample['inputs'][self.modality]
        if text := kind.remark(value, x):
            self._remark(text, source.shown)
        return _Asked(source, shot.time, value, place, sample, tuple(x.shape))

    def _flush(self, waiting: list['_Asked'], scores: bool) -> Iterator[Answered]:
        """Answers what waits, and forgets it."""
        if not waiting:
            return
        for asked, found in zip(waiting, self._student.ask([one.sample for one in waiting], scores), strict=True):
            about = asked.source.name, asked.source.shown, asked.time
            if self._steps.dense:
                result = Segmentation(*about, *found)
            else:
                result = Classification(*about, self.classes[int(found.argmax())], found)
            yield Answered(asked.source, asked.value, result)
            clear(asked.place)
        waiting.clear()

    def _remark(self, text: str, shown: str) -> None:
        self._remarks[text] += 1
        if self._remarks[text] == 1:
            self._first[text] = shown


@dataclass(frozen=True)
class _Asked:
    """A sample on its way to the student."""

    source: Source
    time: float | None
    value: str
    place: Path
    sample: dict[str, Any]
    shape: tuple[int, ...]


def _sources(kind: Kind, inputs: Any) -> list[Source]:
    sources = named(list(kind.sources(inputs)))
    if not sources:
        raise DataError(f'no input; give {kind.EXPECTED}')
    return sources


def _and_others(count: int) -> str:
    return f' and {count - 1} others' if count > 1 else ''
