"""Pictures from features that are made up: which runs they read, and the figures beside them."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from fdkd.analysis.spectrum import band_cka, shuffled_contrast
from fdkd.apis.features import Features
from fdkd.reproduce import figures
from fdkd.reproduce.pairs import Pair
from fdkd.reproduce.result import Cell, ResultTable, Row
from fdkd.reproduce.runs import Run

LIPS, SOUND, CLEAN = (f'configs/unimodal/grid_{name}.py' for name in ('visual', 'audio', 'clean_audio'))
SAMPLES = 40


class Protocol:
    """GRID's pairs; every config exists."""

    seeds = (0, 1)

    def __init__(self, repository):
        for method in ('feat', 'fdkd'):
            (repository / 'configs' / method).mkdir(parents=True)
            for name in ('grid_audio_from_visual', 'grid_visual_from_audio'):
                (repository / 'configs' / method / f'{name}.py').touch()
        self.pairs = [
            Pair('grid', 'audio', 'visual', SOUND, LIPS, 'noisy', 'visual', False, None, repository),
            Pair('grid', 'visual', 'audio', LIPS, CLEAN, 'visual', 'audio', False, None, repository),
        ]


@pytest.fixture
def protocol(tmp_path):
    return Protocol(tmp_path / 'repository')


@pytest.fixture
def read(monkeypatch):
    """Replaces the reading of features; lists the runs that were read."""
    runs = []

    def features(cfg, path, taps):
        assert taps == ['feat']
        assert path == f'weights of {cfg.config}'
        runs.append(cfg)
        modality = 'noisy' if cfg.config == SOUND else 'audio' if cfg.config == CLEAN else 'visual'
        values = torch.randn(SAMPLES, 16, generator=torch.Generator().manual_seed(len(cfg.config) + cfg.seed))
        ids, labels = tuple(map(str, range(SAMPLES))), torch.arange(SAMPLES) % 8
        return Features(ids, labels, tuple('abcdefgh'), modality, {'feat': values})

    class Cfg:
        def __init__(self, run):
            self.cfg, self.config, self.seed = self, run.config, run.seed

    monkeypatch.setattr(figures, 'read_features', features)
    features.weights = lambda run: (Cfg(run), f'weights of {run.config}')
    features.runs = runs
    return features


def is_picture(path):
    return path.read_bytes().startswith(b'\x89PNG')


def test_figure_1_compares_every_meeting_at_every_seed(tmp_path, protocol, read):
    paths = figures.similarity(protocol)(tmp_path, [], read.weights)
    assert [path.name for path in paths] == ['fig1.png', 'fig1.json']
    assert is_picture(paths[0])
    found = json.loads(paths[1].read_text())
    x, y = (read(*read.weights(Run(config, 1)), ['feat']).taps['feat'] for config in (SOUND, LIPS))
    for kind in ('cka', 'debiased'):
        assert list(found[kind]) == ['grid: noisy, visual', 'grid: visual, audio']
        expected = band_cka(x, y, debiased=kind == 'debiased')
        bands = found[kind]['grid: noisy, visual']
        assert {band: values[1] for band, values in bands.items()} == pytest.approx(expected)
        assert all(len(values) == 2 for bands in found[kind].values() for values in bands.values())


def test_models_that_teach_each_other_meet_once(tmp_path, protocol, read):
    there = protocol.pairs[0]
    protocol.pairs = [
        there,
        Pair('grid', 'visual', 'audio', LIPS, SOUND, 'visual', 'noisy', False, None, there.repository),
    ]
    _, path = figures.similarity(protocol)(tmp_path, [], read.weights)
    assert list(json.loads(path.read_text())['cka']) == ['grid: noisy, visual']


def test_samples_that_one_model_lacks_do_not_count(tmp_path, protocol, read, monkeypatch):
    def without_the_first(cfg, path, taps):
        features = read(cfg, path, taps)
        rest = {'ids': features.ids[1:], 'labels': features.labels[1:], 'taps': {'feat': features.taps['feat'][1:]}}
        return replace(features, **rest) if cfg.config == LIPS else features

    monkeypatch.setattr(figures, 'read_features', without_the_first)
    _, path = figures.similarity(protocol)(tmp_path, [], read.weights)
    x, y = (read(*read.weights(Run(config, 1)), ['feat']).taps['feat'][1:] for config in (SOUND, LIPS))
    found = json.loads(path.read_text())['cka']['grid: noisy, visual']
    assert {band: values[1] for band, values in found.items()} == pytest.approx(band_cka(x, y))


def test_figure_1_tells_what_random_orders_give(tmp_path, protocol, read):
    _, path = figures.similarity(protocol)(tmp_path, [], read.weights)
    found = json.loads(path.read_text())['low minus high in random orders']['grid: noisy, visual']
    x, y = (read(*read.weights(Run(config, 1)), ['feat']).taps['feat'] for config in (SOUND, LIPS))
    contrasts = shuffled_contrast(x, y)
    assert [found['mean'][1], found['std'][1]] == pytest.approx([contrasts.mean().item(), contrasts.std().item()])


def test_figure_2_has_every_model_of_the_first_seed(tmp_path, protocol, read):
    picture, path = figures.scales(protocol)(tmp_path, [], read.weights)
    assert is_picture(picture)
    found = json.loads(path.read_text())
    assert list(found) == ['grid_audio', 'grid_visual', 'grid_clean_audio']
    assert all(scale.keys() == {'mean', 'std'} for scale in found.values())
    assert [(run.config, run.seed) for run in read.runs] == [(SOUND, 0), (LIPS, 0), (CLEAN, 0)]


def test_figure_4_needs_nothing(tmp_path):
    (path,) = figures.curves(tmp_path, [], None)
    assert path == tmp_path / 'fig4.png'
    assert is_picture(path)


def test_figure_5_leaves_unfinished_fields_open(tmp_path, protocol, monkeypatch):
    drawn = []
    real = figures.weight_figure
    monkeypatch.setattr(figures, 'weight_figure', lambda *given: drawn.append(given) or real(*given))

    def cell(low, high):
        return Cell(() if low == high == 3 else (low + 10 * high,), 1)

    rows = tuple(Row((str(low),), tuple(cell(low, high) for high in figures.LAMBDAS)) for low in figures.LAMBDAS)
    columns = tuple(f'lambda 2 = {high}' for high in figures.LAMBDAS)
    table = ResultTable('One pair', ('lambda 1',), columns, rows, 'caption')
    paths = figures.heat_maps(protocol)(tmp_path, [table, table], None)
    names = ('grid_audio_from_visual', 'grid_visual_from_audio')
    assert [path.name for path in paths] == [f'fig5-{name}-map.png' for name in names]
    assert all(map(is_picture, paths))
    values, low, high, title = drawn[0]
    assert (low, high, title) == (figures.LAMBDAS, figures.LAMBDAS, 'One pair')
    assert values[0, 3] == 0.5 + 50
    assert np.isnan(values).nonzero() == (2, 2)


def test_figure_6_has_teacher_and_student_of_both_methods(tmp_path, protocol, read, monkeypatch):
    embedded = []
    real = figures.embed
    monkeypatch.setattr(figures, 'embed', lambda *given: embedded.append(given) or real(*given, perplexity=5.0))
    paths = figures.embeddings(protocol)(tmp_path, [], read.weights)
    assert [path.name for path in paths] == ['fig6-grid_audio_from_visual.png', 'fig6-grid_visual_from_audio.png']
    assert all(map(is_picture, paths))
    assert list(embedded[0][0]) == ['teacher (visual)', 'student (visual)']
    assert list(embedded[0][2]) == [0, 1, 2, 3, 4, 5]
    pair = 'grid_audio_from_visual'
    assert [Path(run.config) for run in read.runs[:3]] == [
        Path(LIPS), Path(f'configs/feat/{pair}.py'), Path(f'configs/fdkd/{pair}.py'),
    ]  # fmt: skip
    assert {run.seed for run in read.runs} == {0}
