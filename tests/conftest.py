"""Options and profiles of the test suite."""

from __future__ import annotations

import re

import pytest
from _pytest.doctest import DoctestItem
from hypothesis import HealthCheck, settings

collect_ignore = ["fuzz_coverage.py"]  # a program, and needs the extra fuzz
TORCH_DOCTEST = re.compile(r"resnet_dsl(\.pytorch\..*|\.(build|lift|lift_checkpoint|convert))")

settings.register_profile(
    "plain",
    deadline=None,
    derandomize=True,  # the same code gets the same answer
    max_examples=20,
    suppress_health_check=list(HealthCheck),
)
settings.register_profile("quick", settings.get_profile("plain"), max_examples=5)
settings.register_profile("exhaustive", settings.get_profile("plain"), max_examples=1000)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--exhaustive", action="store_true", help="run everything, at full length")
    parser.addoption("--update-golden", action="store_true", help="rewrite golden files, and fail")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "exhaustive: runs with --exhaustive only")
    config.addinivalue_line("markers", "torch: needs torch")
    if config.getoption("--exhaustive"):
        settings.load_profile("exhaustive")
    elif config.getoption("--hypothesis-profile") is None:
        settings.load_profile("plain")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if isinstance(item, DoctestItem) and TORCH_DOCTEST.fullmatch(item.name):
            item.add_marker("torch")
    if not config.getoption("--exhaustive"):
        chosen = [item for item in items if "exhaustive" not in item.keywords]
        config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
        items[:] = chosen


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether to rewrite golden files."""
    return bool(request.config.getoption("--update-golden"))
