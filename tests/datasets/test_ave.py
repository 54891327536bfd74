"""AVE's official lists, read without their media, and its layout."""

from fdkd.datasets import AVE


def test_the_official_lists(official):
    options = {'annotations': 'c2kd_{split}Set.txt', 'sources': {'times': {'text': '{video}: {start}-{end}'}}}
    found = {split: AVE(official / 'ave', split, **options) for split in ('train', 'val', 'test')}
    for split in found:
        assert found[split].notices == [f'AVE {split}: 18 of 4,097 videos stand in more than one split']
    assert {split: len(dataset) for split, dataset in found.items()} == {'train': 3339, 'val': 402, 'test': 402}
    assert {split: len(dataset) for split, dataset in found.items()} == AVE.OFFICIAL
    lines = (official / 'ave' / 'c2kd_trainSet.txt').read_text().splitlines()
    for index in (0, 1000, 3338):
        category, video, _, start, end = lines[index].split('&')
        entry = found['train'].get_data_info(index)
        assert entry['sample_id'] == f'{video} {category}'
        assert AVE.METAINFO['classes'][entry['gt_label']] == category
        assert entry['times'] == f'{video}: {start}-{end}'


def test_the_classes_have_the_order_of_the_official_annotations(official):
    lines = (official / 'ave' / 'Annotations.txt').read_text().splitlines()
    assert AVE.METAINFO['classes'] == tuple(dict.fromkeys(line.split('&')[0] for line in lines if line))


def test_the_layout(tmp_path):
    (tmp_path / 'valSet.txt').write_text('Baby cry, infant cry&3s0QRMuXTnE&good&0&10\n')
    (tmp_path / 'audio').mkdir()
    (tmp_path / 'audio' / '3s0QRMuXTnE.wav').touch()
    (tmp_path / 'frames' / '3s0QRMuXTnE').mkdir(parents=True)
    entry = AVE(tmp_path, 'val').get_data_info(0)
    assert (entry['gt_label'], entry['visual']) == (19, str(tmp_path / 'frames' / '3s0QRMuXTnE'))
