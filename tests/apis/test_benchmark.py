"""What benchmarks share; nothing is timed here."""

from itertools import permutations

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from scipy.stats import binom

from fdkd.apis import benchmark
from fdkd.datasets.transforms import PackSegmentation
from fdkd.errors import ConfigError
from fdkd.registry import MODELS

WIDTH, HEIGHT = 12, 8
BLOCK, DEVICE = 2**20, 'cuda' if torch.cuda.is_available() else 'cpu'


@pytest.fixture
def batch():
    return benchmark.synthetic_batch(('rgb', 'depth'), 40, (WIDTH, HEIGHT), batch_size=3)


def exact_bounds(count):
    """Percentiles of the bootstrap median of 1..count (odd): it is at most k if most of the resample is."""
    at_most = 1 - binom.cdf(count // 2, count, np.arange(1, count + 1) / count)
    return 1 + int(np.argmax(at_most >= 0.025)), 1 + int(np.argmax(at_most >= 0.975))


@pytest.mark.parametrize('count', [7, 11, 29])
def test_interval_equals_the_exact_bootstrap_distribution(count):
    values = np.random.default_rng(0).permutation(count) + 1.0
    assert benchmark.median_interval(values) == ((count + 1) / 2, *exact_bounds(count), count)


def test_interval_of_an_outlier_stays_where_the_values_are():
    interval = benchmark.median_interval([1.0] * 9 + [50.0])
    assert interval == (1.0, 1.0, 1.0, 10)


def test_interval_depends_on_its_seed_alone():
    values = np.random.default_rng(0).normal(size=10)
    assert benchmark.median_interval(values, seed=3) == benchmark.median_interval(values, seed=3)


def test_one_value_is_its_own_interval():
    assert benchmark.median_interval([1.5]) == (1.5, 1.5, 1.5, 1)


def test_fewest_values_are_those_whose_range_can_hold_the_median_with_95_percent():
    misses = [2 * 0.5**count for count in (benchmark.FEWEST - 1, benchmark.FEWEST)]
    assert misses[0] > 0.05 > misses[1]


def test_order_is_interleaved_and_random_and_repeatable():
    order = benchmark.interleaved(['a', 'b', 'c'], repeats=60)
    assert all(sorted(repeat) == ['a', 'b', 'c'] for repeat in order)
    assert {tuple(repeat) for repeat in order} == set(permutations('abc'))
    assert benchmark.interleaved(['a', 'b', 'c'], repeats=60) == order
    assert benchmark.interleaved(['a', 'b', 'c'], repeats=60, seed=1) != order


def test_each_task_runs_once_per_repeat_and_warm_up_does_not_count(monkeypatch):
    calls, clock = [], iter(range(1000))
    monkeypatch.setattr(benchmark.time, 'perf_counter', lambda: next(clock) ** 2)
    tasks = {name: lambda name=name: calls.append(name) for name in 'ab'}
    seconds = benchmark.time_interleaved(tasks, repeats=5, title='', warmup=2)
    assert calls == [name for repeat in benchmark.interleaved('ab', 7) for name in repeat]
    # The n-th call of all starts at (2n)^2 and ends at (2n + 1)^2.
    for name in 'ab':
        assert seconds[name] == [4 * n + 1 for n, call in enumerate(calls) if call == name][2:]


def test_batch_is_packed_as_the_pipelines_pack_theirs(batch):
    results = {
        'rgb_path': '', 'sample_id': 'a', 'present': ('rgb', 'depth', 'label'), 'sample_idx': 0, 'sample_view': 0,
        'ori_shape': (HEIGHT, WIDTH), 'img_shape': (HEIGHT, WIDTH),
        'img': np.zeros((HEIGHT, WIDTH, 3), np.uint8), 'depth': np.zeros((HEIGHT, WIDTH), np.float32),
        'gt_seg_map': np.zeros((HEIGHT, WIDTH), np.uint8),
    }  # fmt: skip
    packed = pseudo_collate([PackSegmentation().transform(results)] * 3)
    assert described(batch) == described(packed)
    assert batch['data_samples'][0].metainfo.keys() == packed['data_samples'][0].metainfo.keys()


def described(batch):
    labels = [sample.gt_sem_seg.data for sample in batch['data_samples']]
    tensors = {**batch['inputs'], 'label': labels}
    return {name: [(x.shape, x.dtype) for x in tensors[name]] for name in sorted(tensors)}


@pytest.mark.parametrize('dense', [True, False])
def test_samples_say_which_of_their_data_set_they_are(dense):
    samples = benchmark.synthetic_batch(('rgb',), 5, (8, 6), batch_size=3, dense=dense)['data_samples']
    assert [sample.metainfo['index'] for sample in samples] == [0, 1, 2]
    assert [sample.metainfo['view'] for sample in samples] == [0, 0, 0]
    assert len({sample.metainfo['sample_id'] for sample in samples}) == 3


def test_batch_passes_the_preprocessor_of_the_configs(batch):
    cfg = Config.fromfile('configs/fdkd/nyu_rgb_from_depth.py')
    inputs = MODELS.build(cfg.model.data_preprocessor)(batch, training=True)['inputs']
    assert {name: x.shape for name, x in inputs.items()} == {
        'rgb': (3, 3, HEIGHT, WIDTH),
        'depth': (3, 1, HEIGHT, WIDTH),
    }
    assert all(x.std() > 0.5 for x in inputs.values())


def test_labels_are_classes_and_some_void():
    batch = benchmark.synthetic_batch(('rgb',), 5, (64, 64), batch_size=2)
    labels = torch.cat([sample.gt_sem_seg.data for sample in batch['data_samples']])
    assert set(labels.unique().tolist()) == {0, 1, 2, 3, 4, 255}
    assert 0.05 < (labels == 255).float().mean() < 0.15


def test_a_batch_of_clips_has_one_class_each():
    batch = benchmark.synthetic_batch(('audio', 'visual'), 3, (8, 6), batch_size=40, dense=False)
    assert {tuple(x.shape) for x in batch['inputs']['audio']} == {(1, 6, 8)}
    assert {tuple(x.shape) for x in batch['inputs']['visual']} == {(1, 3, 6, 8)}
    assert {int(sample.gt_label) for sample in batch['data_samples']} == {0, 1, 2}


def test_batch_is_repeatable_and_its_samples_differ(batch):
    again = benchmark.synthetic_batch(('rgb', 'depth'), 40, (WIDTH, HEIGHT), batch_size=3)
    for name in ('rgb', 'depth'):
        assert all(torch.equal(*pair) for pair in zip(batch['inputs'][name], again['inputs'][name], strict=True))
        assert not torch.equal(*batch['inputs'][name][:2])


def test_unknown_modality_is_an_error():
    with pytest.raises(ConfigError, match=r"\['smell'\], only for rgb, depth, audio, noisy, visual"):
        benchmark.synthetic_batch(('rgb', 'smell'), 40, (WIDTH, HEIGHT), batch_size=1)


def allocate(*steps):
    """Takes (positive) or releases (negative) so many blocks, one after the other; a release undoes an earlier one."""
    held = []
    for step in steps:
        if step > 0:
            held.append(torch.zeros(step * BLOCK, dtype=torch.uint8, device=DEVICE))
        else:
            held.pop(next(place for place, x in enumerate(held) if len(x) == -step * BLOCK))


@pytest.mark.parametrize(
    ('steps', 'peak'),
    [((1,), 1), ((1, 2), 3), ((1, -1, 2), 2), ((3, 1, -3, 1), 4), ((3, -3, 1, 1), 3), ((1, 2, -1, 2, -2, 3), 5)],
)
def test_peak_is_the_most_that_was_held_at_a_time(steps, peak):
    assert benchmark.peak_memory(lambda: allocate(*steps)) == peak * BLOCK


def test_peak_does_not_count_what_was_there_before():
    before = torch.zeros(8 * BLOCK, dtype=torch.uint8, device=DEVICE)
    assert benchmark.peak_memory(lambda: before.clone()) == 8 * BLOCK
    assert benchmark.peak_memory(lambda: before.zero_()) == 0


def test_peak_sees_what_backward_needs():
    x = torch.zeros(BLOCK // 4, device=DEVICE, requires_grad=True)

    def task():
        total = (x.exp().exp()).sum()  # keeps both results, then makes a gradient for each of the two
        return torch.autograd.grad(total, x)

    assert 3 * BLOCK <= benchmark.peak_memory(task) < 4.1 * BLOCK


def test_peak_sees_buffers_within_an_operator():
    x = torch.zeros(BLOCK // 4, device=DEVICE)
    assert benchmark.peak_memory(lambda: x.sort()) >= 3 * BLOCK  # values and indices of eight bytes
