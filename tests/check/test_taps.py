"""What a step's rows say."""

from fdkd.check.taps import connector_words


def test_connectors_in_words():
    projection = dict(type='Projection', in_channels=3, out_channels=4)
    assert connector_words({'connector': [dict(type='Resize'), projection]}) == 'Resize, Projection(3, 4)'
    assert connector_words({'connector': projection}) == 'Projection(3, 4)'
    assert connector_words({}) == ''
