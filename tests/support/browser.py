"""Headless Chromium, where it is installed."""

import shutil

import pytest

CHROMIUM = shutil.which('chromium') or shutil.which('google-chrome')
CHROMEDRIVER = shutil.which('chromedriver')


@pytest.fixture(scope='module')
def browser():
    """Chromium without a window, which keeps what pages write to its console."""
    if not (CHROMIUM and CHROMEDRIVER):
        pytest.skip('chromium and chromedriver are not installed')
    webdriver = pytest.importorskip('selenium.webdriver')
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    options.set_capability('goog:loggingPrefs', {'browser': 'ALL'})
    for argument in ('--headless=new', '--no-sandbox', '--disable-dev-shm-usage', '--window-size=1280,900'):
        options.add_argument(argument)
    driver = webdriver.Chrome(options, webdriver.ChromeService(CHROMEDRIVER))
    yield driver
    driver.quit()
