"""The site is built without a warning, holds what it should, and opens from a disk on desktop and telephone."""

import json
import re

import numpy as np
import pytest

from tests.docs.conftest import REPOSITORY

#: Pages whose widths are looked at: a start, a generated one, the widest tables, the longest names.
LOOKED_AT = (
    'index',
    'methods/fdkd',
    'methods/afd',
    'model_zoo',
    'reference/apis',
    'reference/engine',
    'equations',
    'migration',
    'own_data',
    'benchmarks/loss_time',
)
#: What would remain of a docstring's reStructuredText.
LEFT_OVER = re.compile(r':(func|class|meth|mod|data|attr|math):(<code>|`)|\.\. math::|<autoref|\$(<code>|`)')
#: Code as it stands in the files.
LISTINGS = re.compile(r'<(details class="mkdocstrings-source"|script|style).*?</(details|script|style)>', re.DOTALL)
#: What a page would fetch from another place when it is opened.
FETCHED = re.compile(
    r'<(script|img|iframe|source)[^>]* src="(https?:)?//|<link[^>]* href="(https?:)?//|url\((https?:)?//'
)


def text_of(site, page):
    return (site / f'{page}.html').read_text()


def test_it_builds_without_warnings(site):
    assert (site / 'index.html').is_file()


def test_every_method_has_its_page(site):
    folders = {path.name for path in (REPOSITORY / 'configs').iterdir()} - {'_base_', 'demo', 'unimodal', '__pycache__'}
    assert {path.stem for path in (site / 'methods').glob('*.html')} == folders
    for folder in folders:
        assert 'configs/_base_/methods/' in text_of(site, f'methods/{folder}')


def shown(values):
    """A cell as the tables of the reproduction have it."""
    mean = f'{np.mean(values):.1f}'
    return mean if len(values) == 1 else f'{mean} ± {np.std(values, ddof=1):.1f}'


@pytest.mark.parametrize('method', ['feat', 'fdkd'])
def test_figures_are_those_of_the_ledger(site, method):
    ledger = REPOSITORY / 'docs' / 'benchmarks' / 'grid' / 'ledger.jsonl'
    rows = [json.loads(line) for line in ledger.read_text().splitlines()]
    taught = {row['seed']: row for row in rows if row['name'].startswith(f'{method}-grid_visual_from_audio-seed')}
    alone = [row for row in rows if row['name'].startswith('unimodal-grid_visual-seed') and row['seed'] in taught]
    student = shown([row['student']['metrics']['accuracy'] for row in taught.values()])
    cells = ['<code>grid_visual_from_audio</code>', 'visual', student]
    cells.append(shown([row['teacher']['metrics']['accuracy'] for row in taught.values()]))
    cells.append(shown([row['student']['metrics']['accuracy'] for row in alone]))
    assert '\n'.join(f'<td>{cell}</td>' for cell in cells) in text_of(site, f'methods/{method}')
    assert f'<td>{student}</td>' in text_of(site, 'model_zoo')


def test_figures_are_those_of_the_benchmark(site):
    nyu = (REPOSITORY / 'docs' / 'benchmarks' / 'nyu_depth_v2.md').read_text()
    [row] = [line.split('|')[1:-1] for line in nyu.splitlines() if line.startswith('| RGB | FD-CMKD')]
    cells = '\n'.join(f'<td>{cell.strip()}</td>' for cell in row)
    assert cells in text_of(site, 'model_zoo')
    assert cells in text_of(site, 'methods/fdkd')


def test_formulas_are_drawn_and_roles_are_links(site):
    page = text_of(site, 'methods/afd')
    assert page.count('class="formula"') >= 8
    assert 'aria-label="\\alpha' in page
    for path in site.rglob('*.html'):
        text = LISTINGS.sub('', path.read_text())
        assert not LEFT_OVER.search(text), path


def test_nothing_is_loaded_from_elsewhere(site):
    for path in [*site.rglob('*.html'), *site.rglob('*.css')]:
        assert not FETCHED.search(path.read_text()), path


@pytest.mark.parametrize('width', [390, 1280])
def test_pages_are_no_wider_than_the_screen(browser, site, width):
    screen = {'width': width, 'height': 844, 'deviceScaleFactor': 1, 'mobile': width < 500}
    browser.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', screen)
    for page in LOOKED_AT:
        browser.get((site / f'{page}.html').as_uri())
        wider = browser.execute_script('const e = document.documentElement; return e.scrollWidth - e.clientWidth')
        assert (page, wider) == (page, 0)
        assert browser.get_log('browser') == []


def test_pictures_are_there_and_formulas_have_the_colour_of_the_text(browser, site):
    browser.get((site / 'concepts.html').as_uri())
    widths = browser.execute_script('return [...document.querySelectorAll("article img")].map((e) => e.naturalWidth)')
    assert widths
    assert all(widths)
    browser.get((site / 'equations.html').as_uri())
    for scheme in ('default', 'slate'):
        script = (
            'document.body.setAttribute("data-md-color-scheme", arguments[0]);'
            'const e = document.querySelector(".formula");'
            'return [getComputedStyle(e.querySelector("path")).fill, getComputedStyle(e.parentElement).color]'
        )
        fill, colour = browser.execute_script(script, scheme)
        assert fill == colour


def test_search_works_from_a_disk(browser, site):
    from selenium.webdriver.support.wait import WebDriverWait

    browser.execute_cdp_cmd('Emulation.clearDeviceMetricsOverride', {})
    browser.get((site / 'index.html').as_uri())
    browser.execute_script('document.querySelector("label[for=__search]").click()')
    browser.find_element('css selector', '.md-search__input').send_keys('decoupler')
    WebDriverWait(browser, 30).until(lambda driver: driver.find_elements('css selector', '.md-search-result__item'))
