"""Where the curves of a chart lie."""

import math

import pytest

from fdkd.report.charts import BOTTOM, COLOURS, DASHES, LEFT, RIGHT, TOP, Series, line_chart, number, thin


def test_values_are_placed_between_the_ticks_at_the_ends():
    chart = line_chart('T', [Series('a', ((0.0, 0.0), (5.0, 5.0), (10.0, 10.0)))], 'epoch', 'loss')
    middle = ((LEFT + RIGHT) / 2, (TOP + BOTTOM) / 2)
    assert chart.lines[0].path == f'M{LEFT} {BOTTOM}L{middle[0]:g} {middle[1]:g}L{RIGHT} {TOP}'
    assert [text for _, text in chart.x_ticks] == ['0', '2', '4', '6', '8', '10']
    assert chart.y_ticks[0] == (BOTTOM, '0')
    assert chart.y_ticks[-1] == (TOP, '10')
    assert chart.lines[0].markers[1] == (*middle, 'a: 5 at epoch 5')
    assert chart.lines[0].last == '10'
    assert chart.lines[0].told == 'a: from 0 at epoch 0 to 10 at epoch 10'
    assert (chart.y_label, chart.rule, chart.notes) == ('loss', None, [])


def test_the_axis_begins_at_0_and_the_ends_can_be_given():
    curve = [Series('a', ((4.0, 0.5),))]
    assert line_chart('T', curve, 'epoch', 'y').lines[0].markers[0][0] == RIGHT
    chart = line_chart('T', curve, 'f', 'y', x_range=(4, 5), y_range=(0, 1), rule=(4.5, 'cutoff'))
    assert chart.lines[0].markers[0][:2] == (LEFT, (TOP + BOTTOM) / 2)
    assert chart.rule == ((LEFT + RIGHT) / 2, 'cutoff')
    assert line_chart('T', curve, 'f', 'y', x_range=(4, 5), rule=(6, 'cutoff')).rule is None


def test_a_gap_interrupts_the_curve():
    points = ((0.0, 1.0), (1.0, math.nan), (2.0, 2.0), (3.0, math.inf), (4.0, 3.0))
    chart = line_chart('T', [Series('a', points), Series('b', ((0.0, math.nan),), 1)], 'x', 'y')
    [line] = chart.lines
    assert line.path.count('M') == 3
    assert 'L' not in line.path
    assert len(line.markers) == 3
    assert chart.notes == ['No finite value: b.']


def test_nothing_to_draw():
    assert line_chart('T', [], 'x', 'y') is None
    assert line_chart('T', [Series('a', ()), Series('b', ((1.0, math.nan),))], 'x', 'y') is None


def test_levels_far_apart_get_a_logarithmic_axis():
    chart = line_chart(
        'T', [Series('a', ((0.0, 10.0), (1.0, 10.0))), Series('b', ((0.0, 0.1), (1.0, 0.01)), 1)], 'x', 'y'
    )
    assert chart.y_label == 'y, log scale'
    high, *_, low = [line.markers[-1][1] for line in chart.lines]
    middle = chart.lines[1].markers[0][1]
    assert (low - middle) / (low - high) == pytest.approx(1 / 3, abs=0.005)  # a decade of three
    assert {'0.01', '0.1', '1', '10'} <= {text for _, text in chart.y_ticks}
    near = line_chart('T', [Series('a', ((0.0, 10.0),)), Series('b', ((0.0, 0.3),), 1)], 'x', 'y')
    negative = line_chart('T', [Series('a', ((0.0, 10.0),)), Series('b', ((0.0, -0.01),), 1)], 'x', 'y')
    assert (near.y_label, negative.y_label) == ('y', 'y')


@pytest.mark.parametrize('value', [0.0, 5.0, -3.0, 1e-12, 1e300])
def test_a_constant_lies_inside(value):
    chart = line_chart('T', [Series('a', ((0.0, value), (1.0, value)))], 'x', 'y')
    assert TOP <= chart.lines[0].markers[0][1] <= BOTTOM


def test_long_curves_are_averaged():
    points = tuple((float(step), float(step % 2)) for step in range(480))
    assert thin(points)[:2] == [(0.5, 0.5), (2.5, 0.5)]
    assert len(thin(points)) == 240
    assert thin(points[:240]) == list(points[:240])
    broken = thin(((0.0, math.nan), *points[1:]))
    assert math.isnan(broken[0][1])
    assert broken[1] == (2.5, 0.5)
    chart = line_chart('T', [Series('a', points)], 'x', 'y')
    assert chart.notes == ['Points are means of 2 logged values.']
    assert chart.lines[0].markers == []


def test_every_one_of_fifty_curves_looks_different():
    chart = line_chart('T', [Series(str(i), ((0.0, float(i)),), i) for i in range(50)], 'x', 'y')
    assert len({(line.colour, line.dash) for line in chart.lines}) == 50
    assert COLOURS * len(DASHES) >= 50


def test_number():
    assert [number(value) for value in (0.00123456, 12.3456, 12345.6, -20000, math.inf)] == [
        *('0.001235', '12.35', '12,346', '-20,000', 'inf'),
    ]
