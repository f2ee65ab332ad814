"""What a user names as a model: one of a library's, or what a function of theirs gives."""

from __future__ import annotations

import ast
import importlib
import re
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from torch import nn

from resnet_dsl.diagnostics import SpecError, fail, nearest
from resnet_dsl.ir import Shape
from resnet_dsl.language.shipped import is_shipped

INPUT: Final = Shape(3, 224, 224)
_FILES: Final = {".safetensors", ".pt", ".pth", ".pt2", ".bin", ".ckpt", ".tar", ".pkl", ".npz"}
_FORMS: Final = (
    "torchvision:resnet50, timm:resnet50d, transformers:FOLDER, package.module:function(args), "
    "or a file of weights"
)


@dataclass(frozen=True, slots=True)
class Named:
    """A model that was named, the size of image that it is made for, and a name for its spec."""

    model: nn.Module
    input: Shape
    name: str | None


def file_of(source: str) -> Path | None:
    """The file of weights that a source means, if it means one."""
    path = Path(source)
    return path if path.suffix in _FILES or path.exists() else None


def model_of(source: str) -> Named:
    """The model that a source means. Code runs only where a module is named for it.

    `timm/NAME`, as the zoo has it, is `timm:NAME`.
    """
    library, mark, name = re.sub(r"^(timm|torchvision)/", r"\1:", source).partition(":")
    if not mark or not name:
        raise fail("source", f"{source!r} names no model and no file", help=_meant(source))
    with _naming(source), warnings.catch_warnings(action="ignore"):  # of random weights
        match library:
            case "torchvision":
                return _torchvision(name)
            case "timm":
                return _timm(name)
            case "transformers":
                return _transformers(name)
            case _:
                return Named(_called(library, name), INPUT, None)


def _meant(source: str) -> str:
    """What to write for a source without a library: a name of the zoo, or a module with dots."""
    if is_shipped(source):
        return f"a model of torchvision: torchvision:{source}"
    module, dot, function = source.rpartition(".")
    if dot and re.fullmatch(r"[A-Za-z_][\w.]*", module) and function.isidentifier():
        return f"a function is parted by a colon: {module}:{function}"
    return _FORMS


@contextmanager
def _naming(source: str) -> Iterator[None]:
    """What other people's code raises, in one line."""
    try:
        yield
    except SpecError:
        raise
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        raise fail("source", f"{source}: {type(error).__name__}: {reason}") from None


def _torchvision(name: str) -> Named:
    models = _module("torchvision.models")
    _check_name("torchvision", name, models.list_models)
    return Named(models.get_model(name, weights=None), INPUT, name)


def _timm(name: str) -> Named:
    timm = _module("timm")
    _check_name("timm", name.partition(".")[0], timm.list_models)
    model = timm.create_model(name, pretrained=False)
    return Named(model, Shape(*model.pretrained_cfg["input_size"]), name.partition(".")[0])


def _transformers(name: str) -> Named:
    """A folder, or a name of the hub; from a folder without weights they are drawn."""
    auto = _module("transformers")
    model_class = auto.AutoModelForImageClassification
    folder = Path(name)
    if folder.is_dir() and not any(folder.glob("*.safetensors")):
        model = model_class.from_config(auto.AutoConfig.from_pretrained(name))
    else:
        model = model_class.from_pretrained(name, use_safetensors=True)
    channels = model.config.num_channels
    return Named(model, INPUT._replace(channels=channels), None)


def _module(name: str) -> Any:
    package = name.partition(".")[0]
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != package:
            raise
        raise fail("source", f"{package} is not installed", help=f"pip install {package}") from None


def _check_name(library: str, name: str, known: Callable[[], Iterable[str]]) -> None:
    names = list(known())
    if name not in names:
        guess = nearest(name, names)
        help = f"did you mean {guess!r}?" if guess else None
        raise fail("source", f"{library} has no model {name!r}", help=help)


# ---------------------------------------------------------------- functions of a user


def _called(module: str, call: str) -> nn.Module:
    """What `function(args)` of a module gives; the arguments are literals."""
    names, args, kwargs = _parsed(call)
    value: Any = _imported(module)
    for name in names:
        value = getattr(value, name)
    model = value if isinstance(value, nn.Module) else value(*args, **kwargs)
    if not isinstance(model, nn.Module):
        raise fail("source", f"{module}:{call} gives a {type(model).__name__}, no nn.Module")
    return model


def _imported(module: str) -> ModuleType:
    """A module by name, also from the current folder, as `python -m` finds it."""
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    return importlib.import_module(module)


def _parsed(call: str) -> tuple[list[str], list[Any], dict[str, Any]]:
    """`Net(10, width=2)` as names and literals; nothing is evaluated."""
    try:
        tree = ast.parse(call, mode="eval").body
        args, kwargs = [], {}
        if isinstance(tree, ast.Call):
            args = [ast.literal_eval(arg) for arg in tree.args]
            kwargs = {str(key.arg): ast.literal_eval(key.value) for key in tree.keywords if key.arg}
            if len(kwargs) < len(tree.keywords):
                raise ValueError("**")
            tree = tree.func
        return _dotted(tree), args, kwargs
    except (SyntaxError, ValueError):
        raise fail(
            "source",
            f"{call!r} is not a call of a function with literals",
            help="as in resnet-dsl lift 'package.module:Net(10, width=2.0)'",
        ) from None


def _dotted(tree: ast.expr) -> list[str]:
    match tree:
        case ast.Name(id=name):
            return [name]
        case ast.Attribute(value=value, attr=name):
            return [*_dotted(value), name]
        case _:
            raise ValueError("no name")
