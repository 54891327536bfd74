"""The paper's figures: counted, and looked up one by one."""

import pytest

from fdkd.reproduce.paper import _COLUMNS, _FIGURES, METHOD_NAMES, TITLES, paper_figure, paper_note

ALL, NONE = (True,) * 4, (False,) * 4
UNREADABLE = {'logit': 70, 'dist': 71, 'dml': 71, 'nkd': 71, 'dkd': 70, 'feat': 70, 'ofd': 71, 'afd': 72}


@pytest.mark.parametrize(
    ('figure', 'place'),
    [
        (62.4, ('table1', 'cremad', 'audio', 'unimodal')),
        (61.2, ('table1', 'cremad', 'visual', 'dml')),
        (58.0, ('table1', 'ave', 'audio', 'ofd')),
        (47.8, ('table1', 'ave', 'visual', 'fdkd')),
        (62.9, ('table1', 'vggsound', 'audio', 'pkd')),
        (47.9, ('table1', 'vggsound', 'visual', 'c2kd')),
        (69.8, ('table1', 'crisismmd', 'text', 'afd')),
        (70.9, ('table1', 'crisismmd', 'image', 'pkd')),
        (32.5, ('table2', 'nyu', 'depth', 'dkd')),
        (36.9, ('table2', 'nyu', 'rgb', 'fdkd')),
        (34.1, ('table2', 'nyu', 'rgb', 'unimodal')),
        (68.7, ('table3', 'cremad', 'visual', (True, False, False, False))),
        (63.2, ('table3', 'ave', 'audio', (False, True, False, False))),
        (44.8, ('table3', 'ave', 'visual', (True, False, True, False))),
        (67.5, ('table4', 'cremad', 'visual', (True, False))),
        (64.2, ('table4', 'ave', 'audio', (False, True))),
    ],
)
def test_figures(figure, place):
    assert paper_figure(*place) == figure
    assert paper_note(*place) is None


@pytest.mark.parametrize(
    ('table', 'rows', 'columns'), [('table1', 12, 8), ('table2', 9, 2), ('table3', 7, 4), ('table4', 3, 4)]
)
def test_every_table_is_complete(table, rows, columns):
    assert table in TITLES
    assert len(_FIGURES[table]) == rows
    assert len(set(_COLUMNS[table])) == columns
    for row, printed in _FIGURES[table].items():
        assert len(printed.split()) == columns, row
        for data, student in _COLUMNS[table]:
            figure = paper_figure(table, data, student, row)
            if figure is None:
                assert (table, data, student) == ('table1', 'crisismmd', 'image')
                assert row in UNREADABLE
            else:
                assert 25 < figure < 80


@pytest.mark.parametrize('method', UNREADABLE)
def test_a_figure_without_its_decimal_is_told_and_not_guessed(method):
    place = ('table1', 'crisismmd', 'image', method)
    assert paper_figure(*place) is None
    assert f'from {UNREADABLE[method]}.0 to {UNREADABLE[method]}.9' in paper_note(*place)


@pytest.mark.parametrize(
    'place',
    [
        ('table1', 'grid', 'audio', 'fdkd'),
        ('table1', 'cremad', 'audio', 'rkd'),
        ('table1', 'crisismmd', 'visual', 'fdkd'),
        ('table2', 'nyu', 'rgb', 'dml'),
        ('table3', 'vggsound', 'audio', ALL),
        ('table3', 'ave', 'audio', (False, False, True, False)),
        ('table4', 'ave', 'audio', (False, False)),
    ],
)
def test_what_the_paper_does_not_have(place):
    assert paper_figure(*place) is None
    assert paper_note(*place) is None


def test_the_paper_has_four_tables():
    with pytest.raises(KeyError):
        paper_figure('table5', 'ave', 'audio', 'fdkd')
    assert list(TITLES) == list(_FIGURES) == list(_COLUMNS)


@pytest.mark.parametrize(('data', 'student'), _COLUMNS['table3'])
def test_the_tables_agree_where_they_show_the_same(data, student):
    assert paper_figure('table3', data, student, NONE) == paper_figure('table1', data, student, 'feat')
    whole = [paper_figure('table1', data, student, 'fdkd'), paper_figure('table3', data, student, ALL)]
    assert whole == [paper_figure('table4', data, student, (True, True))] * 2


def test_every_method_of_the_configs_has_a_name(request):
    folders = {path.name for path in (request.config.rootpath / 'configs').iterdir() if path.is_dir()}
    assert folders - {'_base_', 'demo'} <= METHOD_NAMES.keys()
    assert _FIGURES['table1'].keys() | _FIGURES['table2'].keys() <= METHOD_NAMES.keys()
    assert len(set(METHOD_NAMES.values())) == len(METHOD_NAMES)
