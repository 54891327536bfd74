"""The page in a browser: headless Chromium, where it is installed."""

import pytest

from fdkd.report import report
from tests.report.work_dirs import HOSTILE, HOSTILES, results, scores, write_told

#: How many pixels the page is wider than the screen.
OVERFLOW = 'const e = document.documentElement; return e.scrollWidth - e.clientWidth'


@pytest.fixture
def shown(browser, make_run, tmp_path):
    """The browser on a page about three runs, one of which has a hostile class and one no results."""
    names = (HOSTILE, 'a rather long name of a class')
    hostile = results(
        student=scores('image', 9.5, names), teacher=scores('audio', 90.0, names), seed=10, device=HOSTILE
    )
    folders = [
        make_run('first', config='resume = True\n'),
        make_run('second-with-a-name-that-is-far-too-long-for-a-telephone', hostile, names, 'resume = False\n'),
        make_run('third', results=None),
    ]
    browser.execute_cdp_cmd('Emulation.clearDeviceMetricsOverride', {})
    browser.execute_cdp_cmd('Emulation.setEmulatedMedia', {'media': '', 'features': []})
    browser.get(report(folders, tmp_path / 'report.html').as_uri())
    browser.execute_script('document.querySelectorAll("details").forEach((element) => { element.open = true; })')
    return browser


def test_nothing_hostile_runs_and_nothing_is_refused(shown):
    assert shown.get_log('browser') == []
    assert shown.execute_script('return window.hit') is None
    assert shown.title == '3 runs – fdkd report'
    assert HOSTILE in [cell.text for cell in shown.find_elements('css selector', '.classes tbody th')]


def test_no_word_of_a_run_runs_wherever_it_stands(browser, tmp_path):
    folders = [write_told(tmp_path / f'run {number}', text) for number, text in enumerate(HOSTILES)]
    browser.get(report(folders, tmp_path / 'report.html').as_uri())
    for event in ('mouseover', 'click', 'focus', 'load', 'error'):
        script = 'for (const element of document.body.querySelectorAll("*")) element.dispatchEvent(new Event("%s"))'
        browser.execute_script(script % event)
    assert browser.execute_script('return window.hit') is None
    assert browser.get_log('browser') == []
    for element, number in (
        ('script', 1),
        ('style', 1),
        ('base, link, iframe, object, form, img:not([src^="data:"])', 0),
    ):
        assert len(browser.find_elements('css selector', element)) == number
    texts = browser.execute_script(
        'return [...document.querySelectorAll(".classes tbody th")].map((e) => e.textContent)'
    )
    assert set(HOSTILES) <= set(texts)


def test_only_the_pages_own_script_may_run(shown):
    shown.execute_script(
        'const script = document.createElement("script"); script.textContent = "window.hit = 1";'
        'document.body.append(script)'
    )
    assert shown.execute_script('return window.hit') is None
    [refusal] = shown.get_log('browser')
    assert 'Content Security Policy' in refusal['message']


def test_pictures_and_charts_are_drawn(shown):
    widths = shown.execute_script('return [...document.images].map((image) => image.naturalWidth)')
    assert widths == [40, 40]
    sizes = shown.execute_script(
        'return [...document.querySelectorAll("svg")].map((svg) => [svg.clientWidth, svg.clientHeight])'
    )
    assert len(sizes) > 20
    assert all(width >= 26 and height >= 10 for width, height in sizes)
    texts = shown.find_elements('css selector', '.chart svg[role=img] text')
    assert all(text.text for text in texts)


def first_cells(browser):
    return [row.text.partition('-')[0] for row in browser.find_elements('css selector', '.overview tbody th')]


def test_a_click_on_a_head_sorts(shown):
    heads = {head.text: head for head in shown.find_elements('css selector', '.overview thead tr:last-child th')}
    run, seed = heads['run'], heads['seed']
    assert first_cells(shown) == ['first', 'second', 'third']
    button = run.find_element('css selector', 'button')
    button.click()
    button.click()
    assert first_cells(shown) == ['third', 'second', 'first']
    assert run.get_attribute('aria-sort') == 'descending'
    button = seed.find_element('css selector', 'button')
    button.click()
    assert first_cells(shown) == ['second', 'first', 'third']  # 10 before 0, and what is unknown last
    assert [run.get_attribute('aria-sort'), seed.get_attribute('aria-sort')] == ['none', 'descending']
    button.send_keys('\ue007')  # Enter, on the button that has the focus
    assert first_cells(shown) == ['first', 'second', 'third']
    assert seed.get_attribute('aria-sort') == 'ascending'


@pytest.mark.parametrize('width', [390, 320, 1280])
def test_the_page_is_no_wider_than_the_screen(shown, width):
    screen = {'width': width, 'height': 844, 'deviceScaleFactor': 1, 'mobile': width < 500}
    shown.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', screen)
    assert shown.execute_script(OVERFLOW) == 0
    assert abs(shown.execute_script('return document.documentElement.clientWidth') - width) < 20  # a scroll bar


def brightness(browser, name):
    colour = browser.execute_script(f'return getComputedStyle(document.body).{name}')
    return sum(int(part) for part in colour.strip('rgb()').split(',')) / 3


def test_the_scheme_follows_the_device(shown):
    for scheme, dark in (('dark', True), ('light', False)):
        features = [{'name': 'prefers-color-scheme', 'value': scheme}]
        shown.execute_cdp_cmd('Emulation.setEmulatedMedia', {'features': features})
        assert (brightness(shown, 'backgroundColor') < 60) == dark
        assert (brightness(shown, 'color') > 180) == dark


def test_printing_opens_every_section_and_cuts_no_table(shown):
    shown.execute_script('document.querySelectorAll("details").forEach((element) => { element.open = false; })')
    shown.execute_script('dispatchEvent(new Event("beforeprint"))')
    opened = 'return [...document.querySelectorAll("details")].map((element) => element.open)'
    assert all(shown.execute_script(opened))
    screen = {'width': 1030, 'height': 700, 'deviceScaleFactor': 1, 'mobile': False}  # A4, landscape
    shown.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', screen)
    shown.execute_cdp_cmd('Emulation.setEmulatedMedia', {'media': 'print'})
    assert shown.execute_script(OVERFLOW) == 0
    shown.execute_script('dispatchEvent(new Event("afterprint"))')
    assert not any(shown.execute_script(opened))


def test_a_link_opens_the_section_of_its_run(shown):
    shown.execute_script('document.querySelectorAll("details").forEach((element) => { element.open = false; })')
    shown.find_element('link text', 'third').click()
    opened = shown.execute_script('return [...document.querySelectorAll("details[open]")].map((run) => run.id)')
    assert opened == ['run-3']


def test_one_button_opens_and_closes_all_runs(shown):
    button = shown.find_element('id', 'all')
    shown.execute_script('document.querySelectorAll(".run").forEach((run, i) => { run.open = i === 0; })')
    for expected, text in ((3, 'Close all'), (0, 'Open all')):
        button.click()
        assert len(shown.find_elements('css selector', '.run[open]')) == expected
        assert button.text == text
