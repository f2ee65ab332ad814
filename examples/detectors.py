"""Networks of specs as backbones of torchvision's detectors and segmenters.

python examples/detectors.py
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torchvision.models._utils import IntermediateLayerGetter
from torchvision.models.detection import FasterRCNN, RetinaNet
from torchvision.models.detection.backbone_utils import BackboneWithFPN
from torchvision.models.segmentation import DeepLabV3
from torchvision.models.segmentation.deeplabv3 import DeepLabHead
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool

from resnet_dsl import build

STAGES = {"conv2_x": "layer1", "conv3_x": "layer2", "conv4_x": "layer3", "conv5_x": "layer4"}
CLASSES = 5


def pyramid(spec: str) -> BackboneWithFPN:
    """The maps of four stages, each with 64 channels."""
    backbone = build(spec, features=list(STAGES))
    channels = [each.channels for each in backbone.feature_info]
    layers = {layer: str(i) for i, layer in enumerate(STAGES.values())}
    return BackboneWithFPN(backbone, layers, channels, 64, LastLevelMaxPool())


def boxes_loss(detector: nn.Module) -> Tensor:
    """The loss of a detector for two small images with one box each."""
    images = [torch.rand(3, 96, 128) for _ in range(2)]
    box = {"boxes": torch.tensor([[10.0, 20.0, 60.0, 80.0]]), "labels": torch.tensor([1])}
    losses: dict[str, Tensor] = detector.train()(images, [box, box])
    return torch.stack(list(losses.values())).sum()


def retina() -> Tensor:
    """RetinaNet of a ResNet-18."""
    return boxes_loss(RetinaNet(pyramid("resnet18"), CLASSES, min_size=96, max_size=128))


def faster() -> Tensor:
    """Faster R-CNN of a ResNet-50-D."""
    return boxes_loss(FasterRCNN(pyramid("timm/resnet50d"), CLASSES, min_size=96, max_size=128))


def deeplab() -> Tensor:
    """DeepLab v3 of a ResNet-50 that dilates its last stages."""
    backbone = build("resnet50", ["output_stride=8"], features="conv5_x")
    (last,) = backbone.feature_info
    body = IntermediateLayerGetter(backbone, {"layer4": "out"})
    segmenter = DeepLabV3(body, DeepLabHead(last.channels, CLASSES))
    pixels: Tensor = segmenter(torch.rand(2, 3, 64, 96))["out"]
    return nn.functional.cross_entropy(pixels, torch.zeros(2, 64, 96, dtype=torch.long))


def report(name: str, loss: Callable[[], Tensor]) -> None:
    """A forward and a backward pass, where torchvision has the operators for them."""
    try:
        value = loss()
    except (RuntimeError, NotImplementedError) as error:
        print(f"{name}: skipped, torchvision lacks an operator: {str(error).splitlines()[0][:60]}")
        return
    value.backward()
    print(f"{name}: a loss of {value.item():.2f}, and its gradients")


if __name__ == "__main__":
    report("RetinaNet", retina)
    report("Faster R-CNN", faster)
    report("DeepLab v3", deeplab)
