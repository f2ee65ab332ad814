"""A network with the methods of timm's models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypeAlias, cast

import torch
from timm.models import checkpoint_seq
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from resnet_dsl.folds.interface import interface
from resnet_dsl.integrations.timm_description import (
    Description,
    described,
    group_patterns,
    without_auxiliaries,
)
from resnet_dsl.ir import Network
from resnet_dsl.language.spec import Spec
from resnet_dsl.naming import leaf_names
from resnet_dsl.naming.module_tree import Call, Keep, Program, Step, with_program
from resnet_dsl.pytorch.building import (
    build_whole,
    drop_unused,
    outputs_at,
    usable_device,
    usable_dtype,
)
from resnet_dsl.pytorch.modules import Device, DType, Scope
from resnet_dsl.recovery import recover
from resnet_dsl.sources.chosen_numbers import chosen_numbers
from resnet_dsl.sources.resolve import Source, resolve

Indices: TypeAlias = int | Sequence[int] | None
_STEM: Final = "end of stem"
_FEATURES: Final = "end of features"
_PRE_LOGITS: Final = "before the classifier"
"""Places in a program beside the names of its maps, which have no spaces."""


class TimmModel(Scope):
    """A source of networks as a model of timm, with timm's names of modules.

    `output_stride`, `drop_path_rate` and other `overrides` change the spec; `drop_rate` is that of
    a dropout before the classifier. Auxiliary classifiers are left out.
    """

    def __init__(
        self,
        source: Source,
        *,
        num_classes: int | None = None,
        in_chans: int | None = None,
        global_pool: str | None = None,
        output_stride: int | None = None,
        drop_rate: float = 0.0,
        drop_path_rate: float = 0.0,
        overrides: Sequence[str] = (),
        device: Device | None = None,
        dtype: DType | None = None,
    ) -> None:
        if not 0 <= drop_rate <= 1:
            raise ValueError(f"drop_rate is {drop_rate}: a probability")
        settings = [overrides] if isinstance(overrides, str) else [*overrides]
        settings += [f"output_stride={output_stride}"] if output_stride else []
        settings += [f"drop_path={drop_path_rate}"] if drop_path_rate else []
        plain = without_auxiliaries(resolve(source, settings))
        whole = chosen_numbers(plain, num_classes or None, in_chans).resolved
        description, network = described(whole), whole.network
        net, self._tree = build_whole(whole, "timm", _marks(description))
        super().__init__(dict(net.named_children()), net.program)
        self._description = description
        self.num_classes = interface(network).values.get("num_classes", 0)
        self.in_chans = network.input.channels
        self.num_features = description.channels_after(description.features)
        self.head_hidden_size = description.channels_after(description.pre_logits)
        self.feature_info = description.feature_info
        self.drop_rate, self.grad_checkpointing = drop_rate, False
        self.global_pool = description.pool
        if num_classes == 0 or global_pool is not None:
            classes = self.num_classes if num_classes is None else num_classes
            self.reset_classifier(classes, global_pool)
        where = torch.get_default_device() if device is None else usable_device(device)
        self.to(where, torch.get_default_dtype() if dtype is None else usable_dtype(dtype))

    @property
    def network(self) -> Network:
        """What it computes, without auxiliary classifiers, and with a classifier."""
        return self._description.network

    @property
    def spec(self) -> Spec:
        """The spec of its network."""
        source = self._description.source
        return source if isinstance(source, Spec) else recover(source)

    # ------------------------------------------------------------ computing

    def forward(self, x: Tensor) -> Tensor:
        return self.forward_head(self.forward_features(x))

    def forward_features(self, x: Tensor) -> Tensor:
        """The last map."""
        for step, is_stage in self._feature_steps():
            x = self._step(step, x, is_stage=is_stage)
        return x

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """From the last map to the classes, or to what the classifier reads."""
        if not self.global_pool:
            return x
        _, after = _divided(self.program, _FEATURES)
        neck, head = _divided(after, _PRE_LOGITS)
        x = nn.functional.dropout(self._run(_calls(neck), x), self.drop_rate, self.training)
        if pre_logits or not self.num_classes:
            return torch.flatten(x, 1)
        return self._run(_calls(head), x)

    def forward_intermediates(
        self,
        x: Tensor,
        indices: Indices = None,
        norm: bool = False,
        stop_early: bool = False,
        output_fmt: str = "NCHW",
        intermediates_only: bool = False,
    ) -> list[Tensor] | tuple[Tensor, list[Tensor]]:
        """The last map, and the maps at these indices: of the last so many, or of all.

        With `norm`, the last of them has the norm that closes pre-activated stages.
        """
        if output_fmt != "NCHW":
            raise ValueError(f"maps are NCHW, not {output_fmt}")
        names = [each.name for each in self._description.maps]
        taken = _taken(indices, len(names))
        last = max(taken)
        maps: dict[str, Tensor] = {}
        for step, is_stage in self._feature_steps():
            x = self._step(step, x, is_stage=is_stage)
            if isinstance(step, Keep) and step.name in names:
                maps[step.name] = x
                if stop_early and step.name == names[last] and not norm:
                    break
        if norm and last == len(names) - 1:
            maps[names[last]] = x
        chosen = [maps[names[i]] for i in sorted(taken)]
        return chosen if intermediates_only else (x, chosen)

    def _feature_steps(self) -> list[tuple[Step, bool]]:
        """The steps up to the last map, each with whether it is in a stage."""
        features, _ = _divided(self.program, _FEATURES)
        stem, stages = _divided(features, _STEM)
        return [*((step, False) for step in stem), *((step, True) for step in stages)]

    def _step(self, step: Step, x: Tensor, *, is_stage: bool) -> Tensor:
        if isinstance(step, Keep):
            return x
        if not (self.grad_checkpointing and is_stage and isinstance(step, Call)):
            return self._run((step,), x)
        child = self._child(step.name)
        checkpointed: Tensor = (
            checkpoint_seq(child, x)
            if isinstance(child, nn.Sequential)
            else checkpoint(child, x, use_reentrant=False)
        )
        return checkpointed

    # ------------------------------------------------------------ changing

    def get_classifier(self, name_only: bool = False) -> nn.Module | str | None:
        """The module that gives the classes, or its name."""
        name = self._description.classifier
        return name if name_only or name is None else self._child(name)

    def reset_classifier(self, num_classes: int, global_pool: str | None = None) -> None:
        """A new classifier, or for 0 classes none, with an empty `global_pool` no pool either."""
        pools = ("", self._description.pool)
        if global_pool not in {None, *pools}:
            raise ValueError(f"global_pool is {global_pool!r}; the spec has {pools[1]!r}")
        pool = self.global_pool if global_pool is None else global_pool
        if num_classes and not pool:
            raise ValueError("a classifier reads the pooled map: give num_classes=0, or a pool")
        if num_classes:
            self._description = described(
                chosen_numbers(self._description.resolved, num_classes).resolved
            )
        self.num_classes, self.global_pool = num_classes, pool
        self._renew_head()

    def _renew_head(self) -> None:
        """The layers of the head with weights: fresh ones for classes, none where they do not
        run."""
        description = self._description
        fresh, _ = build_whole(description.resolved, "timm", _marks(description), empty=True)
        like = next(self.parameters())
        for path, name in leaf_names(description.network, "timm").items():
            module, after = fresh.get_submodule(name), int(path[0]) - description.pre_logits
            if int(path[0]) < description.features or not module.state_dict():
                continue
            runs = self.num_classes > 0 if after >= 0 else bool(self.global_pool)
            is_there = not isinstance(self.get_submodule(name), nn.Identity)
            if not runs:
                self.set_submodule(name, nn.Identity())
            elif after >= 0 or not is_there:
                _draw(module.to_empty(device="cpu"))
                module.train(self.training)
                self.set_submodule(name, module.to(like.device, like.dtype))

    def prune_intermediate_layers(
        self, indices: Indices = 1, prune_norm: bool = False, prune_head: bool = True
    ) -> list[int]:
        """Remove what the maps at these indices do not need."""
        names = [each.name for each in self._description.maps]
        taken = _taken(indices, len(names))
        last = max(taken)
        features, head = _divided(self.program, _FEATURES)
        places = {step.name: i for i, step in enumerate(features) if isinstance(step, Keep)}
        ends_stages = last == len(names) - 1 and not prune_norm
        if not ends_stages:
            features = features[: places[names[last]] + 1]
        self.program = (*features, Keep(_FEATURES), *head)
        kept = with_program(self._tree, self.program)
        drop_unused(self, self._tree, kept)
        self._tree = kept
        if prune_head:
            self.reset_classifier(0, "")
        return taken

    def set_grad_checkpointing(self, enable: bool = True) -> None:
        """Whether stages compute their maps again in the backward pass, to save memory."""
        self.grad_checkpointing = enable

    def group_matcher(self, coarse: bool = False) -> dict[str, Any]:
        """Patterns of names by depth, for rates that fall from layer to layer."""
        return group_patterns(self._description.resolved, coarse=coarse)


def _draw(module: nn.Module) -> None:
    """First weights of a layer and of those in it, as PyTorch draws them."""
    for layer in module.modules():
        if hasattr(layer, "reset_parameters"):
            cast("nn.Linear", layer).reset_parameters()


def _marks(description: Description) -> dict[int, list[str]]:
    """The names of maps and marks, by the number of layers after which they are."""
    marks = {stop: list(names) for stop, names in outputs_at(description.maps).items()}
    for stop, mark in (
        (description.stem, _STEM),
        (description.features, _FEATURES),
        (description.pre_logits, _PRE_LOGITS),
    ):
        marks.setdefault(stop, []).append(mark)
    return marks


def _divided(program: Program, mark: str) -> tuple[Program, Program]:
    """The steps before a mark and after it."""
    at = next((i for i, step in enumerate(program) if step == Keep(mark)), -1)
    return program[: max(at, 0)], program[at + 1 :]


def _calls(program: Program) -> Program:
    return tuple(step for step in program if not isinstance(step, Keep))


def _taken(indices: Indices, count: int) -> list[int]:
    """Indices of maps, as timm counts them: all, the last so many, or these from either end."""
    chosen = range(count) if indices is None else indices
    if isinstance(chosen, int):
        chosen = range(count - chosen, count)
    taken = [i + count if i < 0 else i for i in chosen]
    if not taken or not all(0 <= i < count for i in taken):
        raise ValueError(f"no maps at {indices!r}: there are {count}")
    return taken
