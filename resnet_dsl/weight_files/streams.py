"""The bytes of a file, mapped into memory: what is not needed is not read."""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Final

_LINE: Final = 256


def mapped(path: Path) -> memoryview:
    """All bytes of a file, read when they are used; what is written to them stays in memory."""
    with path.open("rb") as file:
        if not file.seek(0, 2):
            return memoryview(b"")
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))


class ViewStream:
    """A stream over bytes that copies only what is read, and never more than there is."""

    def __init__(self, view: memoryview, position: int = 0) -> None:
        self.view = view
        self.position = position

    def read(self, count: int | None = -1) -> bytes:
        end = len(self.view) if count is None or count < 0 else self.position + count
        content = bytes(self.view[self.position : end])
        self.position += len(content)
        return content

    def readline(self) -> bytes:
        size = _LINE
        while True:
            content = bytes(self.view[self.position : self.position + size])
            end = content.find(b"\n") + 1
            if end or len(content) < size:
                line = content[:end] if end else content
                self.position += len(line)
                return line
            size *= 4

    def tell(self) -> int:
        return self.position

    def seek(self, offset: int, whence: int = 0) -> int:
        start = (0, self.position, len(self.view))[whence]
        self.position = max(0, start + offset)
        return self.position

    def seekable(self) -> bool:
        return True
