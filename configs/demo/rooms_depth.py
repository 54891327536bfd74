"""The generated rooms: segmentation from depth alone."""

_base_ = ['../unimodal/nyu_depth.py', '../_base_/rooms.py']
