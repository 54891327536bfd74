"""The text of a config, which takes MMEngine a second to format, and a run asks for six times."""

from mmengine.config import Config


class TextedConfig(Config):
    """A config that remembers its text for as long as it holds the same."""

    @classmethod
    def of(cls, cfg: Config) -> 'TextedConfig':
        """A config that holds what ``cfg`` does, which it shares with it."""
        made = cls.__new__(cls)
        made.__setstate__(cfg.__getstate__())
        return made

    @property
    def pretty_text(self) -> str:
        """The text as MMEngine formats it."""
        bare = Config(self.to_dict(), format_python_code=False).pretty_text  # which costs next to nothing
        if self.__dict__.get('_bare') != bare:
            self.__dict__.update(_bare=bare, _formatted=super().pretty_text)
        return self.__dict__['_formatted']
