"""Weights that MMEngine reads itself: as before, but never by unpickling objects."""

import io

import pytest
import torch
from mmengine.runner import CheckpointLoader
from mmengine.runner import checkpoint as mmengine_checkpoint

from fdkd.errors import CheckpointError
from fdkd.models import pretrained
from fdkd.registry import MODELS
from tests.support.payloads import write_checkpoint

URL = 'https://download.pytorch.org/models/resnet18-f37072fd.pth'


@pytest.fixture
def marker(tmp_path):
    path = tmp_path / 'marker'
    yield path
    assert not path.exists(), 'a payload ran'


@pytest.fixture
def downloads(tmp_path, monkeypatch):
    """The folder in which torch looks before it downloads."""
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path))
    (tmp_path / 'checkpoints').mkdir()
    return tmp_path / 'checkpoints'


def backbone(path):
    return MODELS.build(dict(type='ResNet18', in_channels=1, init_cfg=dict(type='Pretrained', checkpoint=str(path))))


def test_good_weights_are_loaded(tmp_path):
    weights = {name: torch.full_like(x, 2) for name, x in backbone('').state_dict().items()}
    torch.save({'state_dict': weights}, tmp_path / 'a.pth')
    network = backbone(tmp_path / 'a.pth')
    network.init_weights()
    assert all((x == 2).all() for x in network.state_dict().values())


@pytest.mark.parametrize('kind', ['Pretrained', 'mmengine.Pretrained'])
@pytest.mark.parametrize('prefix', [None, 'backbone.'])
def test_objects_are_refused_by_name(tmp_path, marker, kind, prefix):
    path = write_checkpoint(tmp_path / 'a.pth', marker)
    network = backbone(path)
    network.init_cfg.update(type=kind, prefix=prefix)
    before = {name: x.clone() for name, x in network.state_dict().items()}
    with pytest.raises(CheckpointError, match=rf'{path}: refused, since it holds objects that would run code'):
        network.init_weights()
    assert all(torch.equal(x, before[name]) for name, x in network.state_dict().items())


def test_what_was_downloaded_before_is_read_in_the_same_way(downloads, marker):
    torch.save({'a': torch.ones(1)}, downloads / 'resnet18-f37072fd.pth')
    assert CheckpointLoader.load_checkpoint(URL)['a'] == 1
    write_checkpoint(downloads / 'resnet18-f37072fd.pth', marker)
    for name in (URL, 'torchvision://resnet18'):
        with pytest.raises(CheckpointError, match=f'{URL}: refused, since it holds objects'):
            CheckpointLoader.load_checkpoint(name)


def test_content_that_lies_elsewhere(tmp_path, marker):
    read = mmengine_checkpoint._safe_torch_load
    content = io.BytesIO()
    torch.save({'a': torch.ones(1)}, content)
    assert read(io.BytesIO(content.getvalue()))['a'] == 1
    objects = write_checkpoint(tmp_path / 'a.pth', marker).read_bytes()
    with pytest.raises(CheckpointError, match='weights from an object store: refused'):
        read(io.BytesIO(objects), weights_only=False)


def test_a_library_without_these_functions_is_not_passed_over(monkeypatch):
    monkeypatch.delattr(mmengine_checkpoint, 'load_url')
    with pytest.raises(AttributeError, match='load_url'):
        pretrained.install_safe_loading()
