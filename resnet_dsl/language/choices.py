"""The keys of a spec with a closed list of values, the default first."""

from __future__ import annotations

from typing import Any, Final, Literal, NamedTuple, get_args

from resnet_dsl.language.validation import ShortForm, documented

StrideOn = Literal["spatial", "first"]
Shortcut = Literal[
    "projection",
    "padding",
    "padding on both sides",
    "average pool, padding",
    "always",
    "none",
]
Projection = Literal[
    "1x1",
    "3x3",
    "average pool, 1x1",
    "average pool floor, 1x1",
    "max pool, 1x1",
    "1x1, no norm",
    "3x3, no norm",
    "average pool, 1x1, no norm",
    "average pool floor, 1x1, no norm",
    "max pool, 1x1, no norm",
]
ProjectionInput = Literal["activated", "raw"]
Order = Literal["post", "pre"]
Antialias = Literal["none", "blur", "average"]
FirstDilation = Literal["previous", "new"]
Scheme = Literal["resnet", "vgg", "googlenet", "pytorch"]

CHOICES: Final[dict[str, tuple[str, ...]]] = {
    "stride_on": get_args(StrideOn),
    "shortcut": get_args(Shortcut),
    "projection": get_args(Projection),
    "projection_input": get_args(ProjectionInput),
    "order": get_args(Order),
    "first_dilation": get_args(FirstDilation),
    "antialias": get_args(Antialias),
}
"""The keys with a closed list of values, the default first."""


_LETTERS: Final = {"A": "padding", "B": "projection", "C": "always"}
"""The options of He et al. 2015, §4.1."""


class ByLetter(NamedTuple):
    """A shortcut that may be given by its letter in the paper."""

    def constrain(self, schema: Any) -> Any:
        values = [*get_args(Shortcut), *_LETTERS]
        return documented(ShortForm(_by_letter).constrain(schema), enum=values)


def _by_letter(data: object) -> object:
    return _LETTERS.get(data.upper(), data) if isinstance(data, str) else data
