"""An ONNX model with its convolutions and matrix products in eight-bit integers."""

import logging
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from fdkd.export.writing import META_KEY

#: What is worth it; sums, maxima and joins between them stay integers so that nothing is converted back and forth.
_OPERATORS = ['Conv', 'Gemm', 'MatMul', 'Add', 'Relu', 'MaxPool', 'Concat']


def quantise(source: Path, calibration: Iterable[dict[str, np.ndarray]], path: Path) -> None:
    """Static quantisation in QDQ form: signed activations by tensor, signed weights by output channel.

    The range of each activation is the smallest and largest value that it takes on the calibration data. What computes
    the logits from the last feature stays in float: eight bits would make too many of them equal.

    Args:
        source: The float model.
        calibration: Batches of inputs, from training data.
        path: The file to write.
    """
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self._batches = iter(calibration)

        def get_next(self) -> dict[str, np.ndarray] | None:
            return next(self._batches, None)

    with tempfile.TemporaryDirectory() as folder, _quiet():
        prepared = Path(folder) / 'prepared.onnx'
        quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
        quantize_static(
            str(prepared),
            str(path),
            Reader(),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=_OPERATORS,
            nodes_to_exclude=[_last_product(onnx.load(prepared))],
            per_channel=True,
            activation_type=QuantType.QInt8,
            weight_type=QuantType.QInt8,
            # products of two activations, as in attention, lose most and gain least
            extra_options={'MatMulConstBOnly': True},
        )
    _copy_metadata(source, path)


def _last_product(model) -> str:
    products = [node.name for node in model.graph.node if node.op_type in ('Conv', 'Gemm', 'MatMul')]
    return products[-1]


def _copy_metadata(source: Path, path: Path) -> None:
    import onnx

    entries = {entry.key: entry.value for entry in onnx.load(source, load_external_data=False).metadata_props}
    model = onnx.load(path)
    onnx.helper.set_model_props(model, {META_KEY: entries[META_KEY]})
    onnx.save(model, path)


class _quiet:
    """Keeps onnxruntime from advising to prepare a model that is prepared."""

    def __enter__(self) -> None:
        self._level = logging.root.level
        logging.root.setLevel(logging.ERROR)

    def __exit__(self, *_: object) -> None:
        logging.root.setLevel(self._level)
