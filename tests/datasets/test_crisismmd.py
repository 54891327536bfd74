"""CrisisMMD's official lists: texts and, with an empty file for each, images."""

from collections import Counter

import pytest

from fdkd.datasets import CrisisMMD

# By hand from the label column: the eight labels of each list, then merged as the appendix of FD-CMKD says.
DEV = {
    'rescue_volunteering_or_donation_effort': 149,
    'not_humanitarian': 521,
    'affected_individuals': 8 + 1,
    'infrastructure_and_utility_damage': 78 + 2,
    'other_relevant_information': 239,
}
TEST = {
    'rescue_volunteering_or_donation_effort': 126,
    'not_humanitarian': 504,
    'affected_individuals': 7 + 2,
    'infrastructure_and_utility_damage': 78 + 3,
    'other_relevant_information': 235,
}


@pytest.mark.parametrize(('split', 'expected'), [('dev', DEV), ('test', TEST)])
def test_the_official_lists(official, split, expected):
    dataset = CrisisMMD(official / 'crisismmd', split, modalities=['text'])
    labels = Counter(dataset.get_data_info(index)['gt_label'] for index in range(len(dataset)))
    assert {name: labels[index] for index, name in enumerate(CrisisMMD.METAINFO['classes'])} == expected
    assert len(dataset) == sum(expected.values()) == CrisisMMD.OFFICIAL[split]
    assert dataset.notices == []


def test_text_and_image_of_one_tweet(official, media):
    lists = official / 'crisismmd' / 'task_humanitarian_text_img_agreed_lab_{split}.tsv'
    root = media(str(lists).format(split='dev'), '{image}', None)
    dataset = CrisisMMD(root, 'dev', annotations=str(lists))
    image = 'data_image/california_wildfires/17_10_2017/920329866901381123_0.jpg'
    assert dataset.get_data_info(0) == {
        'sample_id': '920329866901381123_0',
        'gt_label': 1,
        'present': ('text', 'image', 'label'),
        'text': 'Family Miraculously Finds Dog They Lost When Escaping California Wildfires '
        'https://t.co/4GP0jXda74 https://t.co/T0pPLzfukV',
        'image': str(root / image),
        'sample_idx': 0,
    }


def test_missing_people_are_affected(official):
    lists = official / 'crisismmd' / 'all_task_humanitarian_text_img_{split}.tsv'
    dataset = CrisisMMD(official / 'crisismmd', 'dev', annotations=str(lists), modalities=['text'])
    labels = [dataset.get_data_info(index)['gt_label'] for index in range(len(dataset))]
    assert labels.count(2) == 71 + 42 + 4
    # Several images of one tweet are several samples of these larger lists, on one side of the split.
    assert dataset.notices == ['CrisisMMD dev: 998 samples officially, 2,237 here']
