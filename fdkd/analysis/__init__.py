"""What trained models' features look like: functions on tensors, and the figures drawn of what these return.

:mod:`~fdkd.analysis.cka` measures similarity, :mod:`~fdkd.analysis.spectrum` similarity by frequency band,
:mod:`~fdkd.analysis.cutoff` the cutoff that a profile suggests, :mod:`~fdkd.analysis.scale` mean and spread,
:mod:`~fdkd.analysis.embedding` maps features to the plane, :mod:`~fdkd.analysis.curves` holds the curves of two losses,
and :mod:`~fdkd.analysis.plots` draws.
"""
