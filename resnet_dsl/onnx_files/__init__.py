"""How is a network written as a graph of ONNX? A fold over it, and its weights as arrays.

It needs numpy, onnx and, to run what is written, onnxruntime, and no torch.
"""
