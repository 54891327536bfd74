"""Labels that do not count."""

#: Label of a pixel that belongs to no class.
VOID = 255
#: Label of a sample without one. It differs from :data:`VOID` because 255 is a class of larger label sets.
UNLABELLED = -1
