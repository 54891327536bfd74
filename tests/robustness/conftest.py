"""What the tests that try many inputs share: how many they try, and what stops one that goes wrong.

``FDKD_FUZZ=10 pytest tests/robustness -k fuzz`` tries ten times as many, other ones each time, and says how many.
"""

import pytest
from hypothesis import HealthCheck, settings

from tests.support.fuzzing import FACTOR, TRIED, limited

settings.register_profile(
    'fdkd',
    derandomize=FACTOR == 1,
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large,
        HealthCheck.filter_too_much,
    ],
)  # fmt: skip
settings.load_profile('fdkd')


@pytest.fixture
def bounded():
    """Stops a test that asks for much memory or goes on for minutes."""
    with limited():
        yield


def pytest_terminal_summary(terminalreporter):
    if FACTOR > 1:
        for name, (tried, refused) in sorted(TRIED.items()):
            terminalreporter.write_line(f'{name}: {tried:,} inputs read, {refused:,} of them refused')
