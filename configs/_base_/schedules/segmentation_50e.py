"""The paper's schedule for segmentation: SGD with momentum 0.9, learning rate 0.02, poly with power 0.9, 50 epochs.

The paper gives no weight decay; MMSegmentation's is used.
"""

optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.02, momentum=0.9, weight_decay=5e-4))
param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=0.0, begin=0, end=50, by_epoch=True, convert_to_iter_based=True)
]
train_cfg = dict(type='EpochLoop', max_epochs=50, val_interval=10)
val_cfg = dict()
test_cfg = dict()
