"""Variants: a spec that `extends` another one has only the keys that differ.

Mappings merge, lists and rows replace, null removes, new stages append. A spec reaches zoo names
and files in its own folder or below, nothing else.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from resnet_dsl.diagnostics import Diagnostic, Fix, Span, SpecError, SpecPath, fail
from resnet_dsl.language.shipped import is_shipped, nearest_spec, zoo_path
from resnet_dsl.reader.files import real
from resnet_dsl.reader.tree import Entries, Entry, Node, Scalar, compose, read_file

DEEPEST_CHAIN: Final = 32
"""Specs that extend each other."""


def base_of(tree: Entries, path: Path | None, chain: tuple[Path, ...] = ()) -> Entries | None:
    """What a tree `extends`, with all that is below that; `path` is the spec's own, None for a
    text."""
    if "extends" not in tree.entries:
        return None
    node = tree.entries["extends"].node
    chain = (*chain, real(path)) if path else chain
    base_path = _base(node, path.parent if path else None)
    if real(base_path) in chain:
        names = " → ".join(link.name for link in (*chain, base_path))
        help = "let one of them extend a spec of the zoo, or none"
        message = f"specs that extend each other: {names}"
        raise fail("extends", message, help=help, span=node.span)
    if len(chain) >= DEEPEST_CHAIN:
        message = f"a chain of more than {DEEPEST_CHAIN} specs"
        raise fail("limit", message, help="extend a spec nearer to the base", span=node.span)
    base = compose(read_file(base_path, node.span))
    return with_base(base, base_of(base, base_path, chain))


def with_base(tree: Entries, base: Entries | None) -> Entries:
    """A tree with what it extends below it."""
    if base is None:
        return tree
    own = {key: value for key, value in tree.entries.items() if key != "extends"}
    faults: list[Diagnostic] = []
    merged = merge(inherited(base), Entries(own, tree.span), (), faults)
    if faults:
        raise SpecError(faults)
    return merged


def _base(node: Node, folder: Path | None) -> Path:
    """The file of `extends:`: a zoo name, or a spec in the same folder or below."""
    reference = node.value if isinstance(node, Scalar) else None
    if not isinstance(reference, str):
        help = "write extends: resnet50, and below it what else differs"
        raise fail("extends", "extends takes the name of one spec", help=help, span=node.span)
    if is_shipped(reference):
        return zoo_path(reference)
    if not reference.endswith((".yaml", ".yml")) or not reference.isprintable():
        raise unknown_spec(reference, node.span)
    if folder is None:
        message = "a spec read from a string can extend zoo names only"
        help = "save it to a file beside the other one"
        raise fail("extends", message, help=help, span=node.span)
    path = folder / reference
    if not real(path).is_relative_to(real(folder)):
        raise fail(
            "extends",
            f"{reference!r} lies outside the spec's folder",
            help="extend a zoo name, or a spec in the same folder or below",
            span=node.span,
        )
    return path


def unknown_spec(name: str, span: Span | None = None) -> SpecError:
    """No spec of the zoo has this name; the one that was meant, if one is near."""
    guess = nearest_spec(name[:100])
    missing = "is not a spec of the zoo" if span else "is not a spec of the zoo, and not a file"
    help = f"did you mean {guess!r}?" if guess else "`resnet-dsl zoo` lists the names"
    if not guess and span:
        help += "; a file ends in .yaml"
    fix = Fix(guess, span=span) if guess and span else None
    return fail("unknown-spec", f"{name!r} {missing}", help=help, span=span, fix=fix)


def inherited(base: Entries) -> Entries:
    """What a variant takes over: `name`, `expect` and `output` speak of the base alone."""
    entries = {key: e for key, e in base.entries.items() if key not in {"name", "expect"}}
    stages = entries.get("stages")
    if stages and isinstance(stages.node, Entries):
        kept = {
            name: e._replace(node=_without_output(e.node))
            for name, e in stages.node.entries.items()
        }
        entries["stages"] = stages._replace(node=stages.node._replace(entries=kept))
    return base._replace(entries=entries)


def _without_output(stage: Node) -> Node:
    if not isinstance(stage, Entries):
        return stage
    return stage._replace(entries={k: e for k, e in stage.entries.items() if k != "output"})


def merge(base: Entries, own: Entries, path: SpecPath, faults: list[Diagnostic]) -> Entries:
    """Mappings merge, lists and rows replace, null removes, what is new is appended."""
    merged = dict(base.entries)
    for key, entry in own.entries.items():
        below = merged.get(key)
        old, new = below.node if below else None, entry.node
        if path == ("stages",) and old is not None:
            old, new = _aligned(old, new)
        if isinstance(new, Scalar) and new.value is None:
            if merged.pop(key, None) is None and (*path, key) != ("expect",):
                message = f"{key!r} is not in the base: nothing to remove"
                help = (
                    f"leave the line out: the base has {', '.join(base.entries) or 'nothing'} here"
                )
                faults.append(
                    Diagnostic(code="extends", message=message, help=help, span=entry.key)
                )
        elif isinstance(old, Entries) and isinstance(new, Entries):
            merged[key] = Entry(entry.key, merge(old, new, (*path, key), faults))
        else:
            merged[key] = Entry(entry.key, new)
    return Entries(merged, own.span)


def _aligned(old: Node, new: Node) -> tuple[Node, Node]:
    """A stage's row is short for a mapping with `rows:`: long form, where both do not agree."""
    null = isinstance(new, Scalar) and new.value is None
    if null or isinstance(old, Entries) == isinstance(new, Entries):
        return old, new
    if isinstance(old, Entries):
        return old, Entries({"rows": Entry(new.span, new)}, new.span)
    return Entries({"rows": Entry(old.span, old)}, old.span), new
