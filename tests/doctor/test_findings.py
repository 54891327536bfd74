"""How many samples are named one by one."""

import pytest

from fdkd.doctor.findings import few


@pytest.mark.parametrize(('total', 'named'), [(0, 3), (1, 3), (399, 3), (400, 4), (1449, 14)])
def test_a_hundredth_and_never_less_than_three(total, named):
    assert few(total) == named
