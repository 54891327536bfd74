"""Short ways to break a place: each returns what a row of a table needs, a function of the place to a command."""

import torch


def command(*words):
    """Nothing is broken but the command; names of a place's attributes stand for them (``'{pair}'``)."""
    return lambda place: [_filled(word, place) for word in words]


def config(text, words=('train', '{pair}'), which='pair'):
    """Lines are added to a config."""

    def breaks(place):
        path = getattr(place, which)
        path.write_text(f'{path.read_text()}\n{text}\n')
        return command(*words)(place)

    return breaks


def written(name, content, *words):
    """A file has this content: bytes, text, or what a function of the old bytes returns."""

    def breaks(place):
        path = place.root / name
        data = content(path.read_bytes()) if callable(content) else content
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return command(*words)(place)

    return breaks


def done(change, *words):
    """What ``change`` does with the place."""

    def breaks(place):
        change(place)
        return command(*words)(place)

    return breaks


def checkpoint(edit, *words, which='teacher'):
    """What ``edit`` leaves of a checkpoint, saved in its place."""

    def breaks(place):
        path = getattr(place, which)
        content = torch.load(path, weights_only=False)
        torch.save(edit(content) or content, path)
        return command(*words)(place)

    return breaks


def _filled(word, place):
    name = word[1:-1] if word.startswith('{') else ''
    return getattr(place, name) if name else word
