"""Unicode's normal forms: one spelling for texts that look alike."""

from __future__ import annotations

import unicodedata

from dovetail.expression.function import Text, function


@function()
def nfc(text: Text) -> Text:
    r"""The text with letters and accents composed: what looks the same is the same.

    >>> nfc("u\u0308") == "ü"
    True
    """
    return unicodedata.normalize("NFC", text)


@function()
def nfkc(text: Text) -> Text:
    """As `nfc`, and ligatures, full-width and other compatible signs made the ordinary ones.

    >>> nfkc("ﬁne №1")
    'fine No1'
    """
    return unicodedata.normalize("NFKC", text)
