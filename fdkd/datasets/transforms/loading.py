"""The files of one sample of a segmentation data set: each has the size and the kind of values that it should."""

from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform

from fdkd.datasets.transforms.images import read_image
from fdkd.errors import DataError
from fdkd.registry import TRANSFORMS


def _settle_shape(results: dict[str, Any], path: str, shape: tuple[int, int]) -> None:
    """Records the sample's size, or refuses a file whose size differs from what the sample's other files have."""
    known = results.setdefault('ori_shape', shape)
    if known != shape:
        raise DataError(f'{path}: {shape[1]}x{shape[0]} pixels, but the sample has {known[1]}x{known[0]}')


@TRANSFORMS.register_module()
class LoadRGB(BaseTransform):
    """Reads ``rgb_path``, where the sample has one, into ``img``: uint8 ``[H, W, 3]`` in BGR order, as MMCV expects.

    Raises:
        DataError: If the file is not an 8-bit RGB image.
    """

    modality, random = 'rgb', False

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        path = results.get('rgb_path')
        if path is None:
            return results
        image = read_image(path)
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise DataError(f'{path}: expected an 8-bit RGB image, found {image.dtype} {image.shape}')
        _settle_shape(results, path, image.shape[:2])
        results['img'] = np.ascontiguousarray(image[..., ::-1])
        results['img_shape'] = image.shape[:2]
        return results


@TRANSFORMS.register_module()
class LoadDepth(BaseTransform):
    """Reads ``depth_path``, where the sample has one, into ``depth``: float32 metres ``[H, W]``, 0 = hole.

    Depth joins ``seg_fields``, whose members MMSegmentation's geometric transforms move with the image and resample to
    the nearest pixel: interpolation would invent distances at holes and edges. Those transforms need an ``img``; where
    no RGB is loaded, an empty one stands in and is dropped when the sample is packed.

    Raises:
        DataError: If the file is not a 16-bit single-channel image, or has another size than the sample.
    """

    modality, random = 'depth', False

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        path = results.get('depth_path')
        if path is None:
            return results
        depth = read_image(path)
        if depth.dtype != np.uint16 or depth.ndim != 2:
            raise DataError(
                f'{path}: expected 16-bit depth in millimetres with one channel, found {depth.dtype} {depth.shape}'
            )
        _settle_shape(results, path, depth.shape)
        results['depth'] = depth.astype(np.float32) / 1000
        results.setdefault('seg_fields', []).append('depth')
        if 'img' not in results:
            results['img'] = np.zeros(depth.shape, np.uint8)
            results['img_shape'] = depth.shape
        return results


@TRANSFORMS.register_module()
class LoadLabelMap(BaseTransform):
    """Reads ``label_path`` into ``gt_seg_map``: uint8 ``[H, W]``, the file's 1..K as 0..K-1 and its 0 (void) as 255.

    A sample without a label gets a map of the sample's size that is void throughout.

    Raises:
        DataError: If the file is not an 8-bit map of the sample's size, or holds a label above ``num_classes``.
    """

    random = False

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        path, classes = results.get('label_path'), results['num_classes']
        label = np.zeros(results['ori_shape'], np.uint8) if path is None else read_image(path)
        if label.dtype != np.uint8 or label.ndim != 2:
            raise DataError(f'{path}: expected an 8-bit label map, found {label.dtype} {label.shape}')
        _settle_shape(results, path, label.shape)
        if label.max() > classes:
            raise DataError(f'{path}: label {label.max()}, expected 0 (void) to {classes}')
        results['gt_seg_map'] = label - np.uint8(1)  # 0 wraps around to 255
        results.setdefault('seg_fields', []).append('gt_seg_map')
        return results
