"""The only importers of torch: networks as modules, their first weights, their files."""

from resnet_dsl.pytorch.build import build as build
