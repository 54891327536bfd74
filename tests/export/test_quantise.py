"""Eight-bit integers in place of floats, in a small ONNX model; tests/apis/test_export.py quantises a student."""

import logging

import numpy as np
import pytest

from fdkd.export.quantise import quantise
from fdkd.export.writing import META_KEY

onnx = pytest.importorskip('onnx')
onnxruntime = pytest.importorskip('onnxruntime')


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    """A convolution, a mean and two products, as floats and as integers."""
    from onnx import TensorProto, helper, numpy_helper

    generator = np.random.default_rng(0)
    shapes = {'kernel': (8, 3, 3, 3), 'hidden': (8, 16), 'last': (16, 5)}
    weights = [
        numpy_helper.from_array(generator.normal(size=shape).astype(np.float32), name) for name, shape in shapes.items()
    ]
    nodes = [
        helper.make_node('Conv', ['x', 'kernel'], ['mapped'], 'conv'),
        helper.make_node('Relu', ['mapped'], ['active'], 'relu'),
        helper.make_node('GlobalAveragePool', ['active'], ['pooled'], 'pool'),
        helper.make_node('Flatten', ['pooled'], ['flat'], 'flatten'),
        helper.make_node('MatMul', ['flat', 'hidden'], ['between'], 'first'),
        helper.make_node('MatMul', ['between', 'last'], ['logits'], 'second'),
    ]
    taken = helper.make_tensor_value_info('x', TensorProto.FLOAT, ['N', 3, 8, 8])
    given = helper.make_tensor_value_info('logits', TensorProto.FLOAT, ['N', 5])
    graph = helper.make_graph(nodes, 'small', [taken], [given], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 18)], ir_version=9)
    helper.set_model_props(model, {META_KEY: '{"task": "classification"}'})
    folder = tmp_path_factory.mktemp('quantised')
    onnx.save(model, folder / 'whole.onnx')
    batches = [{'x': generator.uniform(-1, 1, (4, 3, 8, 8)).astype(np.float32)} for _ in range(3)]
    level = logging.root.level
    quantise(folder / 'whole.onnx', iter(batches), folder / 'int8.onnx')
    assert logging.root.level == level
    return folder / 'whole.onnx', folder / 'int8.onnx', batches


def test_all_products_but_the_last_have_signed_integers_by_output_channel(files):
    model = onnx.load(files[1])
    stored = {x.name: x for x in model.graph.initializer}
    made_by = {name: node for node in model.graph.node for name in node.output}

    def weight(name):
        [node] = [node for node in model.graph.node if node.name.startswith(name)]
        return made_by.get(node.input[1])

    for name, channels in (('conv', 8), ('first', 16)):
        back = weight(name)
        assert back.op_type == 'DequantizeLinear'
        assert stored[back.input[0]].data_type == onnx.TensorProto.INT8
        assert list(stored[back.input[1]].dims) == [channels]
    assert weight('second') is None
    assert stored['last'].data_type == onnx.TensorProto.FLOAT


def test_the_logits_are_nearly_those_of_the_floats_on_data_like_the_calibration(files):
    whole, int8 = (onnxruntime.InferenceSession(path) for path in files[:2])
    expected, found = (session.run(None, files[2][0])[0] for session in (whole, int8))
    assert not np.array_equal(found, expected)
    assert np.abs(found - expected).mean() < 0.1 * np.abs(expected).mean()


def test_metadata_come_along_and_nothing_else_is_left_behind(files):
    model = onnx.load(files[1])
    assert {entry.key: entry.value for entry in model.metadata_props} == {META_KEY: '{"task": "classification"}'}
    assert sorted(path.name for path in files[1].parent.iterdir()) == ['int8.onnx', 'whole.onnx']
