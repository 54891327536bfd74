"""Curves against the formulas and their derivatives."""

import numpy as np

from fdkd.analysis.curves import loss_curves


def test_losses_and_gradients_are_those_of_the_formulas():
    curves = loss_curves(extent=6, points=7)
    x = np.arange(-6.0, 7.0, 2)
    for curve in curves.values():
        assert np.allclose(curve.difference, x)
    assert np.allclose(curves['MSE'].loss, x**2)
    assert np.allclose(curves['MSE'].gradient, 2 * x)
    log = np.sign(x) * np.log1p(abs(x))
    assert np.allclose(curves['logMSE'].loss, log**2)
    assert np.allclose(curves['logMSE'].gradient, 2 * log / (1 + abs(x)))


def test_both_start_alike_and_large_differences_pull_less_in_logmse():
    curves = loss_curves(extent=10, points=2001)
    mse, log = curves['MSE'].gradient, curves['logMSE'].gradient
    middle = 1000
    assert max(abs(mse[middle]), abs(log[middle])) < 1e-12
    slopes = [(gradient[middle + 1] - gradient[middle]) / 0.01 for gradient in (mse, log)]
    assert np.allclose(slopes, 2, rtol=0.02)
    assert (abs(log) <= abs(mse) + 1e-12).all()
    assert log.argmax() < 2000  # falls again
