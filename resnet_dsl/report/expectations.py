"""What a page claims of its network, held against the network."""

from __future__ import annotations

from resnet_dsl.diagnostics import Diagnostic, SpecError
from resnet_dsl.language.spec import Spec
from resnet_dsl.report.analysis import Analysis


def check_expect(spec: Spec, found: Analysis) -> None:
    """`expect:` states facts; `SpecError` lists those that are none."""
    counts = {"layers": found.layers, "params": found.params, "macs": found.macs}
    faults = [
        Diagnostic(
            code="expect",
            message=f"the network has {counted} {key}, {said} are expected",
            path=("expect", key),
        )
        for key, counted in counts.items()
        if (said := getattr(spec.expect, key)) not in (None, counted)
    ]
    if faults:
        raise SpecError(faults)
