"""Rows as printed in Table 1 of He et al. 2015 and of Xie et al. 2017.

    row    = block [ "x" count ]                         [[3x3, 64], [3x3, 64]] x 2
    block  = "[" path { "|" path } [ "+" path ] "]"      branches: [[1x1, 8] | [3x3, 8]]
    path   = layer { ("," | ";" | " ") layer }           a shortcut: [[3x3, 8] + [1x1, 8]]
    layer  = "[" text "]", or bare texts between ";"     [3x3, 64; 3x3, 64]
    text   = kernel "," channels { "," option }          3x3, 128, C=32, /2
           | kernel ("max" | "average") "pool" { "," option }
           | "blur pool" ", /" n | "zero pad" n [ n ] | "zero channels" n [ n ]
           | "se" ["/"] n { "," option } | "eca" n | "spatial attention" n
           | [ "channel" ] "dropout" number | "drop path" number
           | [ kind ] "norm" { "," option } | activation [ number ]
           | "scale" number | "learned scale" | "normalize, mean" … ", std" … | "l2 normalize"
           | "identity" | "add"
    option = "C=" n | "/" n | "stride" n | "dilation" n | "pad" n | [ "no" ] "bias" | "ceil"
           | [ "no" ] "norm" | "linear" | activation [ number ] | …

A head also has `average pool` (over the whole map), `average pool to 7x7`, `global max pool`,
`average and max pool`, `1000-d fc`, `1000-d 1x1 conv`, `flatten`, `softmax` and `log softmax`.
Reading is generous (`×`, `X` and `*` for `x`), printing knows one form. Which layers get a stride
or a norm is not decided here: that is `resnet_dsl.elaboration`.

>>> from resnet_dsl.notation.parse_layer import parse_layer
>>> from resnet_dsl.notation.parse_row import parse_row
>>> from resnet_dsl.notation.printed import format_layer, format_row
>>> format_row(parse_row("[[3×3,128 , C=32]] * 2"))
'[[3x3, 128, C=32]] x 2'
>>> format_layer(parse_layer("7x7 conv, 64, stride 2"))
'7x7, 64, /2'
"""
