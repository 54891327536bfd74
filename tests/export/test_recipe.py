"""A file's recipe names parts of networks and nothing else."""

from pathlib import Path

import pytest

from fdkd.errors import ExportError
from fdkd.export.recipe import check_recipe
from tests.export.conftest import segmentor_config

PATH = Path('a.pth')


def test_recipes_of_networks_pass():
    config = {key: value for key, value in segmentor_config().items() if key != 'auxiliary_head'}
    config['backbone'].pop('init_cfg')
    check_recipe({'library': 'mmseg', 'config': config}, PATH)
    check_recipe({'library': 'torchvision', 'arch': 'resnet18'}, PATH)
    check_recipe({'library': 'transformers', 'config': {'model_type': 'bert'}}, PATH)


@pytest.mark.parametrize('kind', ['os.system', 'subprocess.run', 'mmengine.fileio.get', 'Pretrained', 7])
def test_functions_and_strangers_are_refused_at_any_depth(kind):
    config = segmentor_config(decode_head=dict(loss_decode=[dict(type=kind)]))
    config['backbone'].pop('init_cfg')
    with pytest.raises(ExportError, match=r'a\.pth: refused, since its network names '):
        check_recipe({'library': 'mmseg', 'config': config}, PATH)


@pytest.mark.parametrize(
    'more',
    [
        dict(_scope_='antigravity'),
        dict(norm_layer='os.system'),
        dict(pretrained=True),
        dict(init_cfg=dict(type='Pretrained', checkpoint='http://a/b.pth')),
    ],
    ids=str,
)
def test_keys_that_name_modules_or_weights_are_refused_at_any_depth(more):
    config = segmentor_config()
    config['backbone'] = dict(type='mmseg.ResNet', depth=18, plugins=[dict(cfg=dict(type='mmcv.ContextBlock', **more))])
    with pytest.raises(ExportError, match=rf'a\.pth: refused, since its network says {next(iter(more))}='):
        check_recipe({'library': 'mmseg', 'config': config}, PATH)


@pytest.mark.parametrize('kind', ['TIMMBackbone', 'mmseg.VPD', 'CLIPTextEncoder'])
def test_parts_that_download_or_import_are_refused(kind):
    with pytest.raises(ExportError, match=f"network names '{kind}', none of MMSegmentation's parts"):
        check_recipe({'library': 'mmseg', 'config': dict(type='EncoderDecoder', backbone=dict(type=kind))}, PATH)


@pytest.mark.parametrize(
    ('config', 'said'),
    [
        ({'model_type': 'detr'}, "its network is 'detr'"),
        ({}, 'its network is None'),
        ({'model_type': 'bert', 'auto_map': {'AutoModel': 'a--b.C'}}, 'says auto_map='),
        ({'model_type': 'bert', 'attn_implementation': 'someone/kernels'}, 'says attn_implementation='),
    ],
)
def test_models_of_transformers_are_encoders_of_texts_without_code(config, said):
    with pytest.raises(ExportError, match=f'refused, since .*{said}'):
        check_recipe({'library': 'transformers', 'config': config}, PATH)


def test_other_networks_and_libraries_are_refused():
    for arch in ('get_weight', 'resnet50'):
        with pytest.raises(ExportError, match=f"'{arch}', none of resnet18, mobilenet_v2"):
            check_recipe({'library': 'torchvision', 'arch': arch}, PATH)
    with pytest.raises(ExportError, match="of 'os', none of the libraries"):
        check_recipe({'library': 'os', 'arch': 'system'}, PATH)
