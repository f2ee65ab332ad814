"""Rows as printed in Table 1 of He et al. 2015 and of Xie et al. 2017.

    row    = block [ "x" count ]                         [[3x3, 64], [3x3, 64]] x 2
    block  = "[" path { "|" path } "]"                   branches: [[1x1, 8] | [3x3, 8]]
    path   = layer { ("," | ";" | " ") layer }
    layer  = "[" words "]", or bare words between ";"    [3x3, 64; 3x3, 64]
    words  = kernel "," channels { "," option }          3x3, 128, C=32, /2
           | kernel ("max" | "average") "pool" { "," option }
           | "dropout" number
    option = "C=" n | "/" n | "stride" n | "dilation" n | "pad" n | "bias" | "no bias" | "ceil"

A head also has `average pool` (over the whole map), `1000-d fc`, `1000-d 1x1 conv`, `flatten` and
`softmax`. Reading is generous (`×`, `X` and `*` for `x`), printing knows one form. Which layers get
a stride or a norm is not decided here: that is `resnet_dsl.elaborate`.

>>> format_row(parse_row("[[3×3,128 , C=32]] * 2"))
'[[3x3, 128, C=32]] x 2'
>>> format_layer(parse_layer("7x7 conv, 64, stride 2"))
'7x7, 64, /2'
"""

from resnet_dsl.notation.layers import (
    At as At,
)
from resnet_dsl.notation.layers import (
    Branch as Branch,
)
from resnet_dsl.notation.layers import (
    Conv as Conv,
)
from resnet_dsl.notation.layers import (
    Dropout as Dropout,
)
from resnet_dsl.notation.layers import (
    Fc as Fc,
)
from resnet_dsl.notation.layers import (
    Flatten as Flatten,
)
from resnet_dsl.notation.layers import (
    GlobalPool as GlobalPool,
)
from resnet_dsl.notation.layers import (
    HeadLayer as HeadLayer,
)
from resnet_dsl.notation.layers import (
    Pool as Pool,
)
from resnet_dsl.notation.layers import (
    Row as Row,
)
from resnet_dsl.notation.layers import (
    RowLayer as RowLayer,
)
from resnet_dsl.notation.layers import (
    Softmax as Softmax,
)
from resnet_dsl.notation.layers import (
    format_layer as format_layer,
)
from resnet_dsl.notation.layers import (
    format_row as format_row,
)
from resnet_dsl.notation.parse import (
    NotationError as NotationError,
)
from resnet_dsl.notation.parse import (
    parse_layer as parse_layer,
)
from resnet_dsl.notation.parse import (
    parse_row as parse_row,
)
