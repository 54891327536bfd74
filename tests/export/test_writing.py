"""What cannot be written as ONNX is named: packages, operators, sizes."""

import sys
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from fdkd.errors import ExportError
from fdkd.export.graph import Graph, trace
from fdkd.export.writing import need, write_onnx
from fdkd.models.preprocessor import Float


class Spectral(nn.Module):
    def forward(self, x):
        return torch.linalg.eigvalsh(x)


def test_absent_packages_are_named_with_what_to_install(monkeypatch):
    need('json')
    monkeypatch.setitem(sys.modules, 'onnxruntime', None)
    with pytest.raises(ExportError, match=r"needs onnxruntime .*pip install 'fdkd\[export\]'"):
        need('json', 'onnxruntime')


def test_an_operator_without_a_counterpart_is_named_with_its_module(tmp_path):
    graph = Graph(nn.Sequential(nn.Linear(3, 3), Spectral()), Float()).eval()
    dynamic = {'x': {0: 'N'}}
    program = trace(graph, {'x': torch.ones(2, 3, 3)}, dynamic)
    with pytest.raises(ExportError, match=r'aten\._linalg_eigh\.default of the module 1 \(Spectral\): use') as caught:
        write_onnx(program, dynamic, {}, tmp_path / 'a.onnx')
    assert '\n' not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_what_no_file_of_onnx_holds_is_refused_at_once(tmp_path):
    large = torch.empty(2**29 + 1, device='meta')
    with pytest.raises(ExportError, match=r'2\.0 GiB, and one ONNX file holds 2 GiB'):
        write_onnx(SimpleNamespace(state_dict={'a': large}), {}, {}, tmp_path / 'a.onnx')
