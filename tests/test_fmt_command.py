"""`resnet-dsl fmt`: files, the standard input, `--write` and `--check`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from resnet_dsl import zoo
from resnet_dsl.language.shipped import zoo_path
from tests.command import run

VARIANT = "extends: resnet18\n"


def test_fmt_prints_specs_one_after_the_other(tmp_path: Path) -> None:
    source = tmp_path / "spec.yaml"
    source.write_bytes(b"extends: resnet18\r\nhead: [Flatten]  # end")
    result = run("fmt", "resnet34", str(source))
    assert (result.exit_code, result.stderr) == (0, "")
    shipped = zoo_path("resnet34").read_bytes()
    assert result.stdout_bytes == shipped + b"extends: resnet18\r\nhead: [flatten]  # end\r\n"
    assert source.read_bytes().endswith(b"# end")


def test_fmt_reads_the_standard_input() -> None:
    result = run("fmt", "-", input="\ufeffextends: resnet18\nhead: [fc 10]  # ×".encode())
    assert result.stdout == "extends: resnet18\nhead: [10-d fc]  # ×\n"
    assert run("fmt", "-", input=b"extends: resnet18\n\xff").exit_code == 2
    assert (
        "<stdin>:2:1: error[not-text]" in run("fmt", "-", input=b"extends: resnet18\n\xff").stderr
    )
    assert "error[limit]" in run("fmt", "-", input=b"#" * 2_000_000).stderr
    assert run("fmt", "--check", "-", input=b"extends: resnet18\nhead: [fc 10]").exit_code == 1


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with a spec in canonical form, a sloppy one, and one that is none."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tidy.yaml").write_text(VARIANT)
    (tmp_path / "sloppy.yaml").write_text(VARIANT + "head: [fc 10]\n")
    (tmp_path / "broken.yaml").write_text(VARIANT + "head: [fc ten]\n")
    return tmp_path


def test_fmt_write_rewrites_what_changes_and_nothing_else(folder: Path) -> None:
    for name in ("tidy.yaml", "sloppy.yaml"):
        (folder / name).chmod(0o600)
        os.utime(folder / name, (1, 1))
    result = run("fmt", "--write", "tidy.yaml", "sloppy.yaml", "sloppy.yaml")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "rewrote sloppy.yaml\n"
    assert (folder / "tidy.yaml").stat().st_mtime == 1
    assert (folder / "sloppy.yaml").read_text() == VARIANT + "head: [10-d fc]\n"
    assert (folder / "sloppy.yaml").stat().st_mode & 0o777 == 0o600
    assert len(list(folder.iterdir())) == 3


def test_fmt_write_keeps_links_and_byte_order_marks(folder: Path) -> None:
    (folder / "link.yaml").symlink_to("sloppy.yaml")
    (folder / "sloppy.yaml").write_bytes(b"\xef\xbb\xbfextends: resnet18\r\nhead: [fc 10]\r\n")
    assert run("fmt", "--write", "link.yaml").stderr == "rewrote link.yaml\n"
    assert (folder / "link.yaml").is_symlink()
    assert (folder / "sloppy.yaml").read_bytes() == (
        b"\xef\xbb\xbfextends: resnet18\r\nhead: [10-d fc]\r\n"
    )
    assert run("fmt", "--check", "sloppy.yaml").exit_code == 0


def test_fmt_check_names_what_would_change_and_writes_nothing(folder: Path) -> None:
    before = {source.name: source.read_bytes() for source in folder.iterdir()}
    result = run("fmt", "--check", "tidy.yaml", "sloppy.yaml", "resnet50")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "would rewrite sloppy.yaml\n"
    assert {source.name: source.read_bytes() for source in folder.iterdir()} == before
    assert run("fmt", "--check", "tidy.yaml", *zoo()[::5]).exit_code == 0


@pytest.mark.parametrize("option", ["--write", "--check"])
def test_a_spec_that_cannot_be_read_does_not_keep_others_from_it(folder: Path, option: str) -> None:
    broken = (folder / "broken.yaml").read_bytes()
    result = run("fmt", option, "broken.yaml", "sloppy.yaml", "nowhere.yaml")
    assert (result.exit_code, result.stdout) == (2, "")
    lines = result.stderr.splitlines()
    assert lines[0] == "broken.yaml:2:8: error[row]: 'fc ten' is not a layer"
    assert {"rewrote sloppy.yaml", "would rewrite sloppy.yaml"} & set(lines)
    assert lines[-1] == "2 of 3 specs have errors"
    assert (folder / "broken.yaml").read_bytes() == broken


@pytest.mark.usefixtures("folder")
def test_the_good_specs_are_printed_beside_a_bad_one() -> None:
    result = run("fmt", "broken.yaml", "tidy.yaml")
    assert (result.exit_code, result.stdout) == (2, VARIANT)


def test_specs_of_the_zoo_are_not_rewritten() -> None:
    result = run("fmt", "--write", "resnet50")
    assert result.exit_code == 2
    assert "a spec of your own: resnet-dsl new NAME --like resnet50" in result.stderr


@pytest.mark.parametrize("arguments", [["--write", "--check", "tidy.yaml"], ["--write", "-"], []])
def test_fmt_refuses_what_it_cannot_mean(folder: Path, arguments: list[str]) -> None:
    result = run("fmt", *arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith("Usage:")
    assert (folder / "tidy.yaml").read_text() == VARIANT


@pytest.mark.parametrize("option", ["--write", "--check", "--"])
def test_what_is_no_spec_is_a_diagnostic(folder: Path, option: str) -> None:
    (folder / "binary.yaml").write_bytes(bytes(range(256)))
    (folder / "loop.yaml").symlink_to("loop.yaml")
    (folder / "orphan.yaml").write_text("extends: nowhere.yaml")
    for spec in ("binary.yaml", "loop.yaml", "orphan.yaml", ".", "a/b.yaml", "resnet5O", ""):
        result = run("fmt", option, spec)
        assert result.exit_code == 2
        assert "error[" in result.stderr
        assert result.stdout == ""
