"""What pretrained weights expect of their input, beside what they are given."""

from types import SimpleNamespace

import pytest

from fdkd.models.preprocessor import Normalizer
from fdkd.models.stated import Stated, contradiction


@pytest.mark.parametrize(('mean', 'fits'), [((123.7, 116.3, 103.5), True), ((0.485, 0.456, 0.406), False)])
def test_a_normalisation_that_weights_contradict_is_told(mean, fits):
    model = SimpleNamespace(name='own', stated=None)
    assert contradiction(model, Normalizer(mean=mean, std=(58.4, 57.1, 57.4))) is None  # nothing is stated
    model.stated = Stated((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))
    told = contradiction(model, Normalizer(mean=mean, std=(58.4, 57.1, 57.4)))
    assert (told is None) == fits
    if told:
        assert told.startswith('own: its weights expect mean=[123.675')
        assert 'data_preprocessor has mean=[0.485' in told
    assert contradiction(model, Normalizer(mean=[2.8], std=[1.4])) is None
    assert contradiction(model, None) is None
