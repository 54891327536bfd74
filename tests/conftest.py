"""Fixtures that several tests share."""

import gc
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.registry import init_default_scope

from fdkd.engine.console import import_quietly
from tests.support.memory import remember

REPOSITORY = Path(__file__).resolve().parents[1]
REAL_NYU = REPOSITORY.parent / 'shared' / 'data' / 'nyu_depth_v2'


@pytest.fixture(autouse=True, scope='session')
def fdkd_scope():
    """Types without a scope are fdkd's, and one thread keeps tiny tensors fast."""
    import_quietly('mmseg.datasets', 'mmseg.models')
    gc.freeze()  # MMEngine collects garbage for each data set, which need not go through all that was imported
    init_default_scope('fdkd')
    torch.set_num_threads(1)
    remember()
    yield
    gc.unfreeze()


@pytest.fixture(scope='session')
def nyu_root(tmp_path_factory):
    """A folder in NYU's layout with four training and three test frames of 32x24; read it, do not write to it."""
    root = tmp_path_factory.mktemp('nyu') / 'nyu_depth_v2'
    generator = np.random.default_rng(0)
    for folder in ('rgb', 'depth', 'label40'):
        (root / folder).mkdir(parents=True)
    for number in range(1, 8):
        name = f'{number:04d}'
        rgb = cv2.resize(generator.integers(0, 256, (6, 8, 3), dtype=np.uint8), (32, 24))
        depth = cv2.resize(generator.integers(800, 6000, (6, 8)).astype(np.uint16), (32, 24))
        depth[generator.random(depth.shape) < 0.05] = 0
        label = cv2.resize(generator.integers(0, 41, (6, 8), dtype=np.uint8), (32, 24), interpolation=cv2.INTER_NEAREST)
        cv2.imwrite(str(root / 'rgb' / f'{name}.jpg'), rgb)
        cv2.imwrite(str(root / 'depth' / f'{name}.png'), depth)
        cv2.imwrite(str(root / 'label40' / f'{name}.png'), label)
    (root / 'train.txt').write_text('0001\n0002\n0003\n0004\n')
    (root / 'test.txt').write_text('0005\n0006\n0007\n')
    return root


@pytest.fixture
def nyu_copy(nyu_root, tmp_path):
    """A copy of ``nyu_root`` that a test may change."""
    return shutil.copytree(nyu_root, tmp_path / 'nyu_copy')


@pytest.fixture(scope='session')
def real_nyu():
    """The real labelled NYU-Depth V2."""
    if not REAL_NYU.is_dir():
        pytest.skip(f'the real NYU-Depth V2 is not at {REAL_NYU}')
    return REAL_NYU
