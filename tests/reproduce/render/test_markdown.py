"""The table in Markdown, and what a Markdown parser reads of it."""

import re

import pytest

from fdkd.reproduce.render import render
from fdkd.reproduce.result import Cell, ResultTable, Row

EXPECTED = r"""### Table 1: accuracy (%)

| method | CREMA-D A \[paper\] | AVE V |
| :--- | :--- | :--- |
| teacher | 90.5 ± 0.7 | 80.0 |
| alone | <u>60.5 ± 0.7</u> \[62.4\] | - |
| Feat | **64.5 ± 0.7** ≈ \[60.9\]<sup>1</sup> | failed |
| a\|b\_c | 70.0 (1 of 3, 1 failed)<sup>1</sup> <sup>2</sup> | n/a |

Top-1.

mean ± standard deviation over seeds; \[ \]: the paper's figure; bold: best of a column, underlined: second (cells with all seeds, compared as printed); ≈: within noise of the student alone (a 95 % interval of the difference contains 0, or none is known); (2 of 3): two of three seeds are finished; -: not run; n/a: does not apply

<sup>1</sup> resumed

<sup>2</sup> 50 % of it

Made with --jobs 2.
"""  # noqa: E501


def test_markdown(table):
    assert render(table, 'markdown') == EXPECTED


@pytest.mark.parametrize(
    'text',
    ['a|b', r'a\|b', 'a\\', '**a**', '_a_', '`a`', '<b>', '&lt;', '[a](b)', '~~a~~', '# a', '$x$', '{a}', 'λ1 x λ2'],
)
def test_any_label_is_shown_as_it_is(text):
    parser = pytest.importorskip('markdown_it').MarkdownIt('gfm-like', {'linkify': False}).disable('linkify')
    table = ResultTable(text, ('method',), (f'{text} of a column',), (Row((text,), (Cell((1.0,), 1),)),), text, (text,))
    tokens = parser.parse(render(table, 'markdown'))
    read = [''.join(child.content for child in token.children) for token in tokens if token.type == 'inline']
    assert read == [text, 'method', f'{text} of a column', text, '1.0', text, text]
    markup = {child.type for token in tokens if token.type == 'inline' for child in token.children}
    assert markup <= {'text', 'text_special'}


def test_every_line_has_as_many_cells(table):
    lines = [line for line in render(table, 'markdown').splitlines() if line.startswith('|')]
    assert {len(re.findall(r'(?<!\\)\|', line)) for line in lines} == {4}
