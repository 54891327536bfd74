"""Geometry of the page's line charts; ``templates/charts.html`` draws them as SVG."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.ticker import LogLocator, MaxNLocator

WIDTH, HEIGHT = 440, 250
#: Edges of the plot, which leaves room for the labels of the axes.
LEFT, RIGHT, TOP, BOTTOM = 54, WIDTH - 14, 28, HEIGHT - 40
#: Colours of the style sheet; beyond them lines are told apart by their dashes.
COLOURS = 6
DASHES = ('', '7 3', '2 3', '8 3 2 3', '12 4', '4 2', '1 2', '10 2 2 2 2 2', '14 3 3 3')
#: Longer curves are averaged down to as many points.
MOST_POINTS = 240
#: Shorter curves show each point.
MOST_MARKERS = 40
#: Curves whose level differs more than so many times are drawn on a logarithmic axis.
LOG_RATIO = 50

Point = tuple[float, float]


@dataclass(frozen=True)
class Series:
    """A curve to draw, ``(x, y)`` in order of ``x``; ``index`` picks its colour and dashes."""

    name: str
    points: tuple[Point, ...]
    index: int = 0


@dataclass(frozen=True)
class Line:
    """A curve as drawn: an SVG path, the points that are shown with their tooltips, and how the legend shows it."""

    name: str
    path: str
    markers: list[tuple[float, float, str]]
    colour: int
    dash: str
    told: str  # where it starts and ends
    last: str  # the last value


@dataclass(frozen=True)
class Chart:
    """A chart as drawn: ticks are a position and its text."""

    title: str
    x_label: str
    y_label: str
    x_ticks: list[tuple[float, str]]
    y_ticks: list[tuple[float, str]]
    lines: list[Line]
    rule: tuple[float, str] | None
    notes: list[str]


def line_chart(
    title: str,
    series: Sequence[Series],
    x_label: str,
    y_label: str,
    x_range: tuple[float, float] | None = None,
    y_range: tuple[float, float] | None = None,
    rule: tuple[float, str] | None = None,
) -> Chart | None:
    """Lays out a chart.

    Args:
        title: What it shows.
        series: The curves; a value that is not finite interrupts its curve.
        x_label: What ``x`` is, with its unit.
        y_label: What ``y`` is, with its unit.
        x_range: Ends of the axis; otherwise it goes from 0 to the last point.
        y_range: Ends of the axis; otherwise it goes over the values.
        rule: ``x`` of a vertical line and what it marks.

    Returns:
        The chart, or None without a finite value.
    """
    curves = {entry: thin(entry.points) for entry in series}
    values = [y for points in curves.values() for _, y in points if math.isfinite(y)]
    if not values:
        return None
    x_axis = _axis(x_range or [0, *(x for points in curves.values() for x, _ in points)], LEFT, RIGHT)
    log = y_range is None and _spread(list(curves.values())) > LOG_RATIO
    y_axis = _axis(y_range or values, BOTTOM, TOP, log, whole_ticks=y_range is None)
    lines = [_line(entry, points, x_axis, y_axis, x_label) for entry, points in curves.items()]
    merged = max(math.ceil(len(entry.points) / MOST_POINTS) for entry in series)
    notes = [f'Points are means of {merged} logged values.'] if merged > 1 else []
    absent = [entry.name for entry, points in curves.items() if not any(math.isfinite(y) for _, y in points)]
    notes += [f'No finite value: {", ".join(absent)}.'] if absent else []
    marked = (x_axis.place(rule[0]), rule[1]) if rule and x_axis.low <= rule[0] <= x_axis.high else None
    y_label += ', log scale' if log else ''
    return Chart(title, x_label, y_label, x_axis.ticks, y_axis.ticks, [line for line in lines if line], marked, notes)


def number(value: float) -> str:
    """A figure for an axis or a tooltip, of four digits at most."""
    return f'{value:.4g}' if abs(value) < 1e4 or not math.isfinite(value) else f'{value:,.0f}'


def thin(points: Sequence[Point]) -> list[Point]:
    """Averages neighbours until at most 240 points are left; a mean over a value that is not finite is NaN."""
    size = math.ceil(len(points) / MOST_POINTS)
    if size <= 1:
        return list(points)
    groups = [np.array(points[start : start + size]) for start in range(0, len(points), size)]
    means = [np.where(np.isfinite(group).all(0), group.mean(0), np.nan) for group in groups]
    return [(float(group[:, 0].mean()), float(mean[1])) for group, mean in zip(groups, means, strict=True)]


def _spread(curves: Sequence[Sequence[Point]]) -> float:
    """How many times the largest value exceeds the median of the lowest curve; 0 where a value is not positive."""
    finite = [ys for points in curves if (ys := [y for _, y in points if math.isfinite(y)])]
    if any(y <= 0 for ys in finite for y in ys):
        return 0
    return max(map(max, finite)) / min(float(np.median(ys)) for ys in finite)


@dataclass(frozen=True)
class _Axis:
    """The values ``low`` and ``high`` lie at the pixels ``start`` and ``end``."""

    low: float
    high: float
    start: float
    end: float
    log: bool
    ticks: list[tuple[float, str]]

    def place(self, value: float) -> float:
        return _place(value, self.low, self.high, self.start, self.end, self.log)


def _axis(values: Sequence[float], start: float, end: float, log: bool = False, whole_ticks: bool = False) -> _Axis:
    """An axis over ``values``, which ends at ticks where ``whole_ticks``."""
    low, high = min(values), max(values)
    if log:
        low, high = low / 1.1, high * 1.1
        ticks = LogLocator(subs=(1, 2, 5) if high < 50 * low else (1,), numticks=7).tick_values(low, high)
    else:
        if high - low <= 1e-9 * max(abs(low), abs(high)):  # one value, or the noise of rounding
            margin = abs(low) / 10 or 1
            low, high = low - margin, high + margin
        ticks = MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
        if whole_ticks:
            low, high = ticks[0], ticks[-1]
    shown = [float(tick) for tick in ticks if low <= tick <= high]
    return _Axis(low, high, start, end, log, [(_place(t, low, high, start, end, log), number(t)) for t in shown])


def _place(value: float, low: float, high: float, start: float, end: float, log: bool) -> float:
    if log:
        value, low, high = map(math.log, (value, low, high))
    return round(start + (value - low) / (high - low) * (end - start), 1)


def _line(series: Series, points: Sequence[Point], x_axis: _Axis, y_axis: _Axis, x_label: str) -> Line | None:
    finite = [(x, y) for x, y in points if math.isfinite(y)]
    if not finite:
        return None
    placed = [(x_axis.place(x), y_axis.place(y)) if math.isfinite(y) else None for x, y in points]
    told = [f'{number(y)} at {x_label} {number(x)}' for x, y in finite]
    markers = [(*spot, f'{series.name}: {text}') for spot, text in zip(filter(None, placed), told, strict=True)]
    return Line(
        name=series.name,
        path=_path(placed),
        markers=markers if len(points) <= MOST_MARKERS else [],
        colour=series.index % COLOURS,
        dash=DASHES[series.index // COLOURS % len(DASHES)],
        told=f'{series.name}: from {told[0]} to {told[-1]}',
        last=number(finite[-1][1]),
    )


def _path(places: Sequence[Point | None]) -> str:
    """An SVG path that starts anew behind each gap."""
    text, down = [], False
    for place in places:
        if place:
            text.append(f'{"L" if down else "M"}{place[0]:g} {place[1]:g}')
        down = place is not None
    return ''.join(text)
