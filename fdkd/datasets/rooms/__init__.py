"""Rooms: a small data set of aligned RGB, depth and labels that is made on the spot, for demos, tests and studies.

A ray caster looks into furnished rooms and writes what a Kinect would deliver, in the layout and with the class numbers
of NYU-Depth V2. Sixteen of the 40 classes occur. They are drawn so that each modality knows something that the other
does not:

- **Shape alone** tells apart bed (4), chair (5), sofa (6), table (7), pillow (18) and box (29): colours and textures of
  all six come from one distribution (:func:`fdkd.datasets.rooms.materials.furniture`). Depth sees the shape directly;
  in RGB checks, stripes, grain and shadows lie over it.
- **Colour and texture alone** tell apart window (9) from picture (11), rectangles of one distribution on a wall, and
  cabinet (3) from refrigerator (24), tall boxes of one distribution: the class is drawn after the shape and the place.
  Door (8) and floor mat (20) lie flush with wall and floor. Depth shows none of these differences.
- **Both** show wall (1), floor (2), ceiling (22) and lamp (35), whose shade glows.

How well a surface returns the depth sensor's infra-red light is drawn independently of its class and of its visible
colour, so that holes in the depth map do not give away what only RGB should know. Borders of regions are void (0), one
pixel wide.

The same seed gives the same bytes with the same versions of NumPy and OpenCV.
"""

from fdkd.datasets.rooms.frame import Frame, render_room
from fdkd.datasets.rooms.write import write_rooms

__all__ = ['Frame', 'render_room', 'write_rooms']
