"""Questions about a network, one a file. Pure functions of `resnet_dsl.ir`, without torch."""
