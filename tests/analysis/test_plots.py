"""What the figures show of their data, and that nothing overlaps or is cut off."""

from itertools import combinations

import numpy as np
import pytest
import torch
from matplotlib.text import Text
from PIL import Image

from fdkd.analysis import plots
from fdkd.analysis.curves import loss_curves
from fdkd.analysis.cutoff import Suggestion
from fdkd.analysis.embedding import Embedding
from fdkd.analysis.scale import scale_of
from fdkd.analysis.spectrum import Profile


def band_figure():
    pairs = {
        'CREMA-D': {'original': [0.5, 0.6], 'low': [0.7, 0.8], 'high': [0.2, 0.1]},
        'AVE': {'original': [0.3, 0.3], 'low': [0.4, 0.4], 'high': [-0.05, 0.0]},
    }
    return plots.band_figure(pairs, 'audio and visual')


def profile_figure(cutoff=0.25):
    debiased = (0.5, 0.4, *[0.1] * 6)
    edges = tuple(edge / 8 for edge in range(9))
    profile = Profile(edges, tuple(x + 0.1 for x in debiased), debiased, ((0.125,) * 8, (0.3, *[0.1] * 7)), 6000)
    return plots.profile_figure(profile, Suggestion(cutoff, 0.45, 0.1, ''), ('student (visual)', 'teacher (audio)'))


def scale_figure():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(100, 64, generator=generator)
    return plots.scale_figure({'audio': scale_of(x), 'visual': scale_of(0.5 * x + 0.1 * x[:1] + 1)})


def curve_figure():
    return plots.curve_figure(loss_curves())


def embedding_figure(classes=6):
    generator, labels = np.random.default_rng(0), np.arange(60) % classes
    names = {number: f'playing the bass guitar {number}' for number in range(classes)}
    points = {model: generator.normal(size=(60, 2)) for model in ('teacher (audio)', 'student (visual)')}
    return plots.embedding_figure(dict.fromkeys(['Feat', 'FD-CMKD'], Embedding(points, labels)), names)


def weight_figure():
    accuracy = np.array([[71.0, 70.2, np.nan], [69.1, 68.5, 60.0]])
    return plots.weight_figure(
        accuracy, [0.5, 1], [0.5, 1, 3], 'Figure 5: FD-CMKD over the weights of its bands, grid visual'
    )


FIGURES = [band_figure, profile_figure, scale_figure, curve_figure, embedding_figure, weight_figure]


def unseen_ticks(figure):
    """Labels of ticks beyond the limits of their axis, which exist and are not drawn."""
    axises = [axis for panel in figure.axes for axis in (panel.xaxis, panel.yaxis)]
    return {
        tick.label1
        for axis in axises
        for tick in axis.get_major_ticks()
        if not min(axis.get_view_interval()) <= tick.get_loc() <= max(axis.get_view_interval())
    }


@pytest.mark.parametrize('draw', FIGURES, ids=lambda draw: draw.__name__)
def test_nothing_overlaps_and_nothing_is_cut_off(draw):
    figure = draw()
    figure.draw_without_rendering()
    unseen = unseen_ticks(figure)
    texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    texts = [text for text in texts if text not in unseen]
    inside = figure.bbox
    boxes = []
    for text in texts:
        box = text.get_window_extent()
        assert box.x0 >= inside.x0 - 1, text
        assert box.x1 <= inside.x1 + 1, text
        assert box.y0 >= inside.y0 - 1, text
        assert box.y1 <= inside.y1 + 1, text
        boxes.append((text.get_text(), box.padded(-1)))
    for (first, a), (second, b) in combinations(boxes, 2):
        assert not a.overlaps(b), (first, second)


def legend(figure):
    legends = [*figure.legends, *(axes.get_legend() for axes in figure.axes if axes.get_legend())]
    return [text.get_text() for shown in legends for text in shown.get_texts()]


def test_bars_are_means_over_seeds_and_seeds_are_dots():
    figure = band_figure()
    axes = figure.axes[0]
    assert [patch.get_height() for patch in axes.patches] == pytest.approx([0.55, 0.3, 0.75, 0.4, 0.15, -0.025])
    assert sorted(legend(figure)) == ['high', 'low', 'one seed', 'original']
    dots = [line.get_ydata().tolist() for line in axes.lines if len(line.get_ydata()) == 2 and line.get_marker() == '.']
    assert [0.7, 0.8] in dots
    assert [label.get_text() for label in axes.get_xticklabels()] == ['CREMA-D', 'AVE']


@pytest.mark.parametrize('cutoff', [0.25, None])
def test_profile_marks_the_cutoff_where_there_is_one(cutoff):
    figure = profile_figure(cutoff)
    marked = [line for line in figure.axes[0].lines if list(line.get_xdata()) == [0.25, 0.25]]
    assert len(marked) == (cutoff is not None)
    assert ('suggested cutoff 0.25' in legend(figure)) is (cutoff is not None)
    assert [bar.get_height() for bar in figure.axes[1].patches][8:10] == pytest.approx([30, 10])


def test_unfinished_weights_stay_grey():
    figure = weight_figure()
    axes = figure.axes[0]
    assert axes.images[0].get_array().mask.tolist() == [[False, False, True], [False, False, False]]
    assert [text.get_text() for text in axes.texts] == ['71.0', '70.2', '-', '69.1', '68.5', '60.0']
    assert [label.get_text() for label in axes.get_yticklabels()] == ['0.5', '1']
    assert plots.weight_figure(np.full((2, 2), np.nan), [1, 2], [1, 2]).axes[0].texts[0].get_text() == '-'


def test_scales_are_written_out():
    scale = scale_of(torch.randn(100, 64, generator=torch.Generator().manual_seed(0)))
    assert f'audio: all entries {scale.mean:.3f} ± {scale.std:.3f}' in legend(scale_figure())


def test_each_class_has_a_colour_and_each_model_a_marker():
    figure = embedding_figure()
    panel = figure.axes[0]
    assert len(panel.collections) == 12
    assert len({tuple(points.get_edgecolor()[0]) for points in panel.collections}) == 6
    assert len({points.get_paths()[0].vertices.tobytes() for points in panel.collections}) == 2
    assert len(legend(figure)) == 8
    many = embedding_figure(classes=20).axes[0].collections
    assert len({tuple(points.get_edgecolor()[0]) for points in many}) == 20


def test_the_file_is_a_picture(tmp_path):
    plots.write_figure(tmp_path / 'curves.png', curve_figure())
    with Image.open(tmp_path / 'curves.png') as image:
        assert image.format == 'PNG'
    assert [file.name for file in tmp_path.iterdir()] == ['curves.png']
