"""Which samples are shown, what is seen of an input, and what stands beneath it."""

from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from fdkd.evaluation.samples import Answer, Sample, View, choose, image, samples_figure, write_samples

RIGHT, WRONG = '#1b7837', '#b2182b'


def predictions(labels, predicted):
    return [{'label': label, 'predicted': choice} for label, choice in zip(labels, predicted, strict=True)]


def test_samples_are_spread_and_the_mistakes_are_others():
    wrong = {0, 3, 10, 12, 14, 16, 18, 20}  # 0, 10 and 20 are among the spread ones
    found = predictions([0] * 26, [int(index in wrong) for index in range(26)])
    spread, mistakes = choose(found)
    assert spread == [0, 5, 10, 15, 20, 25]
    assert mistakes == [3, 12, 14, 18]  # of 3, 12, 14, 16, 18 at places 0, 1.33, 2.67, 4


def test_a_sample_without_a_label_is_no_mistake():
    found = predictions([-1] * 5 + [1] * 5, [0] * 5 + [1, 0, 1, 1, 1])
    assert choose(found) == ([0, 1, 3, 5, 7, 9], [6])


def test_few_samples_are_all_shown_once():
    assert choose(predictions([0, 1], [1, 0])) == ([0, 1], [])


def test_of_several_frames_the_middle_one_is_seen():
    frames = np.random.default_rng(0).integers(0, 256, (3, 3, 5, 4), np.uint8)
    assert np.array_equal(image(frames), np.moveaxis(frames[1], 0, 2))
    assert np.array_equal(image(frames[:1]), np.moveaxis(frames[0], 0, 2))
    assert image(frames).dtype == np.uint8


def test_colours_that_are_no_bytes_are_scaled():
    x = np.array([-1.0, 0.0, 3.0], np.float32)[:, None, None] * np.ones((1, 2, 2), np.float32)
    assert image(x)[0, 0].tolist() == [0.0, 0.25, 1.0]
    assert not image(np.ones((3, 2, 2), np.float32)).any()


def test_a_spectrum_has_its_low_frequencies_at_the_bottom():
    x = np.arange(12.0).reshape(1, 4, 3)
    assert image(x, upward=True).tolist() == x[0, ::-1].tolist()
    assert image(x).tolist() == x[0].tolist()


def test_of_other_channels_the_first_is_seen_and_values_stay():
    x = np.arange(24.0).reshape(2, 4, 3)
    assert np.array_equal(image(x), x[0])
    assert np.array_equal(image(x[0, 0]), x[0, 0])


def sample(number=0, truth='dog', answers=(('dog', 0.984), ('cat', 0.4)), text='it barks'):
    pixels = np.full((4, 6, 3), 10 * number, np.uint8)
    models = ('student (visual)', 'teacher (text)')
    said = [Answer(model, *answer) for model, answer in zip(models, answers, strict=False)]
    return Sample(f's{number}', truth, [View('visual', pixels), View('text', text)], said)


def written(figure):
    """The lines below the headings, by text: their colours and weights."""
    return {text.get_text(): (text.get_color(), text.get_weight()) for text in figure.texts}


def test_answers_stand_beneath_and_right_differs_from_wrong_in_more_than_colour():
    texts = written(samples_figure({'Some': [sample()]}))
    nbsp = '\N{NO-BREAK SPACE}'
    right, wrong = '✓ student (visual): dog', f'✗ teacher (text): cat (40{nbsp}%)'
    assert list(texts) == ['Some', 's0', 'truth: dog', right, f'  (98{nbsp}%)', wrong]
    assert texts[right] == (RIGHT, 'normal')
    assert texts[wrong] == (WRONG, 'bold')


def test_names_of_classes_are_broken_after_underscores():
    texts = written(samples_figure({'Some': [sample(truth='infrastructure_and_utility_damage', answers=())]}))
    assert list(texts)[2:] == ['truth: infrastructure_and_', '  utility_damage']


def test_without_a_label_no_answer_is_right_or_wrong():
    texts = written(samples_figure({'Some': [sample(truth=None, answers=[('cat', 1.0)])]}))
    assert 'no label' in texts
    marks = {text[0] for text in texts if '(visual)' in text}
    assert marks == {'·'}
    assert not {RIGHT, WRONG} & {colour for colour, _ in texts.values()}


def test_groups_are_rows_whose_panels_show_the_modalities():
    figure = samples_figure({'Spread': [sample(1), sample(2), sample(3)], 'Wrong': [sample(4)], 'None': []})
    assert 'None' not in written(figure)
    images = [panel for panel in figure.axes if panel.images]
    assert [int(panel.images[0].get_array()[0, 0, 0]) for panel in images] == [10, 20, 30, 40]
    places = [panel.get_position() for panel in images]
    assert all(left.x1 < right.x0 for left, right in pairwise(places[:3]))
    assert places[3].y1 < places[0].y0
    texts = [panel for panel in figure.axes if panel.texts]
    assert all(below.get_position().y1 < above.get_position().y0 for below, above in zip(texts, images, strict=True))
    assert [panel.get_ylabel() for panel in figure.axes[:2]] == ['visual', 'text']
    assert not any(panel.get_ylabel() for panel in figure.axes[2:6])


@pytest.mark.parametrize(
    ('content', 'shown'), [('it barks', 'it barks'), (' \n', '(empty)'), (None, '(none)'), ('a\n b', 'a b')]
)
def test_what_a_text_panel_shows(content, shown):
    panel = samples_figure({'Some': [sample(text=content)]}).axes[1]
    assert [text.get_text() for text in panel.texts] == [shown]


def test_values_are_a_line_and_a_matrix_is_stretched():
    values, matrix = np.arange(5.0), np.arange(6.0).reshape(2, 3)
    views = [View('imu', values), View('audio', matrix), View('grey', matrix.astype(np.uint8))]
    line, spectrum, grey = samples_figure({'Some': [Sample('a', 'b', views, [])]}).axes
    assert line.lines[0].get_ydata().tolist() == values.tolist()
    assert (spectrum.get_aspect(), grey.get_aspect()) == ('auto', 1)
    assert spectrum.images[0].get_array().tolist() == matrix.tolist()
    assert spectrum.images[0].origin == 'upper'  # the first row is on top


def test_nothing_overlaps_and_nothing_is_cut_off():
    long = 'infrastructure_and_utility_damage_of_$every$_kind'
    words = 'WWWWWWWWWW ' * 100
    cards = [sample(number, long, [(long, 1.0), ('x' * 70, 0.1)], words) for number in range(6)]
    cards = [card._replace(sample_id='i' * 60) for card in cards]
    figure = samples_figure({'One': cards, 'Two': cards[:1]})
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in figure.texts]
    panels = [panel.get_window_extent() for panel in figure.axes]
    assert len(boxes) > 50
    for number, box in enumerate(boxes):
        assert 0 <= box.x0 < box.x1 <= figure.bbox.x1
        assert 0 <= box.y0 < box.y1 <= figure.bbox.y1
        others = [other for other in boxes[number + 1 :] if shared(box, other) > 1]
        assert not others, figure.texts[number].get_text()
        assert not any(shared(box, panel) > 1 for panel in panels), figure.texts[number].get_text()
    for panel in figure.axes[1::2]:
        inside, outside = panel.texts[0].get_window_extent(), panel.get_window_extent()
        assert outside.x0 <= inside.x0 < inside.x1 <= outside.x1
        assert outside.y0 <= inside.y0 < inside.y1 <= outside.y1
        assert panel.texts[0].get_text().endswith('…')


def shared(a, b):
    """Pixels by which two boxes overlap in the direction in which they overlap less."""
    return min(min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0))


@pytest.mark.filterwarnings('error')
def test_the_file_is_a_picture_whatever_a_text_holds(tmp_path):
    path = tmp_path / 'samples.png'
    write_samples(path, {'Some': [sample(20, text='costs $5 {\\frac or $6 \U0001f600 洪水 \x07')]})
    with Image.open(path) as file:
        assert file.format == 'PNG'
        pixels = np.asarray(file.convert('RGB')).reshape(-1, 3)
    assert (pixels == 200).all(1).sum() > 10_000  # the photograph
    assert [file.name for file in tmp_path.iterdir()] == ['samples.png']


def test_a_failed_write_leaves_the_old_picture(tmp_path):
    path = tmp_path / 'samples.png'
    path.write_text('old')
    with pytest.raises(TypeError):
        write_samples(path, {'Some': [sample()._replace(views=[View('visual', np.zeros((2, 2, 7)))])]})
    assert path.read_text() == 'old'
