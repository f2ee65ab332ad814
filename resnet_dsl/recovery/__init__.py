"""Network to Spec: the page, in normal form, that elaborates to a network again.

Stem, stages and head come from `resnet_dsl.folds.anatomy`, the words of each block from
`resnet_dsl.recovery.layer_terms`. What is left is to say them shortly: which stride the language would
insert, which rows repeat, which settings all stages share. A page that does not give the same
network back is never returned.
"""

from __future__ import annotations

from resnet_dsl.ir import Network
from resnet_dsl.language.spec import Spec


def recover(network: Network) -> Spec:
    """The page of a network in normal form: the inverse of `elaborate`.

    Names, comments, `expect` and `init` are in no network, so the page has none of them. Raises
    `SpecError` with the place where the language has no words for a layer.

    >>> from resnet_dsl import elaborate, load
    >>> recover(elaborate(load("resnet18"))).stages["conv3_x"].rows[0].repeats
    2
    """
    from resnet_dsl.recovery.network_spec import (
        page_of,  # most questions are about pages, not networks
    )

    return page_of(network)
