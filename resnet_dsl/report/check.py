"""What a page claims of its network, held against the network."""

from __future__ import annotations

from resnet_dsl.diagnostics import Diagnostic, SpecError
from resnet_dsl.elaborate import Elaboration
from resnet_dsl.report.analysis import analysis
from resnet_dsl.spec import Spec


def check_expect(spec: Spec, elaboration: Elaboration) -> None:
    """`expect:` states facts; `SpecError` lists those that are none."""
    found = analysis(spec, elaboration)
    counted = {"layers": found.layers, "params": found.params, "macs": found.macs}
    faults = [
        Diagnostic(
            code="expect",
            message=f"the network has {counted[key]} {key}, {said} are expected",
            path=("expect", key),
        )
        for key, said in spec.expect.model_dump(exclude_none=True).items()
        if said != counted[key]
    ]
    if faults:
        raise SpecError(faults)
