"""FD-CMKD for classification: both bands of the pooled pre-ReLU feature, shared and own classifiers for each band.

The classifiers' sizes are those of the student's classes and the teacher's feature.
"""

method = dict(losses=dict(fdkd=dict(type='FDKDLoss', on='feat')))
