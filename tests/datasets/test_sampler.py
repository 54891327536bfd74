"""The order of samples: a function of seed and epoch, dealt to ranks, continued in the middle."""

import pytest

from fdkd.datasets import EpochSampler, SampleKey, sampler


@pytest.fixture
def make(monkeypatch):
    """Builds the sampler of one of several ranks."""

    def build(size, rank=0, world_size=1, **settings):
        monkeypatch.setattr(sampler, 'get_dist_info', lambda: (rank, world_size))
        return EpochSampler(range(size), **{'seed': 4, **settings})

    return build


def order(one, epoch=0):
    one.set_epoch(epoch)
    return [key.index for key in one]


def chunks(values, size):
    return [set(values[start : start + size]) for start in range(0, len(values), size)]


def test_order_depends_on_seed_and_epoch_alone(make):
    one = make(50)
    history = [order(one, epoch) for epoch in (0, 1, 2)]
    assert order(make(50), 1) == history[1]  # a fresh sampler that has seen no epoch 0
    assert order(one, 1) == history[1]
    assert order(make(50, seed=5), 1) != history[1]
    assert history[0] != history[1] != history[2]
    assert all(sorted(indices) == list(range(50)) for indices in history)


def test_keys_carry_epoch_and_seed(make):
    one = make(3, shuffle=False)
    one.set_epoch(6)
    assert list(one) == [SampleKey(index, 6, 4) for index in range(3)]


def test_two_ranks_share_out_the_samples(make):
    shares = [order(make(10, rank, 2)) for rank in (0, 1)]
    assert [len(share) for share in shares] == [5, 5]
    assert sorted(shares[0] + shares[1]) == list(range(10))


def test_global_batches_do_not_depend_on_the_number_of_ranks(make):
    alone = chunks(order(make(32), 3), 8)
    shares = [chunks(order(make(32, rank, 2), 3), 4) for rank in (0, 1)]
    assert [first | second for first, second in zip(*shares, strict=True)] == alone


@pytest.mark.parametrize('rank', [0, 1])
def test_skipping_continues_in_the_middle_once(make, rank):
    whole = [order(make(20, rank, 2), epoch) for epoch in (0, 1)]
    one = make(20, rank, 2)
    one.skip(6)
    assert order(one, 0) == whole[0][6:]
    assert order(one, 1) == whole[1]


def test_an_odd_number_is_filled_up_from_the_beginning(make):
    shares = [order(make(7, rank, 2, shuffle=False)) for rank in (0, 1)]
    assert shares == [[0, 2, 4, 6], [1, 3, 5, 0]]


@pytest.mark.parametrize(('size', 'world_size'), [(1, 4), (3, 8), (9, 4), (8, 4)])
def test_every_rank_gets_the_promised_number(make, size, world_size):
    ranks = [make(size, rank, world_size) for rank in range(world_size)]
    shares = [order(one) for one in ranks]
    assert {len(share) for share in shares} == {len(ranks[0])}
    assert {index for share in shares for index in share} == set(range(size))


def test_without_a_seed_one_is_drawn_and_shared(make, monkeypatch):
    monkeypatch.setattr(sampler, 'sync_random_seed', lambda: 11)
    assert order(make(20, seed=None)) == order(make(20, seed=11))
    assert next(iter(make(20, seed=0))).seed == 0  # 0 is a seed, not an absent one
