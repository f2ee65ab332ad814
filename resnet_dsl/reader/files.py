"""Files: where a path leads, and writing whole or not at all."""

from __future__ import annotations

import codecs
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from resnet_dsl.diagnostics import fail


def real(path: Path) -> Path:
    """Where a path leads, links followed; a link that leads in circles leads to itself."""
    return Path(os.path.realpath(path))  # Path.resolve raises for such links


def check_place(path: Path, *, force: bool = True, inputs: Iterable[Path] = ()) -> None:
    """Whether a file may be written there, as far as that shows before the work is done.

    With `force` it may take the place of another one, but never of one of the `inputs`.
    """
    if not os.path.isdir(os.path.dirname(os.path.abspath(path))):
        help = f"make the folder first: mkdir {path.parent}"
        raise fail("file", f"{path}: no such folder", help=help)
    if os.path.isdir(path):
        raise fail("file", f"{path}: is a folder", help="name a file in it")
    if any(_reads(other, path) for other in inputs):
        raise fail("file", f"{path}: is read or written here already", help="write to another file")
    if not force and os.path.isfile(path):
        raise fail("file", f"{path}: exists already", help="--force writes over it")


def rewritten(path: Path, text: str) -> None:
    """Put a text in the place of that of a file; its mode and its byte order mark stay."""
    with whole(path) as draft:
        mark = codecs.BOM_UTF8 if path.read_bytes().startswith(codecs.BOM_UTF8) else b""
        draft.write_bytes(mark + text.encode())


def _reads(source: Path, path: Path) -> bool:
    """Whether a file may be one of those that a source is read from: itself, or one of the files
    in a folder or beside an index."""
    if real(source) == real(path):
        return True
    several = source.name.endswith(".index.json") or "-of-" in source.stem
    folder = source if source.is_dir() else source.parent if several else None
    return folder is not None and os.path.exists(path) and real(path).parent == real(folder)


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A path beside the target to write to; it takes the target's place once all went well."""
    target = real(path)
    if os.path.exists(target) and not os.path.isfile(target) and not os.path.isdir(target):
        raise fail("file", f"{path}: is no regular file", help="write to another place")
    draft = target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}.draft")
    try:
        # a file of its own: none that is there is opened, nor where a link leads
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        yield draft
        with draft.open("rb+") as file:
            os.fsync(file.fileno())  # on the disk before it takes the name
        if os.path.isfile(target):
            shutil.copymode(target, draft)
        draft.replace(target)
    except OSError as error:
        reason = (error.strerror or "not writable").lower()
        help = "nothing is changed: write to another place, or make room"
        raise fail("file", f"{path}: {reason}", help=help) from None
    finally:
        with suppress(OSError):  # nothing to remove
            draft.unlink()
