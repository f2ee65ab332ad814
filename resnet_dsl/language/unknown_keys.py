"""Keys that do not stand where they are: misspelt, of another place, or of another library."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Any

from resnet_dsl.diagnostics import Diagnostic, Fix, SpecPath, nearest
from resnet_dsl.language.spec import NORMS, BatchNorm, BlockKeys, Expect, Init, Spec, Stage
from resnet_dsl.language.spellings import IN_STAGES, KEYS_ELSEWHERE, OTHER_NAMES, STAGE_LIKE


def unknown_key(path: SpecPath, value: object) -> Diagnostic:
    """A key that does not stand here: a near one, one of another place, or of another library."""
    help: str | None
    key = str(path[-1])
    message = f"{key!r} is not a key here"
    fix = None
    joined = re.fullmatch(r"([A-Za-z_]+)\s*[ =:]\s*(.*)", key)
    if joined and joined[1] in keys_at(path):
        message = f"a colon and a blank part a key from its value: {key!r}"
        help = f"write {joined[1]}: {joined[2] or '...'}"
        fix = Fix(f"{joined[1]}: {joined[2]}") if value is None and joined[2] else None
    elif len(path) == 1 and (meant := meant_key(path, value)) in OTHER_NAMES.values():
        help, fix = f"did you mean {meant!r}?", Fix(str(meant))
    elif len(path) > 1 and key.lower() in IN_STAGES:
        help = IN_STAGES[key.lower()]
    elif key in ("groups", "num_groups") and _class_at(path[:-1]) is BatchNorm:
        help = f"write norm: {{kind: group, groups: {value}}}"
    elif guess := nearest(key, keys_at(path), 0.85):
        help, fix = f"did you mean {guess!r}?", Fix(guess)
    elif (
        "norm" not in path and key.lower() in KEYS_ELSEWHERE and not _stands_elsewhere(path, value)
    ):
        help = KEYS_ELSEWHERE[key.lower()]
        if path[0] == "block":  # it is there already
            help = re.sub(r"^write block: \{(.*)\}$", r"write \1", help)
    elif other_place := _elsewhere(path).get(_snake_case(key)):
        help = other_place
    elif len(path) == 1 and (STAGE_LIKE.fullmatch(key) or _is_row(value)):
        help = "it is a stage: indent it under stages:"
    elif guess := _similar_key(path):
        help, fix = f"did you mean {guess!r}?", Fix(guess)
    else:
        help = f"keys here: {', '.join(keys_at(path))}"
    return Diagnostic(
        code="unknown-key", message=message, path=path, on_key=True, help=help, fix=fix
    )


def meant_key(path: SpecPath, value: object) -> str | None:
    """The key that an unknown one stands for: under another name, or misspelt.

    Names that have other meanings too are taken for a key where their value is one of it.
    """
    key = str(path[-1]).lower().strip("_")
    meant = OTHER_NAMES.get(key) if len(path) == 1 else None
    kind = {"head": list, "stem": list, "stages": dict, "block": dict}.get(meant or "", object)
    if meant and isinstance(value, kind):
        return meant
    return None if key in KEYS_ELSEWHERE else _similar_key(path)


def _snake_case(key: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", key).lower().replace("-", "_")


def _is_row(value: object) -> bool:
    return isinstance(value, str) and value.lstrip().startswith("[")


def _stands_elsewhere(path: SpecPath, value: object) -> bool:
    """Whether an unknown key is one of another place; a number of layers is a fact to expect."""
    key = str(path[-1])
    return key in _elsewhere(path) and (key not in keys_of(Expect) or isinstance(value, int))


def _elsewhere(path: SpecPath) -> dict[str, str]:
    """The keys of other places of a spec, and where they stand."""
    of_stages = set(keys_of(Stage)) - set(keys_of(BlockKeys))
    of_blocks, of_specs = set(keys_of(BlockKeys)), set(keys_of(Spec)) | {"extends"}
    known = dict.fromkeys(of_stages, "it is a key of a stage: conv3_x: {rows: ..., stride: 2}")
    if path[0] not in ("expect", "init"):
        for name, kind in (("expect", Expect), ("init", Init)):
            known |= {k: f"it is a key of {name}: {name}: {{{k}: ...}}" for k in keys_of(kind)}
    if path[0] != "block":
        known |= dict.fromkeys(of_blocks, "it is a key of block:, and of a stage")
    if len(path) > 1:
        known |= {key: f"it is a key of the spec: write {key}: without indent" for key in of_specs}
        if path[0] in ("stages", "block"):
            known["rows"] = "rows belong to a stage"
    return known


def keys_of(kind: type[Any]) -> list[str]:
    return [field.name for field in fields(kind)]


def keys_at(path: SpecPath) -> list[str]:
    """The keys that may stand beside one."""
    return [*(["extends"] if len(path) == 1 else []), *keys_of(_class_at(path[:-1]))]


def _similar_key(path: SpecPath) -> str | None:
    """The key that an unknown one resembles."""
    return nearest(str(path[-1]), keys_at(path))


def _class_at(path: SpecPath) -> type[Any]:
    match path:
        case (*_, "norm", str(kind)) if kind in NORMS:
            return NORMS[kind]
        case (*_, "norm"):
            return BatchNorm
        case ("stages", _):
            return Stage
        case ("block",):
            return BlockKeys
        case ("init",):
            return Init
        case ("expect",):
            return Expect
        case _:
            return Spec
