"""The counts of layers, in words."""

from __future__ import annotations

from resnet_dsl.report.layer_counts import LayerCounts


def arithmetic(counts: LayerCounts) -> list[str]:
    """The counts in words, the paper's first.

    >>> from resnet_dsl.report.layer_counts import layers
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
    ]
