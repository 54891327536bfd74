"""FD-CMKD on the generated rooms: an RGB student learns from a depth teacher."""

_base_ = ['../fdkd/nyu_rgb_from_depth.py', '../_base_/rooms.py']
