"""Networks as models of timm: importing it registers every spec of the zoo.

    import resnet_dsl.integrations.timm
    timm.create_model("resnet_dsl_resnet50", num_classes=10, in_chans=1)

Names are those of the zoo, with `resnet_dsl_` before them and `_` for what is no letter, digit or
`_`: `resnet_dsl_cifar_resnet20`. timm takes a name with a slash for one of a model hub.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Any, Final

from timm.models import build_model_with_cfg, register_model
from torch import nn

from resnet_dsl.diagnostics import fail
from resnet_dsl.integrations import timm_entries
from resnet_dsl.integrations.timm_description import pretrained_settings, without_auxiliaries
from resnet_dsl.integrations.timm_model import TimmModel
from resnet_dsl.language.shipped import is_shipped, zoo
from resnet_dsl.language.spec import Spec
from resnet_dsl.sources.feature_maps import feature_maps
from resnet_dsl.sources.resolve import Source, resolve

_PREFIX: Final = "resnet_dsl_"
_SOURCES: Final[dict[str, Source]] = {}
"""What each registered name means."""
__all__ = ["TimmModel", "register"]


def register(source: Source, name: str | None = None) -> str:
    """Register a path, a zoo name, a Spec or a Network as a model of timm, and give its name.

    The name is `resnet_dsl_` and that of the zoo, of the file, or of the spec, unless a `name` is
    given. Models have the outputs of `build` and the methods of timm's own. Raises `SpecError`
    where the source is no network, or has no name.

    >>> register("cifar/resnet20")
    'resnet_dsl_cifar_resnet20'
    """
    resolve(source)
    if isinstance(source, Path) or (isinstance(source, str) and not is_shipped(source)):
        source = Path(source).absolute()
    model = name or _model_name(_name_of(source))
    if "." in model or "/" in model:
        raise fail("value", f"{model!r} is not a name of timm's", help="letters, digits and _")
    _enter(source, model)
    return model


def _model_name(name: str) -> str:
    return _PREFIX + re.sub(r"\W", "_", name)


def _name_of(source: Source) -> str:
    match source:
        case str():
            return source
        case Path():
            return source.stem
        case Spec(name=str() as name):
            return name
    raise fail("value", "the network has no name", help='register(network, name="mine")')


def _enter(source: Source, name: str) -> None:
    """Enter a model in timm's registry, which knows functions by their names and modules."""
    if _SOURCES.get(name) == source:
        return
    _SOURCES[name] = source

    def entry(pretrained: bool = False, **options: Any) -> nn.Module:
        return _created(source, name, pretrained, options)

    entry.__name__ = entry.__qualname__ = name
    entry.__module__ = timm_entries.__name__
    setattr(timm_entries, name, register_model(entry))


def _created(source: Source, name: str, pretrained: bool, options: dict[str, Any]) -> nn.Module:
    """What `timm.create_model` gives."""
    plain = without_auxiliaries(resolve(source))
    settings = options.pop("pretrained_cfg", None) or pretrained_settings(plain)
    model: nn.Module = build_model_with_cfg(
        partial(TimmModel, source),
        name,
        pretrained,
        pretrained_cfg=settings,
        feature_cfg={
            "feature_cls": "getter",
            "out_indices": tuple(range(len(feature_maps(plain)))),
        },
        **options,
    )
    return model


for _name in zoo():
    _enter(_name, _model_name(_name))
