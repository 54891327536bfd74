"""Formulas of the documentation, drawn when the site is built, so that no page needs a script or a network.

Written as GitHub reads them too: a fenced block ``math``, or in a line ``$`...`$``. Matplotlib's mathtext knows most of
LaTeX's mathematics; what it does not know stops the build.
"""

import re
from functools import lru_cache
from html import escape

from markdown import Markdown
from markdown.extensions import Extension
from markdown.inlinepatterns import InlineProcessor
from matplotlib import rc_context
from matplotlib.path import Path
from matplotlib.textpath import TextPath
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError

#: Units of the drawing for one em.
_EM = 100
#: What mathtext writes in another way: sizes of delimiters, small fractions, arguments without braces.
_SPELLINGS = (
    (r'\\[bB]igg?(?![a-z])', ''),
    (r'\\[lr]Vert', r'\\Vert'),
    (r'\\tfrac', r'\\frac'),
    (r'\\(d?)frac *(\w) *(\w)', r'\\\1frac{\2}{\3}'),
    (r'\\(d?)frac *(\w) *(?=\{)', r'\\\1frac{\2}'),
    (r'\\(mathbb|mathcal|sqrt) (\w)', r'\\\1{\2}'),
    (r'\s+', ' '),
)
_COMMANDS = {Path.MOVETO: 'M', Path.LINETO: 'L', Path.CURVE3: 'Q', Path.CURVE4: 'C', Path.CLOSEPOLY: 'Z'}


@lru_cache(maxsize=1024)
def drawn(latex: str) -> str:
    """An ``<svg>`` of a formula, in the colour and the size of the text around it; screen readers read the LaTeX.

    Raises:
        PluginError: If mathtext does not know something in it.
    """
    text = latex.strip()
    for pattern, replacement in _SPELLINGS:
        text = re.sub(pattern, replacement, text)
    try:
        with rc_context({'mathtext.fontset': 'stix'}):
            path = TextPath((0, 0), f'${text}$', size=_EM)
    except ValueError as error:
        raise PluginError(f'a formula cannot be drawn: {latex}\n{error}') from error
    box = path.get_extents().padded(4)
    return (
        f'<svg class="formula" role="img" aria-label="{escape(latex, quote=True)}" '
        f'viewBox="{box.x0:.0f} {-box.y1:.0f} {box.width:.0f} {box.height:.0f}" style="width:{box.width / _EM:.2f}em;'
        f'height:{box.height / _EM:.2f}em;vertical-align:{box.y0 / _EM:.2f}em">'
        f'<path fill="currentColor" d="{_outline(path)}"/></svg>'
    )


def _outline(path: Path) -> str:
    """The path in SVG's words, whose y axis points down."""
    steps = []
    for points, code in path.iter_segments(simplify=False):
        numbers = [f'{value * sign:.1f}' for value, sign in zip(points, [1, -1] * (len(points) // 2), strict=True)]
        steps.append(_COMMANDS[code] + ('' if code == Path.CLOSEPOLY else ' '.join(numbers)))
    return ''.join(steps)


def block(source: str, language: str, css_class: str, options: dict, md: Markdown, **kwargs: object) -> str:
    """A fenced block ``math`` as superfences hands it over; an empty line parts two formulas."""
    formulas = re.split(r'\n\s*\n', source.strip().replace(r'\frac', r'\dfrac'))
    return ''.join(f'<div class="formulas">{drawn(formula)}</div>' for formula in formulas)


class _InLine(InlineProcessor):
    def handleMatch(self, match: re.Match[str], data: str) -> tuple[str, int, int]:
        return self.md.htmlStash.store(drawn(match.group(1))), match.start(0), match.end(0)


class Formulas(Extension):
    """Draws ``$`...`$`` before code in backticks is looked for."""

    def extendMarkdown(self, md: Markdown) -> None:
        md.inlinePatterns.register(_InLine(r'\$`([^`]+)`\$', md), 'formula', 200)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Adds both spellings to the site's Markdown, of pages and docstrings alike."""
    config.markdown_extensions.append(Formulas())
    fences = config.mdx_configs.setdefault('pymdownx.superfences', {}).setdefault('custom_fences', [])
    fences.append({'name': 'math', 'class': 'math', 'format': block})
    return config
