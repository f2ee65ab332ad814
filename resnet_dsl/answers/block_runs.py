"""Which layers are in which block? The walk that traces and figures share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from resnet_dsl.sources.resolve import Part


def block_runs(parts: Sequence[Part]) -> Iterator[tuple[Part, int | None, range]]:
    """The layers of each block, with its number, and those between blocks, with their part."""
    for part in parts:
        position = part.layers.start
        for number, block in enumerate(part.blocks, 1):
            yield part, None, range(position, block.start)
            yield part, number, block
            position = block.stop
        yield part, None, range(position, part.layers.stop)
