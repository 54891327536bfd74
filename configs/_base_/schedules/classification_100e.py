"""The paper's schedule for classification: SGD with momentum 0.9, 1e-2, poly with power 0.9 per epoch, 100 epochs.

The rate ends at 1e-4, as in the published code. The paper gives no weight decay; 1e-4 is that of the published code of
the methods that it compares with.
"""

optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=1e-2, momentum=0.9, weight_decay=1e-4))
param_scheduler = [dict(type='PolyLR', power=0.9, eta_min=1e-4, begin=0, end=100, by_epoch=True)]
train_cfg = dict(type='EpochLoop', max_epochs=100, val_interval=10)
val_cfg = dict()
test_cfg = dict()
