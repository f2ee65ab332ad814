"""Which keys contradict each other? Faults before anything is built."""

from __future__ import annotations

from resnet_dsl.diagnostics import SpecPath
from resnet_dsl.elaboration.block_layers import is_residual
from resnet_dsl.elaboration.draft import Draft, Origin
from resnet_dsl.language.spec import ActiveNorm, Spec


def check_keys(draft: Draft, spec: Spec) -> None:
    """Faults of keys that contradict each other, at the key that has no effect."""
    for name in spec.stages:
        _check_stage(draft, spec, name)
    if spec.block.projection and not any(_projects(spec, name) for name in spec.stages):
        draft.fault(
            "shortcut",
            "a projection is given, and no shortcut projects",
            Origin(("block", "projection")),
            help="leave it out, or write shortcut: projection",
        )
    if spec.drop_path and not any(_is_residual(spec, name) for name in spec.stages):
        draft.fault(
            "drop-path",
            "drop_path is given, and no block has a shortcut",
            Origin(("drop_path",)),
            help="leave it out, or give blocks their shortcut",
        )


def _check_stage(draft: Draft, spec: Spec, name: str) -> None:
    stage = spec.stages[name]
    settings = spec.settings(stage)
    if stage.projection and not _projects(spec, name):
        draft.fault(
            "shortcut",
            f"{name} has a projection key, and its shortcut is {settings.shortcut}",
            Origin(("stages", name, "projection")),
            help="leave it out, or write shortcut: projection",
        )
    if settings.order == "pre" and settings.shortcut == "none":
        draft.fault(
            "order",
            f"{name} is pre-activated, and has no shortcuts",
            _given(spec, name, "order"),
            help="leave order out, or give the blocks their shortcut",
        )
    if settings.order == "pre" and stage.after not in (None, "none"):
        draft.fault(
            "order",
            f"{name} is pre-activated, and nothing follows its additions",
            Origin(("stages", name, "after")),
            help="leave after out, or write [add] and what follows it in the row",
        )
    post = settings.order == "post" and settings.after is None and _is_residual(spec, name)
    if post and isinstance(settings.norm, ActiveNorm):
        draft.fault(
            "order",
            f"the norm {settings.norm.kind} activates, and {name} adds after a norm",
            _given(spec, name, "norm"),
            help="write order: pre, or say what follows the addition: after: none",
        )


def _projects(spec: Spec, name: str) -> bool:
    return spec.settings(spec.stages[name]).projects


def _is_residual(spec: Spec, name: str) -> bool:
    stage = spec.stages[name]
    return any(is_residual(row, spec.settings(stage)) for row in stage.rows)


def _given(spec: Spec, name: str, key: str) -> Origin:
    """Where the key of a stage is given."""
    path: SpecPath = ("stages", name, key)
    return Origin(path if getattr(spec.stages[name], key) is not None else ("block", key))
