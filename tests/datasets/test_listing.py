"""Reading listings with one file or one file a split, and the held-out part."""

import pickle
import random
from collections import Counter

import pytest

from fdkd.datasets.listing import Entry, Listing, ListingError, hold_out
from fdkd.datasets.patterns import Pattern
from fdkd.errors import DataError


def listing(path, **kwargs):
    kwargs = {'splits': ('train', 'test'), 'id': Pattern('{id}', 'id'), 'label': Pattern('{label}', 'label'), **kwargs}
    return Listing(str(path), **kwargs)


def test_one_file_for_all_splits(table):
    root = table('all.csv', 'id label split', [['a', 'vehicle', 'train '], [' b', ' ', 'test']])
    entries = listing(root / 'all.csv', merge={'vehicle': 'damage'}, group=Pattern('{id:.1}', 'group')).read('test')
    assert [entry[:4] for entry in entries] == [('a', 'train', 'damage', 'a'), ('b', 'test', '', ' ')]
    assert [entry[5:] for entry in entries] == [(str(root / 'all.csv'), 2), (str(root / 'all.csv'), 3)]
    assert entries[1].row == {'id': ' b', 'label': ' ', 'split': 'test', 'sample_id': 'b'}


def test_one_file_a_split(table):
    table('train.csv', 'id label', [['a', 'x']])
    root = table('test.csv', 'id label', [['b', 'y']])
    entries = listing(root / '{split}.csv', id=Pattern('{split}/{id}', 'id')).read('test')
    assert [entry[:3] for entry in entries] == [('train/a', 'train', 'x'), ('test/b', 'test', 'y')]


def test_the_file_says_the_split_even_beside_such_a_column(table):
    root = table('train.csv', 'id label split', [['a', 'x', 'fold3']])
    (entry,) = listing(root / '{split}.csv').read('train')
    assert (entry.split, entry.row['split']) == ('train', 'fold3')


def test_only_the_file_of_the_needed_split_has_to_be_there(table):
    root = table('test.csv', 'id label', [['b', 'y']])
    assert [entry.sample_id for entry in listing(root / '{split}.csv').read('test')] == ['b']
    with pytest.raises(DataError, match=r'train.csv: no such file, nor train.csv.gz'):
        listing(root / '{split}.csv').read('train')


def test_unknown_columns_are_said_at_once(table):
    root = table('all.csv', 'name label', [['a', 'x']])
    wanted = listing(root / 'all.csv', split_column='fold', sources=[Pattern('{sample_id}{path}', 'sources.audio')])
    with pytest.raises(DataError) as caught:
        wanted.read('train')
    assert str(caught.value) == (
        f"{root / 'all.csv'}: split_column='fold' is none of the columns name, label; "
        "id='{id}' names id, but the columns are name, label; "
        "sources.audio='{sample_id}{path}' names path, but the columns are name, label"
    )


def test_one_problem_is_one_sentence_and_several_are_a_list_that_names_the_file_once():
    one, other = 'a.csv, line 2 (x): wrong', 'a.csv, split train: also wrong'
    assert str(ListingError('a.csv', [one])) == one
    several = ListingError('a.csv', [one, 'a.csv: wrong', other, 'b.csv: wrong'])
    lines = ['1. line 2 (x): wrong', '2. wrong', '3. split train: also wrong', '4. b.csv: wrong']
    assert str(several).split('\n  ') == ['a.csv: 4 problems', *lines]
    assert str(pickle.loads(pickle.dumps(several))) == str(several)


def entries_of(counts):
    return [Entry(f'{label}{n}', 'train', label, None, {}) for label, count in counts.items() for n in range(count)]


@pytest.mark.parametrize(('share', 'expected'), [(0.2, {'x': 20, 'y': 2}), (0.9, {'x': 90, 'y': 9})])
def test_every_class_gives_its_share_and_keeps_some(share, expected):
    entries = entries_of({'x': 100, 'y': 10, 'z': 2, 'one': 1, '': 30})
    held = hold_out(entries, share)
    assert Counter(entry.label for entry in entries if entry.sample_id in held) == {'z': 1, **expected}


def test_what_is_held_out_does_not_depend_on_order_or_other_classes():
    entries = entries_of({'x': 50, 'y': 50})
    held = hold_out(entries, 0.3)
    assert hold_out(random.Random(0).sample(entries, 100), 0.3) == held
    assert hold_out(entries_of({'x': 50}), 0.3) == {name for name in held if name[0] == 'x'}
    # The smallest SHA-256 digests of 'x0' to 'x9', as sha256sum gives them.
    assert hold_out(entries_of({'x': 10}), 0.3) == {'x6', 'x9', 'x8'}
