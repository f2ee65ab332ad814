"""Zip archives without a copy: each stored entry is a part of the file's bytes."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import IO, Final, cast
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from resnet_dsl.weight_files.streams import ViewStream
from resnet_dsl.weight_files.values import FormatError

START: Final = b"PK\x03\x04"
_HEADER: Final = 30
_EXPANSION: Final = 20
"""How many times a file's own bytes may come out of its compressed entries."""


@dataclass(slots=True)
class Archive:
    """The entries of a zip by name, without the folder that all of them share."""

    view: memoryview
    zip: ZipFile
    entries: dict[str, ZipInfo]
    allowance: int

    def __contains__(self, name: object) -> bool:
        return name in self.entries

    def stored(self, name: str) -> memoryview:
        """The bytes of an entry that is not compressed."""
        entry = self.entry(name)
        if entry.compress_type != ZIP_STORED or entry.flag_bits & 1:
            raise FormatError("it is compressed or encrypted, as torch writes no file")
        return self._raw(entry, entry.file_size)

    def content(self, name: str) -> memoryview:
        """The bytes of an entry, decompressed if need be."""
        entry = self.entry(name)
        if entry.compress_type != ZIP_DEFLATED:
            return self.stored(name)
        self.allowance -= entry.file_size
        if self.allowance < 0:
            raise FormatError("it claims more bytes than it has")
        try:
            with self.zip.open(entry) as packed:
                content = packed.read(entry.file_size)
        except (BadZipFile, zlib.error, EOFError, RuntimeError, ValueError) as error:
            raise FormatError(f"its entry {name} is damaged: {error}") from None
        if len(content) < entry.file_size:
            raise FormatError("it claims more bytes than it has")
        return memoryview(content)

    def entry(self, name: str) -> ZipInfo:
        if name not in self.entries:
            raise FormatError(f"its entry {name} is missing")
        return self.entries[name]

    def _raw(self, entry: ZipInfo, size: int) -> memoryview:
        start = entry.header_offset
        header = self.view[max(start, 0) : start + _HEADER]
        if len(header) < _HEADER or bytes(header[:4]) != START:
            raise FormatError("it is no zip file: an entry without a header")
        names, extra = struct.unpack_from("<HH", header, 26)
        content = self.view[start + _HEADER + names + extra :][:size]
        if len(content) < size:
            raise FormatError("it claims more bytes than it has")
        return content


def _size(entry: ZipInfo) -> int:
    """The bytes of an entry in the file."""
    return entry.file_size if entry.compress_type == ZIP_STORED else entry.compress_size


def archive(view: memoryview) -> Archive:
    """The zip in these bytes; `FormatError` where they are none, or where names repeat."""
    try:
        file = ZipFile(cast("IO[bytes]", ViewStream(view)))
        entries = file.infolist()
    except (BadZipFile, ValueError, OSError, NotImplementedError, struct.error):
        raise FormatError("it is cut off or damaged") from None
    names = [entry.filename.replace("\\", "/") for entry in entries]
    if len(set(names)) < len(names):
        raise FormatError("it has two entries of one name")
    if sum(map(_size, entries)) > len(view):
        raise FormatError("it has two entries in one place, or claims more bytes than it has")
    folders = {name.partition("/")[0] for name in names}
    cut = len(folders.pop()) + 1 if len(folders) == 1 and all("/" in n for n in names) else 0
    by_name = {name[cut:]: entry for name, entry in zip(names, entries, strict=True)}
    return Archive(view, file, by_name, _EXPANSION * len(view))
