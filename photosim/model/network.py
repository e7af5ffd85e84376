"""The deep-ranking network in torch, for training and for graphics processors.

Only modules that run or train the network with torch import this one: the CPU runs the exported graph.

The network is that of Wang et al. 2014, "Learning Fine-Grained Image Similarity with Deep Ranking", with
EfficientNet-Lite0 (Tan and Le 2019, the Lite variant without squeeze-and-excitation and with ReLU6) for
its trunk.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

TRUNK_FEATURES = 1280
# The five strides of two halve the input: sizes that are multiples of this keep every halving even, and
# with it the padding below the same as TensorFlow's, with which the weights were trained.
SIZE_STEP = 32

_BATCH_NORM_EPSILON = 1e-3
_BATCH_NORM_MOMENTUM = 0.01
# Output channels, kernel, stride of the first block, expansion, number of blocks.
_STAGES = (
    (16, 3, 1, 1, 1),
    (24, 3, 2, 6, 2),
    (40, 5, 2, 6, 2),
    (80, 3, 2, 6, 3),
    (112, 5, 1, 6, 3),
    (192, 5, 2, 6, 4),
    (320, 3, 1, 6, 1),
)


class ConvUnit(nn.Module):
    """A convolution and its batch norm, padded as TensorFlow's "SAME" pads even inputs."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, groups=groups, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(outputs, eps=_BATCH_NORM_EPSILON, momentum=_BATCH_NORM_MOMENTUM)
        if stride == 1:
            self.conv.padding = (kernel // 2, kernel // 2)
            self.padding = (0, 0, 0, 0)
        else:
            before = (kernel - stride) // 2
            after = kernel - stride - before
            self.padding = (before, after, before, after)

    def forward(self, x: Tensor) -> Tensor:
        if any(self.padding):
            x = functional.pad(x, self.padding)
        result: Tensor = self.norm(self.conv(x))
        return result

    def fold(self) -> None:
        """Take the batch norm into the convolution; afterwards this unit cannot be trained."""
        if isinstance(self.norm, nn.BatchNorm2d):
            self.conv = fuse_conv_bn_eval(self.conv, self.norm)
            self.norm = nn.Identity()


class InvertedResidual(nn.Module):
    """Expand, convolve each channel by itself, project; with a shortcut where the shapes allow it."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        width = inputs * expansion
        self.expand = ConvUnit(inputs, width, 1) if expansion != 1 else None
        self.depthwise = ConvUnit(width, width, kernel, stride, groups=width)
        self.project = ConvUnit(width, outputs, 1)
        self.shortcut = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y = x if self.expand is None else functional.relu6(self.expand(x))
        y = functional.relu6(self.depthwise(y))
        result: Tensor = self.project(y)
        return x + result if self.shortcut else result


class Lite0(nn.Module):
    """EfficientNet-Lite0 without its classifier: [N, 3, S, S] in -1..1 to maps [N, 1280, S/32, S/32]."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = ConvUnit(3, 32, 3, 2)
        blocks: list[nn.Module] = []
        channels = 32
        for outputs, kernel, stride, expansion, repeats in _STAGES:
            for repeat in range(repeats):
                blocks.append(
                    InvertedResidual(channels, outputs, kernel, stride if repeat == 0 else 1, expansion)
                )
                channels = outputs
        self.blocks = nn.Sequential(*blocks)
        self.head = ConvUnit(channels, TRUNK_FEATURES, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu6(self.stem(x))
        x = self.blocks(x)
        result: Tensor = functional.relu6(self.head(x))
        return result


class DeepRanking(nn.Module):
    """Pixels to features: the part of the network that belongs to a trunk version.

    The linear embeddings on top of it belong to a model version: see `photosim.model.embedding`.
    """

    feature_dim = TRUNK_FEATURES

    def __init__(self) -> None:
        super().__init__()
        self.trunk = Lite0()

    def forward(self, pixels: Tensor) -> Tensor:
        """uint8 RGB [N, S, S, 3], S a multiple of 32, to features [N, feature_dim] in the weights' type."""
        x = pixels.permute(0, 3, 1, 2).to(self.trunk.head.conv.weight.dtype)
        x = (x - 127) / 128
        maps: Tensor = self.trunk(x)
        return maps.mean(dim=(2, 3))

    def fold(self) -> DeepRanking:
        """Take every batch norm into its convolution: the same function, faster, no longer trainable."""
        self.eval()
        for module in self.modules():
            if isinstance(module, ConvUnit):
                module.fold()
        return self


def network_from(weights: Mapping[str, Tensor]) -> DeepRanking:
    """The network with these weights, in float32, folded and ready to run.

    Raises ValueError where names or shapes are not this network's.
    """
    network = DeepRanking()
    try:
        network.load_state_dict({name: tensor.float() for name, tensor in weights.items()})
    except RuntimeError as error:
        raise ValueError("the weights are not those of this network") from error
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    return network.fold()
