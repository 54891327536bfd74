"""Docstrings as the site's Markdown: roles become links, ``.. math::`` a drawn formula, ``Example:`` an example."""

import re
from html import escape

import griffe

_ROLE = re.compile(r':(?:class|func|meth|data|attr|mod|exc):`(~?)([^`]+)`')
_INLINE_MATH = re.compile(r':math:`([^`]+)`')
_MATH = re.compile(r'^([ \t]*)\.\. math::[ \t]*(.*(?:\n(?:\1[ \t]+\S.*|[ \t]*(?=\n\1[ \t]+\S)))*)', re.MULTILINE)


class Docstrings(griffe.Extension):
    """Rewrites every docstring of a package once it is loaded, when names can be looked up in their scope."""

    def on_package(self, *, pkg: griffe.Module, loader: griffe.GriffeLoader, **kwargs: object) -> None:
        _rewrite(pkg)


def _rewrite(obj: griffe.Object) -> None:
    if obj.docstring is not None:
        obj.docstring.value = markdown(obj.docstring.value, obj)
    for member in obj.members.values():
        if not member.is_alias:
            _rewrite(member)


def markdown(text: str, scope: griffe.Object) -> str:
    """``text`` with Markdown where it had reStructuredText."""
    text = re.sub(r'^(\s*)Example:$', r'\1Examples:', text, flags=re.MULTILINE)
    text = _MATH.sub(_block, text)
    text = _INLINE_MATH.sub(lambda match: f'$`{" ".join(match[1].split())}`$', text)
    return _ROLE.sub(lambda match: _link(match[2], bool(match[1]), scope), text)


def _block(match: re.Match[str]) -> str:
    """A fenced block with one empty line before it; the indentation is that of the directive."""
    indent, formula = match[1], ' '.join(match[2].split())
    return f'\n{indent}```math\n{indent}{formula}\n{indent}```\n'


def _link(name: str, short: bool, scope: griffe.Object) -> str:
    """A link to what a role names, seen from where it stands; plain code where the site does not document it."""
    name = ' '.join(name.split())
    shown = name.rpartition('.')[2] if short else name
    try:
        target = scope.resolve(name)
    except griffe.NameResolutionError:
        target = name
    return f'<autoref identifier="{escape(target, quote=True)}" optional><code>{escape(shown)}</code></autoref>'
