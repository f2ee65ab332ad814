"""A network as source code that reads as if written by hand, and needs PyTorch alone.

It is a fold over the module tree: blocks that differ in numbers alone are one class, equal blocks
in a row a loop. The class has the keys, the outputs and, drawn from the same seed, the first
weights of `resnet_dsl.build`.
"""
