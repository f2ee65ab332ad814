"""What is in a file of weights? Every format that people keep them in, read without its code.

`formats` looks at the first bytes; `torch_files`, `numpy_files`, `safetensors_files` and `sharded`
read; `unpickling` and `rebuilding` follow pickles; `contents` gives tensors by dotted names. A
tensor is a part of the file's bytes, which stay unread until it is needed. Nothing here needs
torch, and nothing that a file names is imported or called.
"""

from __future__ import annotations

from resnet_dsl.weight_files.contents import Contents, read_contents
from resnet_dsl.weight_files.folded import FoldedTensor
from resnet_dsl.weight_files.values import StoredTensor

__all__ = ["Contents", "FoldedTensor", "StoredTensor", "read_contents"]
