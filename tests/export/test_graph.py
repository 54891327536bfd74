"""From raw input to logits: normalisation, frames, sizes, texts of different lengths; and what cannot be traced."""

import pytest
import torch
from torch import nn

from fdkd.errors import ExportError
from fdkd.export.graph import Graph, axes, raw_inputs, trace
from fdkd.models import Normalizer
from fdkd.models.preprocessor import Float, Tokens


class Branching(nn.Module):
    def forward(self, x):
        return x + 1 if x.sum() > 0 else x


def test_depth_is_clipped_its_holes_filled_and_logits_have_its_size():
    network = nn.Conv2d(1, 2, 2, stride=2)
    graph = Graph(network, Normalizer([2.0], [0.5], clip=(0.0, 3.0), hole=0.0))
    x = torch.tensor([[0.0, 1.0], [2.0, 9.0]])[None, None]
    z = torch.tensor([[0.0, -2.0], [0.0, 2.0]])[None, None]
    expected = network(z).expand(-1, -1, 2, 2)  # one position, resized
    torch.testing.assert_close(graph(x), expected)


def test_logits_of_frames_are_averaged():
    network = nn.Sequential(nn.Flatten(), nn.Linear(12, 3))
    graph = Graph(network, Float())
    x = torch.randn(2, 5, 3, 2, 2)
    torch.testing.assert_close(graph(x), torch.stack([network(clip).mean(0) for clip in x]))


def test_texts_are_filled_up_and_masked():
    texts = [torch.tensor([2, 5, 3]), torch.tensor([2])]
    inputs = raw_inputs(texts, 'text', Tokens(), pad=7)
    assert inputs['input_ids'].tolist() == [[2, 5, 3], [2, 7, 7]]
    assert inputs['attention_mask'].tolist() == [[1, 1, 1], [1, 0, 0]]
    assert axes(inputs, dense=False) == {'input_ids': {0: 'N', 1: 'L'}, 'attention_mask': {0: 'N', 1: 'L'}}


def test_images_are_stacked_as_they_are():
    image = torch.randint(256, (3, 4, 4), dtype=torch.uint8)
    inputs = raw_inputs([image, image], 'rgb', Normalizer([0.0] * 3, [1.0] * 3))
    assert inputs['rgb'].dtype == torch.uint8
    assert axes(inputs, dense=True) == {'rgb': {0: 'N', 2: 'H', 3: 'W'}}
    assert axes(inputs, dense=False) == {'rgb': {0: 'N'}}
    assert axes({'clip': torch.zeros(1, 2, 3, 4, 4)}, dense=False) == {'clip': {0: 'N', 1: 'T'}}


def test_a_program_takes_any_batch_and_size_and_keeps_nobodys_data():
    graph = Graph(nn.Conv2d(3, 2, 3, padding=1, stride=2), Normalizer([9.0] * 3, [2.0] * 3)).eval()
    secret = torch.full((1, 3, 8, 6), 77, dtype=torch.uint8)
    program = trace(graph, {'rgb': secret}, {'rgb': {0: 'N', 2: 'H', 3: 'W'}})
    assert program.example_inputs[0][0].unique().tolist() == [1]
    for shape in ((1, 3, 8, 6), (3, 3, 5, 11)):
        x = torch.randint(256, shape, dtype=torch.uint8)
        torch.testing.assert_close(program.module()(x), graph(x))


def test_what_cannot_be_traced_is_named_in_one_line(capfd):
    graph = Graph(nn.Sequential(nn.Linear(3, 3), Branching()), Float())
    with pytest.raises(ExportError, match=r'cannot be traced in the module 1 \(Branching\): ') as caught:
        trace(graph, {'x': torch.ones(2, 3)}, {'x': {0: 'N'}})
    assert '\n' not in str(caught.value)
    assert 'def forward' not in ''.join(capfd.readouterr())
