"""The trunk on the CPU, by ONNX Runtime: the only module that imports it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from photosim.errors import ModelError
from photosim.model.card import TRUNK_GRAPH, ModelCard
from photosim.model.constants import input_of, with_constants, with_outputs
from photosim.model.trunk_changes import load_changes, misfit

_FATAL = 4
BATCH_SIZE = 8
# The graph's first output; what follows are the last maps before their average.
FEATURES = "features"


class OnnxRuntime:
    """See `photosim.model.runtime.Runtime`. `features` may be called from several threads at once.

    `threads` is what one call uses: all cores for a caller that makes one call at a time, 1 for a caller
    that makes several side by side (a call with one thread runs in the caller's own thread).
    """

    precision = "fp32"
    batch_size = BATCH_SIZE

    def __init__(
        self,
        card: ModelCard,
        threads: int,
        note: str | None = None,
        changes: Mapping[str, npt.NDArray[np.float32]] | None = None,
    ) -> None:
        """`changes` take the place of those of the model's trunk: see `photosim.model.trunk_changes`.

        Raises ModelError where the model's graph is missing, damaged or not what its card says.
        """
        path = card.folder / TRUNK_GRAPH
        self.device = f"CPU, {threads} thread{'s' if threads != 1 else ''}"
        self.note = note
        self._shape = (card.input_size, card.input_size, 3)
        self._feature_dim = card.feature_dim
        data = _graph_of(card, changes)
        try:
            session = _opened(data, threads)
        except _ORT_ERRORS as error:
            raise ModelError(f"{path} is no graph that can be run: get the model again") from error
        inputs, outputs = session.get_inputs(), session.get_outputs()
        if (
            len(inputs) != 1
            or not outputs
            or inputs[0].type != "tensor(uint8)"
            or outputs[0].name != FEATURES
            or any(output.type != "tensor(float)" for output in outputs)
            or tuple(inputs[0].shape[1:]) != self._shape
            or list(outputs[0].shape[1:]) != [card.feature_dim]
        ):
            raise ModelError(f"{path} does not fit its card: get the model again")
        self._session = session
        self._input = inputs[0].name
        self._maps = [output.name for output in outputs[1:]]

    def features(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float16]:
        if pixels.dtype != np.uint8 or pixels.shape[1:] != self._shape:
            raise ValueError(f"pixels must be uint8 [N, {self._shape}], not {pixels.dtype} {pixels.shape}")
        results = [np.zeros((0, self._feature_dim), np.float16)]
        for start in range(0, len(pixels), self.batch_size):
            batch = np.ascontiguousarray(pixels[start : start + self.batch_size])
            output: Any = self._session.run([FEATURES], {self._input: batch})[0]
            results.append(output.astype(np.float16))
        return np.concatenate(results)

    def maps(self, pixels: npt.NDArray[np.uint8]) -> dict[str, npt.NDArray[np.float32]]:
        """What the paths' features are the averages of, by output ("kind_maps", "thing_maps"), each float32
        [N, C, h, w], before any reduction. Nothing for a model whose graph does not give them.
        """
        if not self._maps:
            return {}
        outputs: list[Any] = self._session.run(self._maps, {self._input: np.ascontiguousarray(pixels)})
        return dict(zip(self._maps, outputs, strict=True))


def run_graph(graph: bytes, threads: int) -> Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]:
    """A graph made in this process, from pixels uint8 [N, S, S, 3] to its first output float32 [N, ...]."""
    session = _opened(graph, threads)
    name = session.get_inputs()[0].name

    def run(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        pieces = [
            session.run(None, {name: np.ascontiguousarray(pixels[start : start + BATCH_SIZE])})[0]
            for start in range(0, len(pixels), BATCH_SIZE)
        ]
        result: npt.NDArray[np.float32] = np.concatenate(pieces)
        return result

    return run


def run_into(
    card: ModelCard, weights: Sequence[str], threads: int
) -> Callable[[npt.NDArray[np.uint8]], list[npt.NDArray[np.float32]]]:
    """The model's graph, from pixels uint8 [N, S, S, 3] to its features [N, F] and to what goes into the
    convolutions of these weights, each [N, C, h, w].

    Raises ModelError where the graph is missing, damaged or has no such convolution.
    """
    graph = _graph_of(card, None)
    try:
        inner = [input_of(graph, weight) for weight in weights]
        session = _opened(with_outputs(graph, list(dict.fromkeys(inner))), threads)
    except (ValueError, *_ORT_ERRORS) as error:
        path = card.folder / TRUNK_GRAPH
        raise ModelError(f"{path} is not the graph of its trunk: get the model again") from error
    name = session.get_inputs()[0].name

    def run(pixels: npt.NDArray[np.uint8]) -> list[npt.NDArray[np.float32]]:
        outputs: list[Any] = session.run([FEATURES, *inner], {name: np.ascontiguousarray(pixels)})
        return outputs

    return run


def _graph_of(card: ModelCard, changes: Mapping[str, npt.NDArray[np.float32]] | None) -> bytes:
    """The graph that the model runs, with these tensors or else those of its tuned trunk in it."""
    graph = card.read_file(TRUNK_GRAPH)
    if changes is None:
        changes = load_changes(card)
    try:
        return with_constants(graph, changes) if changes else graph
    except ValueError as error:
        raise misfit(card, str(error)) from error


def _opened(graph: bytes, threads: int) -> Any:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # A thread that waits must not burn a core that decodes photos meanwhile.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # What goes wrong is raised; the library's own lines on standard error would only repeat it.
    options.log_severity_level = _FATAL
    return ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


_capi: Any = ort.capi.onnxruntime_pybind11_state
_ORT_ERRORS = (
    _capi.Fail,
    _capi.InvalidArgument,
    _capi.InvalidGraph,
    _capi.InvalidProtobuf,
    _capi.NotImplemented,
    _capi.NoSuchFile,
    _capi.RuntimeException,
)
