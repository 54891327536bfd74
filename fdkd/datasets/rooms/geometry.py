"""Cameras, rays and their intersections with boxes: the geometry of a room, without colour or class."""

from typing import NamedTuple

import numpy as np

# A ray parallel to a face would divide by zero; at this slope it misses or hits the same pixels.
_PARALLEL = 1e-9


class Camera(NamedTuple):
    """A pinhole camera in a room whose x points right, y away from the viewer and z up, in metres.

    ``position`` is ``[3]``. The columns of ``rotation`` ``[3, 3]`` are the image's right, its down and the optical axis
    in room coordinates. ``focal`` is the focal length in image widths: the view is the same at any resolution.
    """

    position: np.ndarray
    rotation: np.ndarray
    focal: float

    def rays(self, width: int, height: int) -> np.ndarray:
        """One direction per pixel centre, row by row: ``[height * width, 3]``.

        Each advances by 1 along the optical axis, so that a ray's parameter is the z-depth that a depth sensor reports.
        """
        x = (np.arange(width) + 0.5 - width / 2) / (self.focal * width)
        y = (np.arange(height) + 0.5 - height / 2) / (self.focal * width)
        x, y = np.meshgrid(x, y)
        return np.stack([x, y, np.ones_like(x)], axis=-1).reshape(-1, 3) @ self.rotation.T


def look(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """Rotation ``[3, 3]`` of a camera turned right by ``yaw``, up by ``pitch``, clockwise by ``roll`` (radians)."""
    forward = np.array([np.sin(yaw) * np.cos(pitch), np.cos(yaw) * np.cos(pitch), np.sin(pitch)])
    right = np.array([np.cos(yaw), -np.sin(yaw), 0.0])
    down = np.cross(forward, right)
    return np.stack(
        [np.cos(roll) * right + np.sin(roll) * down, np.cos(roll) * down - np.sin(roll) * right, forward], axis=1
    )


def turn(vectors: np.ndarray, yaw: float) -> np.ndarray:
    """Rotates vectors ``[..., 3]`` about the vertical, counter-clockwise seen from above by ``yaw`` radians."""
    cos, sin = np.cos(yaw), np.sin(yaw)
    return vectors @ np.array([[cos, sin, 0.0], [-sin, cos, 0.0], [0.0, 0.0, 1.0]])


def enter_box(origin: np.ndarray, directions: np.ndarray, box: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where rays enter a box from outside.

    Args:
        origin: ``[3]``, common to all rays.
        directions: ``[N, 3]``, of any length.
        box: ``[2, 3]``, the lowest and the highest corner.

    Returns:
        The ray parameters ``[N]``, ``inf`` where a ray misses, and the axes 0..2 perpendicular to the faces entered.
    """
    near, far = _slabs(origin, directions, box)
    enter, leave = near.max(axis=0), far.min(axis=0)
    return np.where((enter < leave) & (enter > 0), enter, np.inf), near.argmax(axis=0)


def leave_box(origin: np.ndarray, directions: np.ndarray, box: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where rays that start inside a box leave it: as :func:`enter_box`, and no ray misses."""
    _, far = _slabs(origin, directions, box)
    return far.min(axis=0), far.argmin(axis=0)


def pass_near(origin: np.ndarray, directions: np.ndarray, centre: np.ndarray, radius: float) -> np.ndarray:
    """Which rays ``[N, 3]`` from ``origin`` may meet something inside a sphere (``centre`` ``[3]``), bool ``[N]``."""
    offset = centre - origin
    beyond = offset @ offset - radius**2
    if beyond <= 0:
        return np.ones(len(directions), bool)
    along = directions @ offset
    return (along > 0) & (along**2 >= beyond * np.einsum('ij,ij->i', directions, directions))


def _slabs(origin: np.ndarray, directions: np.ndarray, box: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ray parameters ``[3, N]`` at the nearer and at the farther of the two planes of each axis."""
    slope = directions.T
    slope = np.where(np.abs(slope) < _PARALLEL, _PARALLEL, slope)
    low, high = (box - origin)[:, :, None] / slope
    return np.minimum(low, high), np.maximum(low, high)
