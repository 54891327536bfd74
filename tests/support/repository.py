"""A repository in small: a pair of :mod:`tests.support.motions` by several methods, and the tool that trains them."""

from pathlib import Path

from fdkd.commands import train
from tests.support.motions import ALONE, CONFIG, TAUGHT

REPOSITORY = Path(__file__).resolve().parents[2]
METHODS = ('feat', 'fdkd', 'dml')
IMU, IMAGE = 'configs/unimodal/tiny_imu.py', 'configs/unimodal/tiny_image.py'
FEAT, FDKD, DML = (f'configs/{method}/tiny_image_from_imu.py' for method in METHODS)


def write_repository(folder, root, data='tiny', methods=METHODS, epochs=1):
    """Writes configs of a data set, ``DATA_imu`` and ``DATA_image`` alone and ``DATA_image_from_imu`` by each method.

    Bases and tools are links to this repository's; another data set may be added to the same folder.
    """
    configs = folder / 'configs'
    if not configs.exists():
        (folder / 'tools').mkdir(parents=True)
        (folder / 'tools' / 'train.py').symlink_to(REPOSITORY / 'tools' / 'train.py')
        configs.mkdir()
        (configs / '_base_').symlink_to(REPOSITORY / 'configs' / '_base_')
    texts = {f'unimodal/{data}_imu': ('feat', ALONE), f'unimodal/{data}_image': ('feat', ALONE.replace('imu', 'image'))}
    taught = TAUGHT.format(teacher=f'configs/unimodal/{data}_imu.py')
    texts |= {f'{method}/{data}_image_from_imu': (method, taught) for method in methods}
    for name, (method, model) in texts.items():
        common = CONFIG.format(configs=str(configs), root=str(root), method=method)
        path = configs / f'{name}.py'
        path.parent.mkdir(exist_ok=True)
        path.write_text(common.replace('epochs=1', f'epochs={epochs}') + model)
    return folder


def parsed(arguments, monkeypatch):
    """What ``fdkd train`` makes of its arguments: config, options, and the rest by name."""
    called = {}
    monkeypatch.setattr(train, 'train', lambda *given, **rest: called.update(rest, given=given))
    train.main(arguments)
    config, options = called.pop('given')
    return config, options, called
