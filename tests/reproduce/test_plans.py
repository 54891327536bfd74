from fdkd.reproduce.plans import Plan, PlanCell, PlanRow
from fdkd.reproduce.runs import Run

ALONE = PlanCell((Run('alone.py', 0), Run('alone.py', 1)))
TAUGHT = PlanCell((Run('taught.py', 0), Run('taught.py', 1)))


def plan(*rows):
    return Plan('t', 'T', ('method',), ('one', 'two'), (ALONE, TAUGHT), rows)


def test_the_row_of_the_baselines_is_found_among_those_that_compete():
    reference = PlanRow(('most frequent class',), (ALONE, TAUGHT), ranked=False)
    other, alone = PlanRow(('other',), (ALONE, None)), PlanRow(('alone',), (ALONE, TAUGHT))
    assert plan(reference, other, alone).baseline_row == 2
    assert plan(reference, other).baseline_row is None


def test_a_figure_of_the_paper_does_not_hide_the_baselines():
    alone = PlanRow(('alone',), (PlanCell(ALONE.runs, paper=62.4), TAUGHT))
    assert plan(alone).baseline_row == 0
