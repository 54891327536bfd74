"""A teacher whose weights two processes share, against the same teacher whole."""

import copy
import logging
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config, ConfigDict
from mmengine.dist import get_rank
from mmengine.registry import MODEL_WRAPPERS
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from torch.distributed.fsdp import FSDPModule

from fdkd.datasets.collate import collate_pairs
from fdkd.engine.launch import wrapper_config
from fdkd.engine.sharding import ShardTeacherHook, local_bytes
from fdkd.errors import ConfigError
from fdkd.registry import MODELS
from tests.support.processes import on_two_processes


def distiller():
    """Of real networks, with a loss that has parameters of its own."""
    torch.manual_seed(0)
    models = copy.deepcopy(Config.fromfile('configs/_base_/models/deeplabv3plus_r18.py').segmentor)
    for model in models.values():
        model.backbone.init_cfg = None
        model.decode_head.dropout_ratio = model.auxiliary_head.dropout_ratio = 0.0
    return MODELS.build(
        ConfigDict(
            type='CrossModalDistiller',
            student=dict(modality='rgb', model=models['rgb']),
            teacher=dict(modality='depth', model=models['depth'], checkpoint=None),
            losses=dict(
                logits=dict(type='LogitKDLoss', on='logits'),
                fdkd=dict(type='FDKDLoss', on='feat', num_classes=40, channels=512, align=True, band_task=False),
            ),
            data_preprocessor=dict(type='MultimodalPreprocessor', modalities=dict(rgb=dict(), depth=dict())),
        )
    )


def sample(index, modalities=('rgb', 'depth')):
    generator = torch.Generator().manual_seed(index)
    shapes = {'rgb': (3, 32, 48), 'depth': (1, 32, 48)}
    label = torch.randint(0, 40, (1, 32, 48), generator=generator)
    meta = {'sample_id': f's{index}', 'present': (*modalities, 'label'), 'ori_shape': (32, 48), 'img_shape': (32, 48)}
    inputs = {name: torch.randn(shapes[name], generator=generator) for name in modalities}
    return {'inputs': inputs, 'data_samples': SegDataSample(gt_sem_seg=PixelData(data=label), metainfo=meta)}


class Data:
    """Two samples: the first has no depth."""

    def __len__(self):
        return 2

    def __getitem__(self, key):
        return sample(key.index, ('rgb',) if key.index == 0 else ('rgb', 'depth'))


def runner_of(algorithm):
    loader = SimpleNamespace(dataset=Data(), collate_fn=collate_pairs)
    return SimpleNamespace(
        algorithm=algorithm, train_dataloader=loader, cfg={}, seed=0, logger=logging.getLogger('test')
    )


def gradients(model, batch):
    """The summed loss of a step and the gradients that it leaves, by parameter."""
    algorithm = getattr(model, 'module', model)
    algorithm.zero_grad()
    losses = model(**algorithm.data_preprocessor(batch, True), mode='loss')
    total = algorithm.parse_losses(losses)[0]
    total.backward()
    return total.item(), [x.grad.clone() for x in algorithm.parameters()]


def on_rank():
    """Everything that is seen of one teacher, whole, shared, and whole again."""
    rank, algorithm = get_rank(), distiller().train()
    for module in algorithm.modules():  # so that passes can be repeated
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eval()
    batch = collate_pairs([sample(10 + 2 * rank), sample(11 + 2 * rank)])
    alone = collate_pairs([sample(20 + rank, ('rgb',))])  # nothing to distil from
    gaps = batch if rank == 0 else alone
    whole = {'bytes': local_bytes(algorithm.teacher), 'step': gradients(algorithm, batch)}
    whole['gaps'] = gradients(algorithm, gaps)[1]
    for gradient in whole['gaps']:
        torch.distributed.all_reduce(gradient)

    hook, runner = ShardTeacherHook(min_params=100_000), runner_of(algorithm)
    hook.before_train(runner)
    gathered = []
    for module in algorithm.teacher.modules():
        if isinstance(module, FSDPModule):
            module.register_forward_pre_hook(lambda *_: gathered.append(local_bytes(algorithm.teacher)))
    seen = {'bytes': [local_bytes(algorithm.teacher)], 'same': []}
    for _ in range(2):
        loss, found = gradients(algorithm, batch)
        seen['same'].append(loss == whole['step'][0] and all(map(torch.equal, found, whole['step'][1])))
        seen['bytes'].append(local_bytes(algorithm.teacher))

    wrapped = MODEL_WRAPPERS.build({**wrapper_config(Config()), 'module': algorithm})
    found = [gradients(wrapped, gaps)[1] for _ in range(2)][1]  # DDP arranges its buckets anew in the second step
    close = [torch.allclose(2 * a, b, rtol=1e-4, atol=1e-7) for a, b in zip(found, whole['gaps'], strict=True)]

    peak = max(gathered)
    hook.after_train(runner)
    value = None
    if rank == 0:  # as for pictures
        with torch.no_grad():
            value = algorithm.teacher(torch.ones(1, 1, 32, 48), mode='tensor')
            value = torch.equal(value, distiller().teacher(torch.ones(1, 1, 32, 48), mode='tensor'))
    torch.distributed.barrier()
    return {
        'whole': whole['bytes'], **seen, 'peak': peak, 'gaps': all(close), 'alone': value,
        'parts': sum(isinstance(module, FSDPModule) for module in algorithm.teacher.modules()),
        'saved': {type(x).__name__ for x in algorithm.state_dict().values()},
    }  # fmt: skip


@pytest.fixture(scope='module')
def ranks(tmp_path_factory):
    return on_two_processes(on_rank, tmp_path_factory.mktemp('sharding'))


def test_each_rank_holds_half_before_and_after_each_pass(ranks):
    for seen in ranks:
        assert seen['whole'] == ranks[0]['whole'] > 40e6
        for held in seen['bytes']:
            assert held == pytest.approx(seen['whole'] / 2, rel=0.01)
    assert sum(seen['bytes'][0] for seen in ranks) == ranks[0]['whole']


def test_a_pass_gathers_part_by_part(ranks):
    for seen in ranks:
        assert seen['parts'] > 5
        assert seen['bytes'][0] < seen['peak'] < 0.9 * seen['whole']


def test_losses_and_gradients_are_the_same_to_the_last_bit(ranks):
    assert [seen['same'] for seen in ranks] == [[True, True]] * 2


def test_a_rank_without_pairs_joins_in_and_ddp_averages_with_it(ranks):
    assert [seen['gaps'] for seen in ranks] == [True, True]


def test_afterwards_one_rank_can_run_the_teacher_alone(ranks):
    assert ranks[0]['alone'] is True


def test_the_teacher_stays_out_of_checkpoints(ranks):
    assert ranks[0]['saved'] == {'Tensor'}


def test_a_single_process_keeps_its_teacher_whole():
    algorithm = distiller()
    ShardTeacherHook().before_train(runner_of(algorithm))
    assert algorithm.teacher_taps.stop_early
    assert not any(isinstance(module, FSDPModule) for module in algorithm.teacher.modules())


def test_refusals():
    algorithm = distiller()
    with pytest.raises(ConfigError, match='ranks=2 does not divide the 1 processes'):
        ShardTeacherHook(ranks=2).before_train(runner_of(algorithm))
    algorithm.teacher_cache = object()
    with pytest.raises(ConfigError, match='leave out the hook or --cache-teacher'):
        ShardTeacherHook().before_train(runner_of(algorithm))
    with pytest.raises(ConfigError, match='Linear has no frozen teacher'):
        ShardTeacherHook().before_train(SimpleNamespace(algorithm=torch.nn.Linear(1, 1)))
