"""Files that are written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from resnet_dsl.diagnostics import fail


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A path beside the target to write to; it takes the target's place once all went well."""
    target = path.resolve()
    draft = target.with_name(f".{target.name}.{os.getpid()}.draft")
    try:
        yield draft
        draft.replace(target)
    except OSError as error:
        raise fail("file", f"{path}: {(error.strerror or 'not writable').lower()}") from None
    finally:
        draft.unlink(missing_ok=True)
