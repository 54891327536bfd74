"""TeacherCache: a teacher runs for new rows alone, and what is read back is what it gave."""

import json
import logging
import multiprocessing
import os
from typing import ClassVar

import numpy as np
import pytest
import torch
from mmengine.config import ConfigDict

from fdkd.datasets.class_sample import ClassSample
from fdkd.engine.teacher_cache.cache import TeacherCache
from fdkd.errors import ConfigError, DataError
from fdkd.registry import DISTILL_LOSSES, MODELS
from tests.support.pairs import network

SAMPLES = 10
LOGGER = logging.getLogger('teacher-cache')


@pytest.fixture
def log(caplog):
    caplog.set_level(logging.INFO, logger=LOGGER.name)
    return caplog


def cache(folder, views=1, max_gb=1.0, **belongs):
    return TeacherCache(folder / 'key', SAMPLES, views, belongs, max_gb, LOGGER)


def samples(*indices, view=0):
    return [ClassSample(metainfo={'index': index, 'view': view}) for index in indices]


def inputs(*indices, view=0):
    return torch.tensor(indices, dtype=torch.float32)[:, None] + 100 * view


class Teacher:
    """Counts its passes. Its rows depend on their place in the batch, so that a row of another pass would differ."""

    def __init__(self, dtype=torch.float32, width=4):
        self.dtype, self.width, self.passes = dtype, width, []

    def __call__(self, x, count):
        assert len(x) == count
        self.passes.append(x[:, 0].tolist())
        rows = (x + torch.rand(count, self.width)).to(self.dtype)
        return {'feat': rows, 'stages': [rows[:, :, None, None].expand(-1, -1, 2, 3) * 2, rows[:, 0]]}


def equal(one, other, rows=slice(None), others=slice(None)):
    pairs = zip([one['feat'], *one['stages']], [other['feat'], *other['stages']], strict=True)
    return all(a[rows].equal(b[others]) and a.dtype == b.dtype for a, b in pairs)


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
def test_the_teacher_runs_once_and_its_tensors_come_back_bit_by_bit(tmp_path, dtype):
    kept, teacher = cache(tmp_path), Teacher(dtype)
    first = kept(inputs(3, 1, 7), samples(3, 1, 7), teacher)
    again = kept(inputs(7, 3, 1), samples(7, 3, 1), teacher)
    assert equal(again, first, others=[2, 0, 1])
    assert teacher.passes == [[3, 1, 7]]
    assert kept.counts == {'read': 3, 'computed': 3, 'damaged': 0}


def test_rows_that_lack_come_from_their_whole_batch_and_the_others_stay(tmp_path):
    kept, teacher = cache(tmp_path), Teacher()
    first = kept(inputs(3, 1), samples(3, 1), teacher)
    mixed = kept(inputs(0, 1, 9, 3), samples(0, 1, 9, 3), teacher)
    assert teacher.passes == [[3, 1], [0, 1, 9, 3]]
    assert equal(mixed, first, rows=[3, 1])
    assert (mixed['feat'][[0, 2]].int()[:, 0] == torch.tensor([0, 9])).all()
    assert equal(kept(inputs(9, 0), samples(9, 0), teacher), mixed, others=[2, 0])


def test_a_later_run_goes_on_with_the_rows_that_are_there(tmp_path, log):
    first = cache(tmp_path)(inputs(3, 1), samples(3, 1), Teacher())
    later, teacher = cache(tmp_path), Teacher()
    assert equal(later(inputs(1, 3), samples(1, 3), teacher), first, others=[1, 0])
    assert not teacher.passes
    assert [message.partition('key: ')[2] for message in log.messages] == [
        'no rows yet',
        '0 of 10 rows are there, 0.00 MiB when full',
        '2 of 10 rows are there, 0.00 MiB when full',
    ]


def test_each_view_has_rows_of_its_own(tmp_path):
    kept, teacher = cache(tmp_path, views=3), Teacher()
    given = [kept(inputs(3, 1, view=view), samples(3, 1, view=view), teacher) for view in range(3)]
    assert len(teacher.passes) == 3
    for view in range(3):
        assert equal(kept(inputs(3, 1, view=view), samples(3, 1, view=view), teacher), given[view])
    assert len(teacher.passes) == 3


def test_the_view_does_not_count_where_one_is_kept(tmp_path):
    kept, teacher = cache(tmp_path), Teacher()
    first = kept(inputs(3), samples(3, view=0), teacher)
    assert equal(kept(inputs(3), samples(3, view=5), teacher), first)


@DISTILL_LOSSES.register_module(name='KeepsTeacher', force=True)
class KeepsTeacher(torch.nn.Module):
    takes_lists = True
    seen: ClassVar = []

    def forward(self, student, teacher, target):
        self.seen.append(teacher if isinstance(teacher, list) else [teacher])
        return torch.zeros(())


@pytest.mark.parametrize('tap', ['feat', 'stages'])
@pytest.mark.parametrize('amp', [False, True])
def test_a_network_teaches_the_same_out_of_its_cache(tmp_path, tap, amp):
    """Of clips of two frames, over which ``stages`` is averaged."""
    torch.manual_seed(0)
    student, teacher = dict(modality='audio', model=network(1)), dict(modality='visual', model=network(3))
    losses = {'keeps': {'type': 'KeepsTeacher', 'on': tap}}
    model = MODELS.build(
        ConfigDict(type='CrossModalDistiller', student=student, teacher=dict(teacher, checkpoint=None), losses=losses)
    )
    batch = {'audio': torch.randn(3, 1, 33, 33), 'visual': torch.randn(3, 2, 3, 33, 33)}
    labelled = samples(3, 1, 7)
    for sample in labelled:
        sample.gt_label = torch.tensor(0)
    KeepsTeacher.seen.clear()
    with torch.autocast('cpu', torch.bfloat16, enabled=amp):
        model.loss(batch, labelled)
        model.teacher_cache = cache(tmp_path)
        model.loss(batch, labelled)
        model.teacher.forward = None
        model.loss(batch, labelled)
    plain, filling, full = KeepsTeacher.seen
    assert len(plain) == (4 if tap == 'stages' else 1)
    assert plain[0].dtype == (torch.bfloat16 if amp and tap == 'stages' else full[0].dtype)
    for one, other, read in zip(plain, filling, full, strict=True):
        assert len(read) == 3
        assert read.equal(one)
        assert other.equal(one)
        assert read.dtype == one.dtype
        assert read.stride() == one.stride()


def flip(folder, index, width=4):
    with (folder / 'key' / 'leaf_0.bin').open('r+b') as file:
        file.seek(index * width * 4)
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 255]))


def test_a_damaged_row_is_computed_again_and_counted(tmp_path):
    kept, teacher = cache(tmp_path), Teacher()
    first = kept(inputs(3, 1), samples(3, 1), teacher)
    flip(tmp_path, 1)
    mixed = kept(inputs(3, 1), samples(3, 1), teacher)
    assert teacher.passes[1:] == [[3, 1]]
    assert kept.counts == {'read': 1, 'computed': 3, 'damaged': 1}
    assert equal(mixed, first, rows=[0], others=[0])
    assert equal(kept(inputs(1), samples(1), teacher), mixed, others=[1])
    assert len(teacher.passes) == 2


def test_a_cut_file_makes_the_folder_be_made_anew(tmp_path, log):
    cache(tmp_path)(inputs(3, 1), samples(3, 1), Teacher())
    os.truncate(tmp_path / 'key' / 'leaf_0.bin', 60)
    kept, teacher = cache(tmp_path), Teacher()
    kept(inputs(3, 1), samples(3, 1), teacher)
    assert len(teacher.passes) == 1
    [warning] = [record.getMessage() for record in log.records if record.levelno == logging.WARNING]
    assert warning == f'teacher cache {tmp_path / "key"}: made anew, since leaf_0.bin has 60 bytes, expected 160'


def test_what_belongs_to_something_else_is_not_used(tmp_path, log):
    cache(tmp_path, weights='a')(inputs(3), samples(3), Teacher())
    teacher = Teacher()
    cache(tmp_path, weights='b')(inputs(3), samples(3), teacher)
    assert len(teacher.passes) == 1
    assert 'made anew, since header.json is of another weights' in log.text


def test_a_header_with_another_shape_makes_the_folder_be_made_anew(tmp_path, log):
    cache(tmp_path)(inputs(3), samples(3), Teacher(width=5))
    kept, teacher = cache(tmp_path), Teacher(width=4)
    first = kept(inputs(2), samples(2), teacher)
    assert 'made anew, since it holds feat [5] float32' in log.text
    assert equal(kept(inputs(2), samples(2), teacher), first)


def test_a_header_whose_shape_has_as_many_numbers_is_not_believed(tmp_path):
    cache(tmp_path)(inputs(3), samples(3), Teacher())
    path = tmp_path / 'key' / 'header.json'
    header = json.loads(path.read_text())
    header['leaves'][0] |= {'shape': [2, 2], 'order': [0, 1]}
    path.write_text(json.dumps(header))
    teacher = Teacher()
    assert cache(tmp_path)(inputs(3), samples(3), teacher)['feat'].shape == (1, 4)
    assert len(teacher.passes) == 1


def test_samples_of_two_shapes_are_refused_and_nothing_is_thrown_away(tmp_path):
    kept = cache(tmp_path)
    kept(inputs(3), samples(3), Teacher())
    kept.counts.clear()  # as at the start of an epoch
    with pytest.raises(DataError, match=r'gives feat \[5\] .* for some samples and feat \[4\]'):
        kept(inputs(1), samples(1), Teacher(width=5))
    teacher = Teacher()
    kept(inputs(3), samples(3), teacher)
    assert not teacher.passes


def test_what_is_too_large_is_refused_after_one_batch_and_leaves_nothing(tmp_path):
    with pytest.raises(
        ConfigError, match=r'10 rows of 116 bytes: feat \[4\] float32, stages\[0\] .*limit of 1e-06 GiB'
    ):
        cache(tmp_path, max_gb=1e-6)(inputs(3), samples(3), Teacher())
    assert not (tmp_path / 'key').exists()


def test_samples_that_do_not_say_which_they_are_are_refused(tmp_path):
    nameless = [ClassSample(metainfo={'view': 0})]
    with pytest.raises(DataError, match="no 'index' in their metainfo"):
        cache(tmp_path)(inputs(3), nameless, Teacher())


@pytest.mark.parametrize('strange', [samples(10), samples(-1), samples(3, view=2)])
def test_samples_beyond_the_data_set_are_refused(tmp_path, strange):
    kept = cache(tmp_path, views=2)
    with pytest.raises(DataError, match='expected 2 views of 10 samples'):
        kept(inputs(3), strange, Teacher())


def fill(folder, index, start, found):
    kept = cache(folder)
    start.wait(60)
    kept(inputs(index), samples(index), Teacher())
    start.wait(60)
    teacher = Teacher()
    features = kept(inputs(*range(4)), samples(*range(4)), teacher)
    found.put((len(teacher.passes), features['feat'].tolist()))


def test_processes_that_start_at_once_share_one_folder(tmp_path):
    context = multiprocessing.get_context('fork')
    start, found = context.Barrier(4), context.Queue()
    processes = [context.Process(target=fill, args=(tmp_path, index, start, found)) for index in range(4)]
    for process in processes:
        process.start()
    seen = [found.get(timeout=60) for _ in processes]
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert seen == [seen[0]] * 4
    assert seen[0][0] == 0
    assert np.array(seen[0][1])[:, 0].astype(int).tolist() == [0, 1, 2, 3]
