"""Changes of colour: they belong to the camera's modality alone."""

from typing import Any

import cv2
import numpy as np
from mmcv.transforms import BaseTransform

from fdkd.registry import TRANSFORMS


@TRANSFORMS.register_module()
class RandomHSV(BaseTransform):
    """Shifts the hue and scales saturation and value of ``img`` by random amounts; other modalities stay untouched.

    The paper names a random HSV change without its ranges; these are YOLO's widely used ones at half strength.

    Args:
        hue: Largest hue shift, as a fraction of the full circle.
        saturation: Largest relative change of saturation.
        value: Largest relative change of value.
    """

    modality, random = 'rgb', True

    def __init__(self, hue: float = 0.0075, saturation: float = 0.35, value: float = 0.2) -> None:
        self.ranges = np.array([hue, saturation, value])

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        if 'rgb_path' not in results:
            return results
        shift, saturation, value = np.random.uniform(-1, 1, 3) * self.ranges
        levels = np.arange(256)
        tables = (
            np.rint(levels + 180 * shift) % 180,  # OpenCV stores 8-bit hue as half degrees
            np.clip(levels * (1 + saturation), 0, 255),
            np.clip(levels * (1 + value), 0, 255),
        )
        hsv = cv2.cvtColor(results['img'], cv2.COLOR_BGR2HSV)
        planes = zip(cv2.split(hsv), tables, strict=True)
        changed = [cv2.LUT(plane, np.rint(table).astype(np.uint8)) for plane, table in planes]
        results['img'] = cv2.cvtColor(cv2.merge(changed), cv2.COLOR_HSV2BGR)
        return results
