"""What was built, in lines of text."""

from __future__ import annotations

from resnet_dsl.answers.built import Trial
from resnet_dsl.render.stage_table import stage_table


def build_lines(trial: Trial, title: str, width: float) -> list[str]:
    """The table of the network, and how its model ran."""
    run = trial.built.run
    shape = "x".join(map(str, run.output))
    lines = [
        *stage_table(trial.analysis, title, width),
        f"compiled in {run.compile_seconds:.3f} s, built in {run.build_seconds:.2f} s; "
        f"one image on {run.device} in {run.forward_seconds:.2f} s: {shape}",
    ]
    return [*lines, f"wrote {run.written}"] if run.written else lines
