"""Table of backbones, in its own module so that a configuration can be checked without importing MindSpore."""

# name: (blocks per stage, bottleneck?, stride on the 3x3 convolution?)
BACKBONES = {
    "resnet_v1_10": ((1, 1, 1, 1), False, True),
    "resnet_v1_18": ((2, 2, 2, 2), False, True),
    "resnet_v1_34": ((3, 4, 6, 3), False, True),
    "resnet_v1_50": ((3, 4, 6, 3), True, False),
    "resnet_v1.5_50": ((3, 4, 6, 3), True, True),
    "resnet_v1_101": ((3, 4, 23, 3), True, False),
    "resnet_v1.5_101": ((3, 4, 23, 3), True, True),
    "resnet_v1_152": ((3, 8, 36, 3), True, False),
    "resnet_v1.5_152": ((3, 8, 36, 3), True, True),
}
