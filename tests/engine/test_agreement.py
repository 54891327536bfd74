"""Numbers that ranks exchange one call late."""

from mmengine.dist import get_rank

from fdkd.engine.agreement import Agreement
from tests.support.processes import on_two_processes


def exchange():
    agreement = Agreement()
    found = [agreement.ask(number if get_rank() else 0) for number in (0, 15, 0)]
    found += [agreement.finish(), agreement.finish(), agreement.ask(get_rank() * 2), agreement.finish()]
    agreement.meet()
    return found, agreement.least(7 - get_rank()), Agreement()._group is agreement._group


def test_two_ranks_learn_the_largest_number_one_call_late(tmp_path):
    assert on_two_processes(exchange, tmp_path) == [([0, 0, 15, 0, 0, 0, 2], 6, True)] * 2


def test_a_process_alone_agrees_with_itself_at_once():
    agreement = Agreement()
    assert [agreement.ask(15), agreement.finish(), agreement.least(3), agreement.meet()] == [15, 0, 3, None]
