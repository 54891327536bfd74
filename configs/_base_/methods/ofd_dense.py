"""OFD for dense prediction, with the weight of its published segmentation: the distance grows with the maps."""

_base_ = './ofd.py'
method = dict(losses=dict(ofd=dict(alpha=1e-5)))
