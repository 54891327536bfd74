"""What the tests of the documentation share."""

import logging
import sys
from pathlib import Path

import pytest

from tests.support.browser import browser as browser

REPOSITORY = Path(__file__).resolve().parents[2]


class WarningsOf(logging.Handler):
    """Collects what a logger warns of.

    Args:
        name: Of the logger.
    """

    def __init__(self, name: str) -> None:
        super().__init__(logging.WARNING)
        self.logger, self.texts = logging.getLogger(name), []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(self.format(record))

    def __enter__(self) -> 'WarningsOf':
        self.logger.addHandler(self)
        return self

    def __exit__(self, *error: object) -> None:
        self.logger.removeHandler(self)


@pytest.fixture(autouse=True, scope='session')
def tools_path():
    """The site's hooks import each other by name, as MkDocs has them."""
    sys.path.insert(0, str(REPOSITORY / 'tools' / 'docs'))
    yield
    sys.path.remove(str(REPOSITORY / 'tools' / 'docs'))


@pytest.fixture(scope='session')
def site(tmp_path_factory):
    """The site, built with warnings as errors."""
    mkdocs_config = pytest.importorskip('mkdocs.config', reason='MkDocs is not installed (requirements/docs.txt)')
    pytest.importorskip('mkdocstrings')
    pytest.importorskip('material')
    from mkdocs.commands.build import build
    from mkdocs.exceptions import Abort

    folder = tmp_path_factory.mktemp('site')
    config = mkdocs_config.load_config(str(REPOSITORY / 'mkdocs.yml'), site_dir=str(folder), strict=True)
    with pytest.MonkeyPatch.context() as patch, WarningsOf('mkdocs') as warnings:
        patch.chdir(REPOSITORY)
        try:
            config.plugins.on_startup(command='build', dirty=False)
            build(config)
        except Abort:
            pytest.fail('\n'.join(warnings.texts), pytrace=False)
    return folder
