"""The figures: each function draws what the others of this package return and gives a figure back."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from fdkd.analysis.curves import Curve
from fdkd.analysis.cutoff import Suggestion
from fdkd.analysis.embedding import Embedding
from fdkd.analysis.scale import Scale
from fdkd.analysis.spectrum import Profile
from fdkd.files import written_whole

#: Okabe and Ito's colours, which people with any common colour blindness can tell apart.
COLOURS = ('#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9', '#000000', '#F0E442')
MARKERS = ('o', '^', 's', 'D', 'v')


def band_figure(similarities: Mapping[str, Mapping[str, float | Sequence[float]]], title: str = '') -> Figure:
    """Bars of CKA by band (Fig. 1), for one pair of models or several side by side.

    Args:
        similarities: For each pair (data set, say) and band one value, or one for each seed: the bar is as high as
            their mean, and each is a dot.
        title: Heading.
    """
    bands = list(dict.fromkeys(band for values in similarities.values() for band in values))
    figure = _figure(2.2 + 1.3 * len(similarities) * max(1, len(bands) / 2), 3.4)
    axes = figure.subplots()
    width = 0.8 / len(bands)
    for number, band in enumerate(bands):
        places = np.arange(len(similarities)) + (number - (len(bands) - 1) / 2) * width
        values = [np.atleast_1d(np.asarray(pair[band], dtype=float)) for pair in similarities.values()]
        means = [value.mean() for value in values]
        axes.bar(places, means, 0.9 * width, color=COLOURS[number % len(COLOURS)], label=band)
        tops = [max(0.0, value.max()) for value in values]
        for place, mean, top, value in zip(places, means, tops, values, strict=True):
            if len(value) > 1:
                axes.plot(np.full(len(value), place), value, '.', color='black', markersize=4, label='one seed')
            axes.annotate(f'{mean:.2f}', (place, top), (0, 4), textcoords='offset points', ha='center', fontsize=8)
    axes.axhline(0, color='black', linewidth=0.8)
    axes.set_xticks(range(len(similarities)), similarities)
    axes.set_ylabel('CKA')
    axes.margins(y=0.12)
    axes.set_title(title)
    _plain(axes)
    entries = {entry.get_label(): entry for entry in axes.get_legend_handles_labels()[0]}  # each label once
    figure.legend(handles=entries.values(), loc='outside lower center', ncols=4, frameon=False)
    return figure


def profile_figure(
    profile: Profile, suggestion: Suggestion | None = None, names: tuple[str, str] = ('student', 'teacher')
) -> Figure:
    """CKA over the frequency band, beneath it each model's energy, and the suggested cutoff as a line.

    Args:
        profile: What to draw.
        suggestion: Draws its cutoff, where it has one, and the two levels.
        names: What the models are called.
    """
    figure = _figure(6.4, 5.2)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    edges = np.array(profile.edges)
    above.stairs(profile.debiased, edges, baseline=None, color=COLOURS[0], linewidth=2, label='debiased CKA')
    above.stairs(profile.cka, edges, baseline=None, color='grey', linewidth=1.2, linestyle='--', label='CKA')
    if suggestion is not None and suggestion.cutoff is not None:
        for panel in (above, below):
            panel.axvline(suggestion.cutoff, color=COLOURS[1], linewidth=1.5, linestyle=':')
        above.plot([], [], ':', color=COLOURS[1], label=f'suggested cutoff {suggestion.cutoff:.4g}')
        levels = [(0, suggestion.cutoff, suggestion.low), (suggestion.cutoff, 1, suggestion.high)]
        for left, right, level in levels:
            above.plot([left, right], [level, level], color=COLOURS[1], linewidth=1)
    above.axhline(0, color='black', linewidth=0.8)
    above.set_ylabel('CKA of the band')
    above.margins(y=0.1)
    above.set_title(f'{names[0]} and {names[1]}, {profile.samples:,} samples')
    places, width = (edges[:-1] + edges[1:]) / 2, (edges[1] - edges[0]) * 0.4
    for side, (name, share) in enumerate(zip(names, profile.energy, strict=True)):
        at = places + (side - 0.5) * width
        below.bar(at, 100 * np.array(share), width, color=COLOURS[2 + side], label=name)
    below.set_ylabel('energy (%)')
    below.set_xlabel('frequency (fraction of Nyquist)')
    below.set_xlim(0, 1)
    for panel in (above, below):
        _plain(panel)
    entries = [entry for panel in (above, below) for entry in panel.get_legend_handles_labels()[0]]
    figure.legend(handles=entries, loc='outside lower center', ncols=3, frameon=False, fontsize=9)
    return figure


def scale_figure(scales: Mapping[str, Scale]) -> Figure:
    """How the features' means and standard deviations spread, one line a modality (Fig. 2).

    Args:
        scales: By modality.
    """
    figure = _figure(8, 3.4)
    panels = figure.subplots(1, 2)
    kinds = (('mean of a feature', 'feature_means'), ('standard deviation of a feature', 'feature_stds'))
    for panel, (label, name) in zip(panels, kinds, strict=True):
        values = {modality: getattr(scale, name).numpy(force=True) for modality, scale in scales.items()}
        bins = np.histogram_bin_edges(np.concatenate([*values.values()]), bins=30)
        for value, colour in zip(values.values(), cycle(COLOURS)):
            shares = 100 * np.histogram(value, bins)[0] / len(value)
            panel.stairs(shares, bins, color=colour, fill=True, alpha=0.25)
            panel.stairs(shares, bins, color=colour, linewidth=1.5)
            panel.axvline(value.mean(), color=colour, linestyle='--', linewidth=1.2)
        panel.set_xlabel(label)
        panel.set_ylabel('features (%)')
        _plain(panel)
    entries = [
        Line2D([], [], color=colour, label=f'{modality}: all entries {scale.mean:.3f} ± {scale.std:.3f}')
        for (modality, scale), colour in zip(scales.items(), cycle(COLOURS))
    ]
    entries.append(Line2D([], [], color='grey', linestyle='--', label='mean over the features'))
    figure.legend(handles=entries, loc='outside lower center', ncols=2, frameon=False, fontsize=9)
    return figure


def curve_figure(curves: Mapping[str, Curve]) -> Figure:
    """Loss and gradient over the difference of the features (Fig. 4).

    Args:
        curves: By loss.
    """
    figure = _figure(8, 3.4)
    panels = figure.subplots(1, 2)
    for panel, name in zip(panels, ('loss', 'gradient'), strict=True):
        for (label, curve), colour, style in zip(curves.items(), cycle(COLOURS), cycle(('-', '--', ':'))):
            panel.plot(curve.difference, getattr(curve, name), style, color=colour, linewidth=2, label=label)
        panel.set_xlabel('difference of the features')
        panel.set_ylabel(name)
        panel.grid(alpha=0.3)
        _plain(panel)
    handles = panels[0].get_legend_handles_labels()
    figure.legend(*handles, loc='outside lower center', ncols=len(curves), frameon=False)
    return figure


def embedding_figure(embeddings: Mapping[str, Embedding], classes: Mapping[int, str]) -> Figure:
    """t-SNE of teacher and student features, one panel a method: colour is the class, the marker the model (Fig. 6).

    Args:
        embeddings: By method.
        classes: Names of the classes that are shown, by number.
    """
    figure = _figure(4.2 * len(embeddings), 4.8)
    panels = figure.subplots(1, len(embeddings), squeeze=False)[0]
    palette = dict(zip(classes, _colours(len(classes)), strict=True))
    models = list(dict.fromkeys(model for embedding in embeddings.values() for model in embedding.points))
    markers = dict(zip(models, cycle(MARKERS)))
    for panel, (method, embedding) in zip(panels, embeddings.items(), strict=True):
        for model, points in embedding.points.items():
            filled = model == models[0]
            for number, colour in palette.items():
                x, y = points[embedding.labels == number].T
                face = colour if filled else 'none'
                panel.scatter(x, y, 22, marker=markers[model], facecolors=face, edgecolors=colour, linewidths=0.9)
        panel.set_title(method)
        panel.set_xticks([])
        panel.set_yticks([])
    shapes = [
        Line2D([], [], linestyle='', marker=markers[model], color='black', label=model,
               markerfacecolor='black' if model == models[0] else 'none')
        for model in models
    ]  # fmt: skip
    names = [
        Line2D([], [], linestyle='', marker='s', color=palette[number], label=name) for number, name in classes.items()
    ]
    longest = max(len(text) for text in (*models, *classes.values()))
    columns = max(1, min(len(shapes + names), int(figure.get_figwidth() / (0.08 * longest + 0.5))))  # inches
    figure.legend(handles=shapes + names, loc='outside lower center', ncols=columns, frameon=False, fontsize=9)
    return figure


def weight_figure(accuracy: np.ndarray, low: Sequence[float], high: Sequence[float], title: str = '') -> Figure:
    """Accuracy over the weights of the two bands (Fig. 5).

    Args:
        accuracy: In %, ``[len(low), len(high)]``, NaN for what is unfinished, which stays grey.
        low: Weights of the low band, lambda 1.
        high: Weights of the high band, lambda 2.
        title: Heading.
    """
    accuracy = np.asarray(accuracy, dtype=float)
    figure = _figure(1.9 + 0.85 * len(high), 1.3 + 0.7 * len(low))
    axes = figure.subplots()
    colours = matplotlib.colormaps['cividis'].with_extremes(bad='lightgrey')
    image = axes.imshow(np.ma.masked_invalid(accuracy), cmap=colours, interpolation='nearest', aspect='auto')
    for (row, column), value in np.ndenumerate(accuracy):
        known = np.isfinite(value)
        shade = 'white' if known and image.norm(value) < 0.55 else 'black'
        axes.text(column, row, f'{value:.1f}' if known else '-', ha='center', va='center', color=shade, fontsize=9)
    axes.set_xticks(range(len(high)), [f'{weight:g}' for weight in high])
    axes.set_yticks(range(len(low)), [f'{weight:g}' for weight in low])
    axes.set_xlabel('weight of the high band, $\\lambda_2$')
    axes.set_ylabel('weight of the low band, $\\lambda_1$')
    figure.suptitle(title, fontsize=10)
    figure.get_layout_engine().set(h_pad=0.1)  # inches; the colour bar's highest number ends above its axes
    if np.isfinite(accuracy).any():
        figure.colorbar(image, ax=axes, label='accuracy (%)')
    return figure


def write_figure(path: Path, figure: Figure) -> None:
    """Writes a figure as a PNG, in one step."""
    with written_whole(path) as partial:
        figure.savefig(partial, format='png', dpi=120)


def _figure(width: float, height: float) -> Figure:
    figure = Figure(figsize=(width, height), layout='constrained')
    FigureCanvasAgg(figure)
    return figure


def _plain(axes: matplotlib.axes.Axes) -> None:
    axes.spines[['top', 'right']].set_visible(False)


def _colours(count: int) -> list:
    """As many colours, from the palette where it has enough."""
    if count <= len(COLOURS):
        return list(COLOURS[:count])
    return [matplotlib.colormaps['viridis'](place) for place in np.linspace(0, 1, count)]
