"""The paper's figures, drawn from the weights of finished runs; the figures behind each picture stand beside it."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from fdkd.analysis.curves import loss_curves
from fdkd.analysis.embedding import Embedding, embed
from fdkd.analysis.plots import band_figure, curve_figure, embedding_figure, scale_figure, weight_figure, write_figure
from fdkd.analysis.scale import scale_of
from fdkd.analysis.spectrum import band_cka, shuffled_contrast
from fdkd.apis.features import Features, common, read_features
from fdkd.files import finite, write_json
from fdkd.reproduce.pairs import Pair
from fdkd.reproduce.paper import METHOD_NAMES
from fdkd.reproduce.result import ResultTable
from fdkd.reproduce.runs import Job, Run
from fdkd.reproduce.sweep import LAMBDAS
from fdkd.reproduce.tables import Protocol

#: Gives the job of a run and where its student's weights are.
Weights = Callable[[Run], tuple[Job, Path]]
#: Draws pictures into a folder, from filled tables and from the weights of finished runs, and returns their paths.
Draw = Callable[[Path, Sequence[ResultTable], Weights], list[Path]]
#: The methods that Fig. 6 shows, and how many classes.
EMBEDDED = ('feat', 'fdkd')
SHOWN_CLASSES = 6
_TAP = 'feat'


def similarity(protocol: Protocol) -> Draw:
    """Figure 1: CKA of unimodal models' test features, as they are and by band, for every pair and seed.

    The picture shows the paper's CKA, which is biased upwards where features are wide and samples few; the numbers
    beside it hold the debiased one as well, and the mean and standard deviation of the debiased low minus high over
    random orders of the student's channels.
    """

    def draw(folder: Path, tables: Sequence[ResultTable], weights: Weights) -> list[Path]:
        values: dict[str, dict[str, dict[str, list[float]]]] = {'cka': {}, 'debiased': {}}
        shuffled: dict[str, dict[str, list[float]]] = {}
        for name, ends in _meetings(protocol.pairs).items():
            for seed in protocol.seeds:
                x, y = (_features(weights, Run(config, seed)) for config in ends)
                x, y = common(x, y)
                for kind, pairs in values.items():
                    bands = band_cka(x.taps[_TAP], y.taps[_TAP], debiased=kind == 'debiased')
                    for band, value in bands.items():
                        pairs.setdefault(name, {}).setdefault(band, []).append(value)
                contrasts = shuffled_contrast(x.taps[_TAP], y.taps[_TAP])
                for statistic, value in (('mean', contrasts.mean()), ('std', contrasts.std())):
                    shuffled.setdefault(name, {}).setdefault(statistic, []).append(value.item())
        picture = band_figure(values['cka'], 'CKA of models that were trained alone')
        return _write(folder, 'fig1', picture, {**values, 'low minus high in random orders': shuffled})

    return draw


def scales(protocol: Protocol) -> Draw:
    """Figure 2: mean and standard deviation of unimodal models' test features, first seed."""

    def draw(folder: Path, tables: Sequence[ResultTable], weights: Weights) -> list[Path]:
        configs = dict.fromkeys(config for ends in _meetings(protocol.pairs).values() for config in ends)
        found = {}
        for config in configs:
            features = _features(weights, Run(config, protocol.seeds[0]))
            found[Path(config).stem] = scale_of(features.taps[_TAP])
        figures = {name: {'mean': scale.mean, 'std': scale.std} for name, scale in found.items()}
        return _write(folder, 'fig2', scale_figure(found), figures)

    return draw


def curves(folder: Path, tables: Sequence[ResultTable], weights: Weights) -> list[Path]:
    """Figure 4: loss and gradient of MSE and logMSE; it needs no run."""
    path = folder / 'fig4.png'
    write_figure(path, curve_figure(loss_curves()))
    return [path]


def heat_maps(protocol: Protocol) -> Draw:
    """Figure 5: accuracy over the weights of the two bands, one picture a pair; what is unfinished stays grey."""

    def draw(folder: Path, tables: Sequence[ResultTable], weights: Weights) -> list[Path]:
        paths = []
        for pair, table in zip(protocol.pairs, tables, strict=True):
            means = [[cell.mean if cell.mean is not None else np.nan for cell in row.cells] for row in table.rows]
            paths.append(folder / f'fig5-{pair.name}-map.png')
            write_figure(paths[-1], weight_figure(np.array(means), LAMBDAS, LAMBDAS, table.title))
        return paths

    return draw


def embeddings(protocol: Protocol) -> Draw:
    """Figure 6: t-SNE of teacher and student features of the first classes, a picture a pair, first seed."""

    def draw(folder: Path, tables: Sequence[ResultTable], weights: Weights) -> list[Path]:
        return [_draw_embedding(folder, pair, protocol.seeds[0], weights) for pair in protocol.pairs]

    return draw


def _draw_embedding(folder: Path, pair: Pair, seed: int, weights: Weights) -> Path:
    panels: dict[str, Embedding] = {}
    teacher = _features(weights, Run(pair.teacher_config, seed))
    classes = range(min(SHOWN_CLASSES, len(teacher.classes)))
    for method in EMBEDDED:
        student = _features(weights, pair.taught(method, seed))
        shown, student = common(teacher, student)
        models: dict[str, Tensor] = {
            f'teacher ({shown.modality})': shown.taps[_TAP],
            f'student ({student.modality})': student.taps[_TAP],
        }
        panels[METHOD_NAMES[method]] = embed(models, shown.labels, classes)
    path = folder / f'fig6-{pair.name}.png'
    write_figure(path, embedding_figure(panels, {number: teacher.classes[number] for number in classes}))
    return path


def _meetings(pairs: Sequence[Pair]) -> dict[str, tuple[str, str]]:
    """Which unimodal models meet, each meeting once: its name and the two configs."""
    meetings: dict[frozenset[str], tuple[str, tuple[str, str]]] = {}
    for pair in pairs:
        ends = (pair.student_config, pair.teacher_config)
        meetings.setdefault(frozenset(ends), (f'{pair.data}: {pair.student_modality}, {pair.teacher_modality}', ends))
    return dict(meetings.values())


def _features(weights: Weights, run: Run) -> Features:
    job, path = weights(run)
    return read_features(job.cfg, path, [_TAP])


def _write(folder: Path, stem: str, figure: Any, numbers: Mapping[str, Any]) -> list[Path]:
    picture, values = folder / f'{stem}.png', folder / f'{stem}.json'
    write_figure(picture, figure)
    write_json(values, finite(numbers))
    return [picture, values]
