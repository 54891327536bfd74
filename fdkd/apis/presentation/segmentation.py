"""What a segmentation run shows: IoU per class, a picture of some test frames, and what was counted in each image."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import DATASETS

from fdkd.algorithms import Algorithm
from fdkd.apis.presentation.layout import side_by_side
from fdkd.evaluation import SegmentationMetric
from fdkd.evaluation.picture import colourise, depth_image, write_picture
from fdkd.files import written_whole

PICTURE_FILE = 'predictions.png'
IMAGES_FILE = 'images.npz'
FRAMES_IN_PICTURE = 4


def table(results: dict[str, Any]) -> str:
    """Per-class IoU, then the means: the student beside its teacher. Classes that never occur are left out."""
    totals = {'mIoU': 'mean IoU', 'mAcc': 'mean accuracy', 'aAcc': 'pixel accuracy'}
    return side_by_side(results, 'IoU (%)', 'IoU', totals)


def draw(cfg: Config, models: dict[str, Algorithm], metrics: dict[str, SegmentationMetric], folder: Path) -> None:
    """Writes what the student's figures are sums of, and the picture: some test frames in both modalities, the truth
    and each model's prediction."""
    write_images(folder / IMAGES_FILE, metrics['student'].images)
    config = copy.deepcopy(cfg.test_dataloader.dataset)
    config.modalities = [model.modality for model in models.values()]
    dataset = DATASETS.build(config)
    palette, classes = dataset.metainfo['palette'], dataset.metainfo['classes']
    indices = np.linspace(0, len(dataset) - 1, min(FRAMES_IN_PICTURE, len(dataset)), dtype=int)
    samples = [dataset[int(index)] for index in indices]
    labels = [sample['data_samples'].gt_sem_seg.data[0].numpy() for sample in samples]
    columns = {
        modality: [_show(modality, sample['inputs'][modality].numpy()) for sample in samples]
        for modality in sorted(config.modalities, reverse=True)
    }
    columns['truth'] = [colourise(label, palette) for label in labels]
    for name, model in models.items():
        predictions = [_predict(model, sample) for sample in samples]
        columns[f'{name} ({model.modality})'] = [colourise(label, palette) for label in predictions]
    write_picture(folder / PICTURE_FILE, columns, labels, classes, palette)


def write_images(path: Path, images: dict[str, np.ndarray]) -> None:
    """Writes arrays to a ``.npz`` file, in one step.

    Args:
        path: File to write.
        images: As :class:`~fdkd.evaluation.SegmentationMetric` keeps them.
    """
    # Given a name, NumPy would append .npz to it.
    with written_whole(path) as partial, partial.open('wb') as file:
        np.savez_compressed(file, **images)


@torch.no_grad()
def _predict(model: Algorithm, sample: dict[str, Any]) -> np.ndarray:
    batch = {
        'inputs': {model.modality: [sample['inputs'][model.modality]]},
        'data_samples': [copy.deepcopy(sample['data_samples'])],
    }
    return model.test_step(batch)[0].pred_sem_seg.data[0].cpu().numpy()


def _show(modality: str, x: np.ndarray) -> np.ndarray:
    return depth_image(x[0]) if modality == 'depth' else x.transpose(1, 2, 0)
