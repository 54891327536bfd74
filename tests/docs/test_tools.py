"""What builds the site: formulas, docstrings, names of code, measured figures."""

import pytest

from tests.docs.conftest import REPOSITORY

pytest.importorskip('mkdocs', reason='MkDocs is not installed (requirements/docs.txt)')


@pytest.mark.parametrize(
    'formula',
    [
        r'\frac1N \sum_i x_i',
        r'\Big\lVert x \Big\rVert_2',
        r'\tfrac12 \big(a - b\big)',
        r'\mathbb E[x]',
        r'\sqrt Q',
        r'\frac{a}{\Big/}',
    ],
)
def test_a_formula_is_drawn(formula):
    from formulas import drawn

    svg = drawn(formula)
    assert svg.startswith('<svg class="formula" role="img"')
    assert 'currentColor' in svg
    assert 'NaN' not in svg


def test_a_formula_that_cannot_be_drawn_stops_the_build():
    from formulas import drawn
    from mkdocs.exceptions import PluginError

    with pytest.raises(PluginError, match=r'cannot be drawn: \\begin\{cases\}'):
        drawn(r'\begin{cases} 0 \end{cases}')


def test_docstrings_become_markdown():
    griffe = pytest.importorskip('griffe')
    from docstrings import markdown

    module = griffe.visit(
        'm', REPOSITORY / 'm.py', 'from torch import Tensor\ndef f(): ...\nclass C:\n    def g(self): ...\n'
    )
    text = (
        'See :func:`f`, :class:`~torch.nn.Module` and :class:`Tensor`.\n\n    .. math::\n        a +\n          b\n\n'
        'so :math:`x` is.\n\nExample:\n    >>> 1\n'
    )
    assert markdown(text, module) == (
        'See <autoref identifier="m.f" optional><code>f</code></autoref>, '
        '<autoref identifier="torch.nn.Module" optional><code>Module</code></autoref> and '
        '<autoref identifier="torch.Tensor" optional><code>Tensor</code></autoref>.\n\n'
        '\n    ```math\n    a + b\n    ```\n\n\n'
        'so $`x`$ is.\n\nExamples:\n    >>> 1\n'
    )


def test_names_are_looked_up_where_they_stand():
    from code_names import find

    path, first, last = find('fdkd.distill.losses.fdkd.symmetric_log')
    lines = (REPOSITORY / path).read_text().splitlines()
    assert lines[first - 1].startswith('def symmetric_log(')
    assert 'return sign * (sign * x).log1p()' in lines[last - 1]
    assert find('fdkd.distill.decouplers.fourier.FourierDecoupler.forward')[0] == 'fdkd/distill/decouplers/fourier.py'
    for name in ('fdkd.distill.losses.fdkd.absent', 'fdkd.absent.thing', 'fdkd.absent'):
        with pytest.raises(LookupError, match='absent'):
            find(name)


def test_means_and_rows_of_tables(tmp_path):
    from measured import mean_and_spread, table_rows

    assert mean_and_spread([71.25]) == '71.2'
    assert mean_and_spread([1.0, 2.0, 3.0]) == '2.0 ± 1.0'
    page = tmp_path / 'page.md'
    page.write_text(
        '| a | b |\n|---|---|\n| 1 | Feature |\n\n| c | d |\n|---|---|\n| 1 | Feat (x) |\n| 2 | Feat |\n| 3 | PKD |\n'
    )
    assert table_rows(page, 1, 'Feat') == (['c', 'd'], [['1', 'Feat (x)'], ['2', 'Feat']])
    assert table_rows(page, 1, 'DKD') == ([], [])


def test_a_damaged_ledger_stops_the_build(tmp_path, monkeypatch):
    import measured

    text = measured.LEDGER.read_text()
    assert measured.runs_as_published()
    monkeypatch.setattr(measured, 'LEDGER', tmp_path / 'ledger.jsonl')
    measured.LEDGER.write_text(text[:-200])
    with pytest.raises(ValueError, match='damaged lines'):
        measured.runs_as_published()
