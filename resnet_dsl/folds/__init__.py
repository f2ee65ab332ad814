"""What does a network compute and cost? One question a file: pure functions of `resnet_dsl.ir`."""
