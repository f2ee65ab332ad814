"""Options and profiles of the test suite."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "plain", deadline=None, max_examples=60, suppress_health_check=list(HealthCheck)
)
settings.register_profile("exhaustive", settings.get_profile("plain"), max_examples=2000)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--exhaustive", action="store_true", help="run everything, at full length")
    parser.addoption("--update-golden", action="store_true", help="rewrite golden files, and fail")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "exhaustive: runs with --exhaustive only")
    settings.load_profile("exhaustive" if config.getoption("--exhaustive") else "plain")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--exhaustive"):
        chosen = [item for item in items if "exhaustive" not in item.keywords]
        config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
        items[:] = chosen


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether to rewrite golden files."""
    return bool(request.config.getoption("--update-golden"))
