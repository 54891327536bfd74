"""No loss makes the host wait for the device: a pass is queued whole, whatever the values of its tensors."""

import ast
from pathlib import Path

import pytest
import torch

from fdkd.distill import losses
from fdkd.distill.losses.kendall import kendall_tau
from fdkd.registry import DISTILL_LOSSES

FILES = sorted(Path(losses.__path__[0]).glob('*.py'))
#: Methods and functions that copy a value to the host or need one there to know a shape.
WAITING = {'item', 'tolist', 'cpu', 'numpy', 'nonzero', 'argwhere', 'masked_select', 'unique', 'equal', 'allclose'}


@pytest.mark.parametrize('path', FILES, ids=lambda path: path.stem)
def test_no_call_in_the_source_waits(path):
    calls = [node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    names = {call.attr if isinstance(call, ast.Attribute) else getattr(call, 'id', '') for call in calls}
    assert not names & WAITING


WIDTHS = dict(student_channels=16, teacher_channels=16)
LOGITS, FEATURES, MAPS = (32, 5), (32, 16), (4, 16, 6, 6)
CASES = [
    *[(dict(type=name), LOGITS) for name in ('LogitKDLoss', 'DISTLoss', 'NKDLoss', 'DKDLoss', 'OFSDLoss')],
    *[(dict(type=name), (2, 5, 6, 6)) for name in ('LogitKDLoss', 'DISTLoss', 'NKDLoss', 'DKDLoss', 'CWDLoss')],
    *[(dict(type=name), FEATURES) for name in ('FeatureMSELoss', 'PKDLoss', 'RKDLoss')],
    (dict(type='FDKDLoss', num_classes=5, channels=16), FEATURES),
    (dict(type='FDKDLoss', align=False, band_task=False), MAPS),
    (dict(type='OFDLoss', **WIDTHS, margins=-torch.ones(16)), MAPS),
    (dict(type='AFDLoss', **WIDTHS), MAPS),
    (dict(type='ReviewKDLoss', **WIDTHS), MAPS),
    (dict(type='FAMLoss', **WIDTHS), MAPS),
    (dict(type='FreeKDLoss', teacher_channels=16), MAPS),
]


@pytest.mark.skipif(not torch.cuda.is_available(), reason='asks PyTorch on a GPU')
@pytest.mark.parametrize(
    ('config', 'shape'), CASES, ids=lambda case: case.get('type') if isinstance(case, dict) else str(len(case))
)
def test_no_pass_waits_on_a_gpu(config, shape):
    loss = DISTILL_LOSSES.build(config).cuda()
    student, teacher = torch.randn(2, *shape, device='cuda').unbind()
    target = torch.randint(5, (shape[0], *shape[2:]), device='cuda')
    student.requires_grad_()
    loss(student, teacher, target)  # what is built on the first call may be sent to the device then
    torch.cuda.set_sync_debug_mode('error')
    try:
        value = loss(student, teacher, target)
        sum(value.values() if isinstance(value, dict) else [value]).backward()
        kendall_tau(torch.randn(4, 5, device='cuda'), torch.randn(4, 5, device='cuda'))
    finally:
        torch.cuda.set_sync_debug_mode('default')


def test_every_loss_is_asked():
    shown = {config['type'] for config, _ in CASES}
    assert {name for name, loss in DISTILL_LOSSES.module_dict.items() if loss.__module__.startswith('fdkd.')} == shown
