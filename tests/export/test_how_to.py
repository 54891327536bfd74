"""The lines that run an exported file; tests/apis/test_export.py runs those of real exports where there is no fdkd."""

import ast
from pathlib import Path

import pytest
import torch
import torchvision

from fdkd.export.how_to import how_to_load
from tests.export.conftest import lived_in

X = {'name': 'rgb', 'dtype': 'uint8', 'shape': ['N', 3, 32, 32], 'holds': 'RGB values from 0 to 255'}
TEXT = [
    {'name': 'input_ids', 'dtype': 'int64', 'shape': ['N', 'L'], 'holds': 'ids'},
    {'name': 'attention_mask', 'dtype': 'int64', 'shape': ['N', 'L'], 'holds': '1 where there is a token'},
]
PLAIN = {'library': 'torchvision', 'arch': 'resnet18', 'num_classes': 3, 'in_channels': 3}


def meta(inputs=(X,), normalisation=(), plain=PLAIN, **more):
    return {'inputs': list(inputs), 'normalisation': dict(normalisation), 'plain': plain, **more}


def test_the_inputs_are_described_before_the_code():
    lines = how_to_load('onnx', Path('there/a.onnx'), meta()).splitlines()
    assert lines[0] == '# x: uint8 [N, 3, 32, 32], RGB values from 0 to 255'
    assert not lines[1].startswith('#')
    two = how_to_load('onnx', Path('a.onnx'), meta(TEXT)).splitlines()
    assert two[:2] == ['# input_ids: int64 [N, L], ids', '# attention_mask: int64 [N, L], 1 where there is a token']


@pytest.mark.parametrize('kind', ['weights', 'torch-export', 'onnx'])
@pytest.mark.parametrize('name', ["it's.pth", 'a "b" \\n.pth'])
def test_the_file_is_named_without_its_folder_and_whatever_its_name(kind, name):
    tree = ast.parse(how_to_load(kind, Path('/home/someone') / name, meta(task='classification')))
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    assert name in texts
    assert not [text for text in texts if 'someone' in text]


@pytest.mark.parametrize(
    ('kind', 'call'),
    [
        ('onnx', "session.run(None, {'input_ids': input_ids, 'attention_mask': attention_mask})[0]"),
        ('torch-export', 'program.module()(input_ids, attention_mask)'),
        (
            'weights',
            'model.head(model.model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state[:, 0])',
        ),
    ],
)
def test_texts_are_passed_by_name(kind, call):
    plain = {'library': 'transformers', 'config': {'model_type': 'bert'}, 'num_classes': 3}
    code = how_to_load(kind, Path('a'), meta(TEXT, plain=plain, task='classification'))
    assert code.splitlines()[-1] == f'logits = {call}'


@pytest.fixture(scope='module')
def network():
    torch.manual_seed(0)
    return lived_in(torchvision.models.resnet18(num_classes=3))


@pytest.mark.parametrize(
    ('normalisation', 'normalised'),
    [
        ({}, lambda x: x),
        ({'mean': [10.0, 20.0, 30.0], 'std': [2.0] * 3}, lambda x: (x - torch.tensor([10, 20, 30])[:, None, None]) / 2),
        ({'mean': [9.0], 'std': [2.0], 'clip': [50.0, 90.0]}, lambda x: (x.clamp(50, 90) - 9) / 2),
        ({'mean': [9.0], 'std': [2.0], 'clip': None, 'hole': 7.0}, lambda x: torch.where(x == 7, 0, (x - 9) / 2)),
    ],
)
def test_inputs_are_normalised_as_in_training(network, tmp_path, monkeypatch, normalisation, normalised):
    monkeypatch.chdir(tmp_path)
    told = meta(normalisation=normalisation, task='classification')
    torch.save({'meta': told, 'state_dict': network.state_dict()}, 'a.pth')
    known = {'x': torch.randint(0, 100, (2, 3, 32, 32), dtype=torch.uint8)}
    known['x'][:, :, :16] = 7
    with torch.no_grad():
        exec(how_to_load('weights', Path('a.pth'), told), known)
        z = normalised(known['x'].float())
        torch.testing.assert_close(known['z'], z)
        torch.testing.assert_close(known['logits'], network(z))


def test_the_logits_of_a_clip_are_the_mean_over_its_frames(network, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    told = meta([{**X, 'shape': ['N', 'T', 3, 32, 32]}], task='classification')
    torch.save({'meta': told, 'state_dict': network.state_dict()}, 'a.pth')
    known = {'x': torch.rand(2, 4, 3, 32, 32)}
    with torch.no_grad():
        exec(how_to_load('weights', Path('a.pth'), told), known)
        expected = torch.stack([network(clip).mean(0) for clip in known['x']])
    torch.testing.assert_close(known['logits'], expected)
    assert not torch.allclose(expected[0], expected[1], rtol=1e-3)


def test_every_network_takes_its_own_weights(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    told = meta(plain={**PLAIN, 'arch': 'mobilenet_v2'}, task='classification')
    network = torchvision.models.mobilenet_v2(num_classes=3)
    torch.save({'meta': told, 'state_dict': network.state_dict()}, 'a.pth')
    known = {'x': torch.rand(2, 3, 32, 32)}
    exec(how_to_load('weights', Path('a.pth'), told), known)
    assert torch.equal(known['logits'], network.eval()(known['x']))


@pytest.mark.parametrize('aligned', [True, False])
def test_label_maps_get_the_size_of_the_input(aligned):
    plain = {'library': 'mmseg', 'config': {}}
    code = how_to_load('weights', Path('a.pth'), meta(plain=plain, task='segmentation', align_corners=aligned))
    x = torch.rand(1, 3, 8, 12)
    known = {'torch': torch, 'model': lambda z: z[:, :, ::4, ::4], 'z': x, 'x': x}
    exec(code.splitlines()[-1], known)
    expected = torch.nn.functional.interpolate(x[:, :, ::4, ::4], (8, 12), mode='bilinear', align_corners=aligned)
    assert torch.equal(known['logits'], expected)
