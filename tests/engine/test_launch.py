"""Joining a process group, and how an algorithm is spread over one."""

import os
import time

import pytest
import torch
from mmengine.config import Config
from mmengine.dist import get_rank, is_distributed

from fdkd.engine.launch import from_rank_zero, leave_distributed, restarted, setup_distributed, wrapper_config
from fdkd.errors import ConfigError, DataError
from tests.support.processes import on_two_processes


def test_a_launcher_that_did_not_start_this_process_is_refused(monkeypatch):
    monkeypatch.delenv('RANK', raising=False)
    with pytest.raises(ConfigError, match='--launcher pytorch, but RANK is not set'):
        setup_distributed('pytorch')


@pytest.mark.parametrize(('nodes', 'expected'), [('1', '127.0.0.1'), ('2', 'cpu07')])
def test_slurm_meets_on_the_first_node(monkeypatch, tmp_path, nodes, expected):
    joined = {}
    variables = {
        'PROCID': '3',
        'NTASKS': '4',
        'LOCALID': '1',
        'NNODES': nodes,
        'NODELIST': 'cpu[07-08]',
        'NTASKS_PER_NODE': '2',
    }
    for name, value in variables.items():
        monkeypatch.setenv(f'SLURM_{name}', value)
    for name in ('MASTER_ADDR', 'MASTER_PORT', 'LOCAL_RANK', 'LOCAL_WORLD_SIZE'):
        monkeypatch.setenv(name, '')  # so that what is set is taken back
        monkeypatch.delenv(name)
    scontrol = tmp_path / 'scontrol'
    scontrol.write_text('#!/bin/sh\n[ "$*" = "show hostnames cpu[07-08]" ] && printf "cpu07\\ncpu08\\n"\n')
    scontrol.chmod(0o755)
    monkeypatch.setenv('PATH', str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    monkeypatch.setattr(torch.distributed, 'init_process_group', lambda *args, **given: joined.update(given))
    setup_distributed('slurm')
    assert joined == {'rank': 3, 'world_size': 4}
    assert os.environ['MASTER_ADDR'] == expected
    assert (os.environ['LOCAL_RANK'], os.environ['LOCAL_WORLD_SIZE']) == ('1', '2')


@pytest.mark.parametrize('gpus', [False, True])
def test_ddp_reduces_views_and_leaves_buffers_alone(monkeypatch, gpus):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: gpus)
    own = {'type': 'MMDistributedDataParallel', 'broadcast_buffers': False, 'gradient_as_bucket_view': True}
    own |= {'find_unused_parameters': False} | ({} if gpus else {'device_ids': None})
    assert wrapper_config(Config()) == own
    assert wrapper_config(Config({'find_unused_parameters': True})) == own | {'find_unused_parameters': True}
    given = Config({'model_wrapper_cfg': {'bucket_cap_mb': 5, 'gradient_as_bucket_view': False}})
    assert wrapper_config(given)['bucket_cap_mb'] == 5
    assert wrapper_config(given)['gradient_as_bucket_view'] is False


@pytest.mark.parametrize(
    ('asked', 'name'),
    [
        ({'model_wrapper_cfg': {'type': 'MMFullyShardedDataParallel'}}, 'model_wrapper_cfg.type=MMFullyShardedData'),
        ({'strategy': {'type': 'DeepSpeedStrategy'}}, 'strategy=DeepSpeedStrategy'),
    ],
)
def test_sharding_the_student_is_refused_with_what_there_is_instead(asked, name):
    with pytest.raises(ConfigError, match=f'{name}.*ZeroRedundancyOptimizer.*ShardTeacherHook'):
        wrapper_config(Config(asked))


def test_a_single_process_is_rank_zero():
    assert from_rank_zero(divmod, 7, 2) == (3, 1)


@pytest.mark.parametrize('kind', [DataError, PermissionError])
def test_a_failure_of_rank_zero_is_everyones(monkeypatch, kind):
    def refuse():
        raise kind('no such folder')

    sent = []
    monkeypatch.setattr('fdkd.engine.launch.broadcast_object_list', lambda outcome: sent.append(outcome))
    with pytest.raises(kind, match='no such folder'):
        from_rank_zero(refuse)
    [outcome] = sent  # the others hear of it, and do not wait
    assert isinstance(outcome[1], kind)


def leave_as_the_slower(folder):
    """Rank 1 comes late to its end; what rank 0 saw of it when it had left."""
    if get_rank() == 1:
        time.sleep(1)
        (folder / 'done').touch()
    leave_distributed()
    return (folder / 'done').exists(), is_distributed()


def test_no_rank_leaves_before_all_are_done(tmp_path):
    assert on_two_processes(leave_as_the_slower, tmp_path, tmp_path) == [(True, False), (True, False)]


def test_a_process_alone_leaves_nothing():
    leave_distributed()


@pytest.mark.parametrize('name', ['TORCHELASTIC_RESTART_COUNT', 'SLURM_RESTART_COUNT'])
def test_launchers_say_that_they_start_a_job_again(monkeypatch, name):
    for other in ('TORCHELASTIC_RESTART_COUNT', 'SLURM_RESTART_COUNT'):
        monkeypatch.delenv(other, raising=False)
    assert not restarted()
    for count, expected in (('0', False), ('', False), ('1', True), ('12', True)):
        monkeypatch.setenv(name, count)
        assert restarted() is expected
