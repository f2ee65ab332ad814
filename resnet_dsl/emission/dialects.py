"""How a framework writes modules: the words that differ where the code is the same."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, TypeAlias, get_args

from resnet_dsl.emission.expressions import Call, Code

Framework: TypeAlias = Literal["torch", "keras"]
FRAMEWORKS: Final[tuple[Framework, ...]] = get_args(Framework)


class Dialect(NamedTuple):
    """The words of a framework.

    `assigned` gives a layer a child whose name is no identifier, and `child` finds a layer inside
    of others. `sequential` makes a `chain` of layers, `empty` one of none. `method` is the head of
    the method that computes, `root_method` that of the whole network; `concatenated` and
    `flattened` are what they do to values, and `result` is how a value gets its type before it is
    returned. With `options`, which its constructor hands on, the whole network can be saved and
    made again.
    """

    imports: tuple[str, ...]
    module: str
    network: str
    assigned: Call
    child: str
    sequential: str
    chain: str
    empty: str
    identity: str
    method: str
    root_method: str
    concatenated: str
    flattened: str
    result: str | None = None
    options: str | None = None


TORCH: Final = Dialect(
    imports=("import torch", "from torch import Tensor, nn"),
    module="nn.Module",
    network="nn.Module",
    assigned=Call("self.add_module"),
    child='{0}.get_submodule("{1}")',
    sequential="nn.Sequential",
    chain="nn.Sequential",
    empty="nn.Sequential",
    identity="nn.Identity",
    method="def forward(self, x: Tensor) -> {}:",
    root_method="def forward(self, x: Tensor) -> {}:",
    concatenated="torch.cat({}, 1)",
    flattened="torch.flatten({}, 1)",
    result="result: Tensor = {}",
)
KERAS: Final = Dialect(
    imports=("import keras", "from keras import layers, ops"),
    module="layers.Layer",
    network="keras.Model",
    assigned=Call("setattr", (Code("self"),)),
    child='child({0}, "{1}")',
    sequential="sequential",
    chain="keras.Sequential",
    empty="layers.Identity",
    identity="layers.Identity",
    method="def call(self, x):",
    root_method="def call(self, x, training=False):",
    concatenated="ops.concatenate({}, axis=-1)",
    flattened="flatten({})",
    options="**options",
)
