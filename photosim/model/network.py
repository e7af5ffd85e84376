"""The deep-ranking network in torch, for training and for graphics processors.

Only modules that run or train the network with torch import this one: the CPU runs the exported graph.

The network is that of Wang et al. 2014, "Learning Fine-Grained Image Similarity with Deep Ranking", with
EfficientNet-Lite0 (Tan and Le 2019, the Lite variant without squeeze-and-excitation and with ReLU6) for
its trunk. `PooledTrunk` is the first model's, one trunk and no more; `DeepRanking` has the paper's three
paths, the trunk's late blocks twice: once for kinds, once for things.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

TRUNK_FEATURES = 1280
STEM_CHANNELS = 32
# Of the trunk's sixteen blocks, those that kind and thing share.
SHARED_BLOCKS = 11
SHALLOW_CHANNELS = 96
# Both shallow paths end in 4 x 4 places (for an input of 256).
SHALLOW_FEATURES = 16 * SHALLOW_CHANNELS
PATHS = ("kind", "thing", "fine", "coarse")
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


def lite0_blocks() -> list[InvertedResidual]:
    """The sixteen blocks of EfficientNet-Lite0, in order."""
    blocks: list[InvertedResidual] = []
    channels = STEM_CHANNELS
    for outputs, kernel, stride, expansion, repeats in _STAGES:
        for repeat in range(repeats):
            blocks.append(
                InvertedResidual(channels, outputs, kernel, stride if repeat == 0 else 1, expansion)
            )
            channels = outputs
    return blocks


class Lite0(nn.Module):
    """EfficientNet-Lite0 without its classifier: [N, 3, S, S] in -1..1 to maps [N, 1280, S/32, S/32]."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = ConvUnit(3, STEM_CHANNELS, 3, 2)
        self.blocks = nn.Sequential(*lite0_blocks())
        self.head = ConvUnit(_STAGES[-1][0], TRUNK_FEATURES, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu6(self.stem(x))
        x = self.blocks(x)
        result: Tensor = functional.relu6(self.head(x))
        return result


class EarlyBlocks(nn.Module):
    """The stem and first blocks, which both parts share: [N, 3, S, S] to [N, 112, S/16, S/16]."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = ConvUnit(3, STEM_CHANNELS, 3, 2)
        self.blocks = nn.Sequential(*lite0_blocks()[:SHARED_BLOCKS])

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.blocks(functional.relu6(self.stem(x)))
        return result


class LateBlocks(nn.Module):
    """The last blocks and the head, one of each part: to maps [N, 1280, S/32, S/32]."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*lite0_blocks()[SHARED_BLOCKS:])
        self.head = ConvUnit(_STAGES[-1][0], TRUNK_FEATURES, 1)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = functional.relu6(self.head(self.blocks(x)))
        return result


class ShallowPath(nn.Module):
    """One of the paper's shallow paths: a small copy of the photo, one convolution, one maximum pooling.

    It keeps what the trunk forgets: colours, and where in the photo they are. [N, 3, S, S] in -1..1 to
    [N, SHALLOW_FEATURES].
    """

    def __init__(self, shrink: int, pool: int) -> None:
        super().__init__()
        self.shrink = shrink
        self.pool = pool
        self.conv = nn.Conv2d(3, SHALLOW_CHANNELS, 8, 4, padding=2)

    def forward(self, x: Tensor) -> Tensor:
        small = functional.avg_pool2d(x, self.shrink)
        maps = functional.relu(self.conv(small))
        return functional.max_pool2d(maps, self.pool).flatten(1)


class PooledTrunk(nn.Module):
    """Pixels to the trunk's pooled features, and no more: the network of models of one part."""

    feature_dim = TRUNK_FEATURES

    def __init__(self) -> None:
        super().__init__()
        self.trunk = Lite0()

    def forward(self, pixels: Tensor) -> Tensor:
        """uint8 RGB [N, S, S, 3], S a multiple of 32, to features [N, feature_dim] in the weights' type."""
        maps: Tensor = self.trunk(scaled(pixels, self.trunk.head.conv.weight.dtype))
        return maps.mean(dim=(2, 3))


class DeepRanking(nn.Module):
    """Pixels to features, for both parts: what belongs to a trunk version.

    Four paths: the late blocks for kinds, those for things, and two shallow paths. Each is reduced by a
    fixed linear map and brought to unit norm; `feature_sizes` are their dimensions, in that order. The
    linear embeddings on top of them belong to a model version: see `photosim.model.embedding`.
    """

    def __init__(self, feature_sizes: tuple[int, int, int, int]) -> None:
        super().__init__()
        self.feature_sizes = feature_sizes
        self.feature_dim = sum(feature_sizes)
        self.early = EarlyBlocks()
        self.kind = LateBlocks()
        self.thing = LateBlocks()
        self.fine = ShallowPath(shrink=4, pool=4)
        self.coarse = ShallowPath(shrink=8, pool=2)
        inputs = (TRUNK_FEATURES, TRUNK_FEATURES, SHALLOW_FEATURES, SHALLOW_FEATURES)
        self.reductions = nn.ModuleDict(
            {
                path: nn.Linear(width, size, bias=False)
                for path, width, size in zip(PATHS, inputs, feature_sizes, strict=True)
            }
        )

    def forward(self, pixels: Tensor) -> Tensor:
        """uint8 RGB [N, S, S, 3], S a multiple of 32, to features [N, feature_dim] in the weights' type."""
        x = scaled(pixels, self.early.stem.conv.weight.dtype)
        early = self.early(x)
        paths = (
            self.kind(early).mean(dim=(2, 3)),
            self.thing(early).mean(dim=(2, 3)),
            self.fine(x),
            self.coarse(x),
        )
        reduced = [self.reductions[name](path) for name, path in zip(PATHS, paths, strict=True)]
        return torch.cat([functional.normalize(path) for path in reduced], dim=1)


Network = PooledTrunk | DeepRanking


def scaled(pixels: Tensor, dtype: torch.dtype) -> Tensor:
    """uint8 [N, S, S, 3] to [N, 3, S, S] in -1..1, as the trunk was trained."""
    return (pixels.permute(0, 3, 1, 2).to(dtype) - 127) / 128


def fold(network: nn.Module) -> None:
    """Take every batch norm into its convolution: the same function, faster, the norms fixed for ever."""
    network.eval()
    for module in network.modules():
        if isinstance(module, ConvUnit):
            module.fold()


def network_from(weights: Mapping[str, Tensor]) -> Network:
    """The network with these weights, in float32, folded and ready to run: of two parts or of one.

    Weights of two parts are folded already (see `photosim.training.bundle`). Raises ValueError where names
    or shapes are not those of one of the networks.
    """
    network: Network
    if any(name.startswith("trunk.") for name in weights):
        network = PooledTrunk()
    else:
        sizes = [weights[key].shape[0] for path in PATHS if (key := f"reductions.{path}.weight") in weights]
        if len(sizes) != len(PATHS):
            raise ValueError("the weights are not those of this network")
        network = DeepRanking((sizes[0], sizes[1], sizes[2], sizes[3]))
        fold(network)
    try:
        network.load_state_dict({name: tensor.float() for name, tensor in weights.items()})
    except RuntimeError as error:
        raise ValueError("the weights are not those of this network") from error
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    fold(network)
    return network
