"""What fills a batch of texts up to the longest."""

#: Stands behind a text's last token id. It is no id itself: which id a model pads with, only its network has to know.
PADDING = -1
