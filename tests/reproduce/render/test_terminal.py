"""The table as a terminal shows it."""

from fdkd.reproduce.render import render

EXPECTED = """\
Table 1: accuracy (%)
+---------+-----------------------------+---------+
| method  | CREMA-D A [paper]           | AVE V   |
+---------+-----------------------------+---------+
| teacher |  90.5 ± 0.7                 |  80.0   |
| alone   | _60.5 ± 0.7 [62.4]          |  -      |
| Feat    | *64.5 ± 0.7 ≈ [60.9]¹       |  failed |
| a|b_c   |  70.0 (1 of 3, 1 failed)¹ ² |  n/a    |
+---------+-----------------------------+---------+
Top-1.
mean ± standard deviation over seeds
[ ]: the paper's figure
*: best of a column, _: second (cells with all seeds, compared as printed)
≈: within noise of the student alone (a 95 % interval of the difference contains 0, or none is known)
(2 of 3): two of three seeds are finished
-: not run
n/a: does not apply
¹ resumed
² 50 % of it
Made with --jobs 2.
"""


def test_terminal(table):
    assert render(table, 'terminal') == EXPECTED
