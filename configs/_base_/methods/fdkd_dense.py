"""FD-CMKD for dense prediction: both bands of the last pre-ReLU feature, no shared classifiers."""

method = dict(losses=dict(fdkd=dict(type='FDKDLoss', on='feat', align=False, band_task=False)))
