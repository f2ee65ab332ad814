"""Files are written whole or not at all: kills, full disks, folders without permission."""

from __future__ import annotations

import os
import random
import resource
import signal
import stat
import time
from collections.abc import Callable
from itertools import cycle
from pathlib import Path

import pytest

from resnet_dsl import SpecError
from resnet_dsl.reader.files import rewritten, whole
from resnet_dsl.reader.layout import format_text, rewrite
from resnet_dsl.sources.fixing import fix_file

MESSY = "extends: resnet18\nstem:\n- '7×7,64,/2'\n- '3x3 max pool,/2'\n" + "# a comment\n" * 2_000


def killed(work: Callable[[], object], seconds: float) -> None:
    """Work in a process of its own that is killed after a while."""
    child = os.fork()
    if not child:  # no clean-up here: nothing may run in the place of the kill
        try:
            while True:
                work()
        finally:
            os._exit(1)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def kills(*, exhaustive: bool) -> int:
    return 200 if exhaustive else 20


@pytest.fixture
def number_of_kills(request: pytest.FixtureRequest) -> int:
    return kills(exhaustive=bool(request.config.getoption("--exhaustive")))


def test_a_kill_leaves_the_old_text_or_the_new_one(tmp_path: Path, number_of_kills: int) -> None:
    path = tmp_path / "a.yaml"
    neat = format_text(MESSY)
    texts = cycle([MESSY, neat])
    path.write_text(MESSY)
    draw = random.Random(0)  # noqa: S311 - a seeded choice, no secret
    for _ in range(number_of_kills):
        killed(lambda: rewritten(path, next(texts)), draw.uniform(0, 0.01))
        assert path.read_text() in {MESSY, neat}


def test_a_kill_of_fmt_leaves_the_old_spec_or_the_new_one(
    tmp_path: Path, number_of_kills: int
) -> None:
    path = tmp_path / "a.yaml"
    draw = random.Random(1)  # noqa: S311 - a seeded choice, no secret
    neat = format_text(MESSY)
    for _ in range(number_of_kills // 4):
        path.write_text(MESSY)
        killed(lambda: rewrite(str(path)), draw.uniform(0, 0.12))
        assert path.read_text() in {MESSY, neat}


@pytest.fixture
def small_files() -> object:
    """Files that cannot grow over a kilobyte, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    signal.signal(signal.SIGXFSZ, handler)


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(MESSY)
    request.getfixturevalue("small_files")
    with pytest.raises(SpecError, match="file too large") as error:
        rewrite(str(path))
    assert error.value.diagnostics[0].code == "file"
    assert path.read_text() == MESSY
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(MESSY)
    tmp_path.chmod(0o500)
    with pytest.raises(SpecError, match="permission denied"):
        rewrite(str(path))
    assert path.read_text() == MESSY


def test_a_place_that_cannot_be_written_to_is_named() -> None:
    with pytest.raises(SpecError, match=r"/proc/a\.yaml"), whole(Path("/proc/a.yaml")) as draft:
        draft.write_text("x")


@pytest.mark.parametrize("mode", [0o640, 0o755, 0o444])
def test_the_mode_of_a_file_stays(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("extend: resnet18\n")
    path.chmod(mode)
    assert fix_file(str(path)).change
    assert path.read_text() == "extends: resnet18\n"
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("extend: resnet18\n")
    link = tmp_path / "b.yaml"
    link.symlink_to("a.yaml")
    assert fix_file(str(link)).change
    assert link.is_symlink()
    assert (tmp_path / "a.yaml").read_text() == "extends: resnet18\n"


def test_an_error_while_writing_leaves_nothing_behind(tmp_path: Path) -> None:
    def half(path: Path) -> None:
        with whole(path) as draft:
            draft.write_text("half")
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        half(tmp_path / "a.yaml")
    assert list(tmp_path.iterdir()) == []
