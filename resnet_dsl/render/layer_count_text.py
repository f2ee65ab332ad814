"""The counts of layers, in words."""

from __future__ import annotations

import re

from resnet_dsl.answers.layer_counts import LayerCounts


def arithmetic(counts: LayerCounts) -> list[str]:
    """The counts in words, the paper's first.

    >>> from resnet_dsl.answers.layer_counts import layers
    >>> arithmetic(layers("resnet18"))[0]
    '1 stem + 16 in blocks + 1 fc = 18 layers'
    """
    middle = "in blocks" if "additions" in counts.not_counted else "in stages"
    head = "fc" if counts.head == counts.weighted - counts.convolutions else "in the head"
    terms = {"stem": counts.stem, middle: counts.blocks, head: counts.head}
    sum = " + ".join(f"{count} {what}" for what, count in terms.items() if count)
    kinds = counts.not_counted.items()
    others = ", ".join(f"{n} {what.removesuffix('s') if n == 1 else what}" for what, n in kinds)
    return [
        f"{sum} = {counts.layers} layers",
        f"not counted: {others}",
        f"all convolutions: {counts.convolutions}; with fully connected layers: {counts.weighted}",
        f"modules as torch prints them: {counts.modules}; without children: {counts.leaf_modules}",
        *_named(counts),
    ]


def _named(counts: LayerCounts) -> list[str]:
    """What the number in the name counts, where it is not the paper's count."""
    match = re.search(r"(?<![v\d])\d+", counts.name or "")
    if match is None or int(match[0]) == counts.layers:
        return []
    number, what = int(match[0]), f"the {match[0]} of {counts.name}"
    once = counts.layers - counts.stem + 1
    projections = counts.not_counted.get("projections", 0)
    if number == once and counts.stem > 1:
        sum = f"1 + {counts.blocks} + {counts.head}"
        return [f"{what} counts the {counts.stem} convolutions of its stem as one: {sum}"]
    if number == counts.convolutions == counts.stem + counts.blocks + projections:
        sum = f"{counts.stem} + {counts.blocks} + {projections}"
        too = f", its {projections} projections too" if projections else ""
        return [f"{what} counts all convolutions{too}: {sum}"]
    return [f"{what} is none of these counts"]
