"""Reading exported files: one interface, checked inputs, and nothing in a file is run."""

import json
import re
import zipfile
from contextlib import suppress

import numpy as np
import pytest
import torch
import torchvision
from torch import nn

from fdkd.errors import CheckpointError, ExportError
from fdkd.export import Exported, load
from fdkd.export.graph import Graph, trace
from fdkd.export.reading import load_as
from fdkd.export.writing import write_program, write_weights
from fdkd.models.preprocessor import Float

TEXT = [
    {'name': 'input_ids', 'dtype': 'int64', 'shape': ['N', 'L'], 'holds': 'ids'},
    {'name': 'attention_mask', 'dtype': 'int64', 'shape': ['N', 'L'], 'holds': 'mask'},
]
IMAGE = [{'name': 'rgb', 'dtype': 'uint8', 'shape': ['N', 3, 'H', 'W'], 'holds': 'RGB'}]
SENSOR = [{'name': 'imu', 'dtype': 'float32', 'shape': ['N', 4], 'holds': 'readings'}]


@pytest.fixture(scope='module')
def program():
    graph = Graph(nn.Linear(4, 2), Float()).eval()
    return graph, trace(graph, {'imu': torch.ones(2, 4)}, {'imu': {0: 'N'}})


def echo(meta):
    return Exported({'inputs': meta}, lambda inputs: inputs)


def test_one_input_needs_no_name():
    x = np.zeros((2, 3, 5, 7), np.uint8)
    assert echo(IMAGE).run(x)['rgb'] is x
    assert echo(IMAGE).run({'rgb': x})['rgb'] is x


@pytest.mark.parametrize(
    ('x', 'words'),
    [
        (np.zeros((2, 3, 5, 7), np.float32), 'rgb: float32 2x3x5x7, expected uint8 Nx3xHxW: RGB'),
        (np.zeros((2, 1, 5, 7), np.uint8), 'rgb: uint8 2x1x5x7, expected'),
        (np.zeros((3, 5, 7), np.uint8), 'rgb: uint8 3x5x7, expected'),
        (np.zeros((0, 3, 5, 7), np.uint8), 'rgb: uint8 0x3x5x7, expected'),
        ({'depth': np.zeros((1, 3, 5, 7), np.uint8)}, r"inputs \['depth'\], this student takes \['rgb'\]"),
    ],
)
def test_other_inputs_are_refused(x, words):
    with pytest.raises(ExportError, match=words):
        echo(IMAGE).run(x)


def test_inputs_have_one_length_along_an_axis_of_one_name():
    ids = np.ones((2, 5), np.int64)
    echo(TEXT).run({'input_ids': ids, 'attention_mask': ids})
    with pytest.raises(ExportError, match='attention_mask: int64 2x4'):
        echo(TEXT).run({'input_ids': ids, 'attention_mask': ids[:, :4]})
    with pytest.raises(ExportError, match='this student takes'):
        echo(TEXT).run(ids)


def test_programs_come_back_with_their_metadata(program, tmp_path):
    graph, traced = program
    write_program(traced, {'inputs': SENSOR, 'classes': ['ä', 'b']}, tmp_path / 'a.pt2')
    found = load(tmp_path / 'a.pt2', unsafe=True)
    assert found.meta['classes'] == ['ä', 'b']
    x = torch.randn(1, 4)
    assert torch.equal(torch.from_numpy(found.run(x.numpy())), graph(x).detach())


@pytest.mark.parametrize('name', ['a.bin', 'student'])
def test_the_suffix_tells_the_format(tmp_path, name):
    with pytest.raises(ExportError, match=r'expected a file with the suffix \.pth, \.pt2, \.onnx'):
        load(tmp_path / name)


@pytest.mark.parametrize('suffix', ['.pth', '.pt2', '.onnx'])
def test_absent_damaged_and_foreign_files_are_refused(program, tmp_path, suffix):
    path = tmp_path / f'a{suffix}'
    with pytest.raises(ExportError, match='no such file'):
        load(path)
    path.write_bytes(b'PK\x03\x04 nothing')
    with pytest.raises((ExportError, CheckpointError), match=f'a{suffix}: '):
        load(path)


def test_files_of_others_are_refused(program, tmp_path):
    torch.save({'state_dict': {}, 'meta': {'modality': 'rgb'}}, tmp_path / 'student.pth')
    with pytest.raises(ExportError, match='a checkpoint of a training'):
        load(tmp_path / 'student.pth')
    write_program(program[1], {}, tmp_path / 'other.pt2')
    with pytest.raises(ExportError, match=r'no student that `fdkd export` wrote'):
        load(tmp_path / 'other.pt2', unsafe=True)


def test_weights_have_to_fit_their_recipe(tmp_path):
    recipe = {'library': 'torchvision', 'arch': 'resnet18', 'in_channels': 3, 'num_classes': 2}
    meta = {'plain': recipe, 'inputs': IMAGE, 'normalisation': {}, 'align_corners': False}
    write_weights({'fc.bias': torch.zeros(2)}, meta, tmp_path / 'a.pth')
    with pytest.raises(CheckpointError, match='does not fit ResNet'):
        load_as('weights', tmp_path / 'a.pth')


@pytest.mark.parametrize(
    'meta',
    [
        None,
        3,
        {'plain': None, 'inputs': IMAGE},
        {'plain': {'library': 'torchvision', 'arch': 'resnet18'}, 'inputs': IMAGE},
        {'plain': {'library': 'torchvision', 'arch': 'resnet18', 'in_channels': 3, 'num_classes': 2}, 'inputs': IMAGE},
    ],
)
def test_metadata_made_by_hand_are_an_error_with_the_files_name(tmp_path, meta):
    weights = torchvision.models.resnet18(num_classes=2).state_dict()
    torch.save({'state_dict': weights, 'meta': meta}, tmp_path / 'a.pth')
    with pytest.raises(ExportError, match=r'a\.pth: '):
        load(tmp_path / 'a.pth')


@pytest.mark.parametrize('inputs', [3, [{}], [{'name': 'x', 'dtype': 'uint8', 'holds': '', 'shape': 4}]])
def test_inputs_of_another_form_are_refused_when_the_file_is_read(program, tmp_path, inputs):
    write_program(program[1], {'inputs': inputs}, tmp_path / 'a.pt2')
    with pytest.raises(ExportError, match=r'a\.pt2: damaged, or not what `fdkd export` writes'):
        load(tmp_path / 'a.pt2', unsafe=True)


def test_a_program_is_run_only_where_its_source_is_trusted(program, tmp_path):
    """Torch evaluates the text of shapes in it: this one would make a folder."""
    write_program(program[1], {'inputs': SENSOR}, tmp_path / 'good.pt2')
    with zipfile.ZipFile(tmp_path / 'good.pt2') as old, zipfile.ZipFile(tmp_path / 'bad.pt2', 'w') as new:
        text = json.dumps(f"__import__('os').mkdir({str(tmp_path / 'made')!r})").encode()
        for name in old.namelist():
            new.writestr(name, re.sub(rb'(?<="expr_str": )"[^"]*"', text, old.read(name)))
    for name in ('good', 'bad'):
        with pytest.raises(ExportError, match=rf'{name}\.pt2: refused, since an exported program can run anything'):
            load(tmp_path / f'{name}.pt2')
    assert not (tmp_path / 'made').exists()
    assert load(tmp_path / 'good.pt2', unsafe=True).meta['inputs'] == SENSOR
    with suppress(ExportError):
        load(tmp_path / 'bad.pt2', unsafe=True)
    assert (tmp_path / 'made').exists()  # what the refusal is for; where torch has stopped doing it, both can go
