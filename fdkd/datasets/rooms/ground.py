"""Where things go: free ground to stand on and free wall to hang on."""

from typing import NamedTuple

import numpy as np

from fdkd.datasets.rooms.geometry import turn

# The walls in view, as the turn that makes a thing with its back to one face the room.
_BACK, _LEFT, _RIGHT = 0.0, np.pi / 2, -np.pi / 2
_WALLS = (_BACK, _LEFT, _RIGHT)
# After so many places that were taken, the room counts as full.
_TRIES = 30
_ROUNDING = 1e-6


class Place(NamedTuple):
    """Where a thing stands, ``[3]`` in metres, and how far it is turned counter-clockwise, in radians."""

    position: np.ndarray
    yaw: float


class Ground:
    """The floor and the walls of a room of ``size`` ``[3]`` metres.

    The rectangle ``taken`` ``(x0, y0, x1, y1)`` stays free of furniture. Things are boxes ``[B, 2, 3]`` in their own
    frame, front to -y. Those standing on the ground never overlap, nor do those on one wall; a method that finds no
    free place returns None.
    """

    def __init__(self, rng: np.random.Generator, size: np.ndarray, taken: tuple[float, float, float, float]) -> None:
        self._rng, self._size = rng, size
        self._rectangles = [taken]
        self._spans: dict[float, list[tuple[float, float]]] = {wall: [] for wall in _WALLS}

    def against_wall(self, boxes: np.ndarray) -> Place | None:
        """Ground with a wall behind."""
        for _ in range(_TRIES):
            place, _ = self._at_wall(boxes)
            if self._claim(boxes, place):
                return place
        return None

    def anywhere(self, boxes: np.ndarray) -> Place | None:
        """Ground, turned as it happens, at least a metre from the wall behind the viewer."""
        for _ in range(_TRIES):
            position = np.append(self._rng.uniform([0, 1], self._size[:2]), 0.0)
            place = Place(position, self._rng.uniform(-np.pi, np.pi))
            if self._claim(boxes, place):
                return place
        return None

    def on_wall(self, boxes: np.ndarray, clear: float = 0.0) -> Place | None:
        """A stretch of wall that no other call of this method has given, with ``clear`` metres of ground before it."""
        for _ in range(_TRIES):
            place, along = self._at_wall(boxes)
            half = np.ptp(boxes[..., 0]) / 2 + 0.05
            start, end = along - half, along + half
            if any(start < other[1] and other[0] < end for other in self._spans[place.yaw]):
                continue
            if clear and not self._claim(boxes - [[[0.0, clear, 0.0], [0.0, 0.0, 0.0]]], place):
                continue
            self._spans[place.yaw].append((start, end))
            return place
        return None

    def middle(self) -> Place:
        """Near the middle of the floor, whatever stands there, in line with the walls."""
        position = np.append(self._rng.uniform([0.35, 0.5], [0.65, 0.7]) * self._size[:2], 0.0)
        return Place(position, float(self._rng.choice([_BACK, _LEFT])))

    def _at_wall(self, boxes: np.ndarray) -> tuple[Place, float]:
        """A random place with the back to a wall, and its coordinate along that wall."""
        wall = _WALLS[self._rng.integers(len(_WALLS))]
        half, back = np.ptp(boxes[..., 0]) / 2, boxes[..., 1].max()
        width, depth, _ = self._size
        along = self._rng.uniform(half, (width if wall == _BACK else depth) - half)
        x, y = {_BACK: (along, depth - back), _LEFT: (back, along), _RIGHT: (width - back, along)}[wall]
        return Place(np.array([x, y, 0.0]), wall), along

    def _claim(self, boxes: np.ndarray, place: Place) -> bool:
        """Takes the ground under a thing if it is free and inside the room; says whether it did."""
        low, high = boxes.min(axis=(0, 1)), boxes.max(axis=(0, 1))
        corners = turn(np.array([[x, y, 0.0] for x in (low[0], high[0]) for y in (low[1], high[1])]), place.yaw)
        (x0, y0, _), (x1, y1, _) = corners.min(axis=0) + place.position, corners.max(axis=0) + place.position
        inside = min(x0, y0) > -_ROUNDING and x1 < self._size[0] + _ROUNDING and y1 < self._size[1] + _ROUNDING
        if not inside or any(x0 < b[2] and b[0] < x1 and y0 < b[3] and b[1] < y1 for b in self._rectangles):
            return False
        self._rectangles.append((x0, y0, x1, y1))
        return True
