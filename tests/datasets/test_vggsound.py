"""VGGSound's lists, read without their media, its layouts, and clips that are gone."""

import csv

from fdkd.datasets import VGGSound, VGGSound50


def test_the_lists_of_fifty_classes(official):
    options = {'annotations': 'c2kd_{split}_tiny.csv', 'sources': {'name': {'text': '{sample_id}'}}}
    for split, number in (('train', 25835), ('test', 2500)):
        dataset = VGGSound50(official / 'vggsound', split, **options)
        assert len(dataset) == number == VGGSound50.OFFICIAL[split]
        assert dataset.notices == []
        assert {dataset.get_data_info(index)['gt_label'] for index in range(0, number, 5)} == set(range(50))
    entry = dataset.get_data_info(0)
    assert entry['name'] == entry['sample_id'] == '---g-f_I2yQ_000001'
    assert VGGSound50.METAINFO['classes'][entry['gt_label']] == 'people marching'


def test_the_list_of_all_classes(official):
    dataset = VGGSound(
        official / 'vggsound',
        'test',
        columns=('file', 'label'),
        id='{file:.18}',
        group='{file:.11}',
        sources={'name': {'text': '{file}'}},
    )
    assert len(dataset) == 15446 == VGGSound.OFFICIAL['test']
    entry = dataset.get_data_info(0)
    assert (entry['sample_id'], entry['name']) == ('glLQrEijrKg_000300', 'glLQrEijrKg_000300.mp4')
    assert VGGSound.METAINFO['classes'][entry['gt_label']] == 'playing hammond organ'
    with (official / 'vggsound' / 'stat.csv').open(newline='') as file:
        assert sum(int(row[1]) for row in csv.reader(file)) == sum(VGGSound.OFFICIAL.values())


def test_one_file_of_all_clips_says_the_split(tmp_path):
    (tmp_path / 'vggsound.csv').write_text('abc,7,"cattle, bovinae cowbell",test\nxyz,12,helicopter,train\n')
    (tmp_path / 'audio').mkdir()
    (tmp_path / 'audio' / 'abc_000007.wav').touch()
    (tmp_path / 'frames' / 'abc_000007').mkdir(parents=True)
    dataset = VGGSound(tmp_path, 'test', annotations='vggsound.csv')
    entry = dataset.get_data_info(0)
    assert entry['visual'] == str(tmp_path / 'frames' / 'abc_000007')
    assert VGGSound.METAINFO['classes'][entry['gt_label']] == 'cattle, bovinae cowbell'
    assert dataset.notices == ['VGGSound test: 15,446 samples officially, 1 here']


def test_clips_that_are_gone_are_left_out(tmp_path):
    (tmp_path / 'test.csv').write_text('abc,7,helicopter,test\nxyz,12,helicopter,test\n')
    (tmp_path / 'audio').mkdir()
    (tmp_path / 'audio' / 'abc_000007.wav').touch()
    dataset = VGGSound50(tmp_path, 'test', modalities=['audio'])
    assert dataset.counts == {'listed': 2, 'used': 1, 'missing': 1, 'unlabelled': 0}
    assert dataset.notices[0] == 'VGGSound50 test: 2,500 samples officially, 1 here (1 missing)'
