"""The words from which believable products, people and places are put together."""

from __future__ import annotations

CATEGORIES: dict[str, dict[str, tuple[str, ...]]] = {
    "Kitchen": {
        "Pots & Pans": ("Cast iron", "Stainless steel"),
        "Knives": (),
        "Tableware": ("Cups", "Plates", "Cutlery"),
        "Baking": (),
    },
    "Garden": {"Watering": ("Hoses", "Cans"), "Tools for beds": (), "Furniture": ("Benches", "Parasols")},
    "Office": {"Paper": (), "Writing": ("Pens", "Pencils"), "Desks": ()},
    "Workshop": {"Hand tools": ("Hammers", "Screwdrivers"), "Power tools": (), "Fixings": ("Screws", "Dowels")},
    "Lighting": {"Lamps": ("Table lamps", "Floor lamps"), "Bulbs": ()},
    "Textiles": {"Bed linen": (), "Towels": (), "Curtains": ()},
    "Toys": {"Wooden toys": ("Trains",), "Board games": (), "Puzzles": ()},
    "Sport": {"Cycling": ("Lights", "Locks"), "Camping": (), "Running": ()},
}
"""Three levels of the store's category tree."""

MATERIALS = (
    "Oak",
    "Beech",
    "Steel",
    "Copper",
    "Linen",
    "Cotton",
    "Glass",
    "Cork",
    "Bamboo",
    "Enamel",
    "Brass",
    "Walnut",
)

QUALITIES = ("Classic", "Light", "Sturdy", "Folding", "Compact", "Large", "Everyday", "Fine", "Rustic", "Slim", "Round")

THINGS = (
    "bowl", "bench", "lamp", "pan", "tray", "jug", "box", "hook", "shelf", "stool", "rack", "basket", "board", "mug",
    "clock", "frame", "hammer", "saw", "blanket", "towel", "kettle", "vase", "ladder", "pen", "bell", "brush",
)  # fmt: skip

COLOURS = ("red", "blue", "green", "white", "black", "grey", "natural", "yellow")

SPECIAL_TITLES = (
    'Frying pan 12"',
    "O'Hara's tea caddy",
    "Robert'); DROP TABLE item;--",
    "Caf\u00e9 table",
    "Cafe\u0301 chair",
    "Tr\u00e4umerei \u2013 caf\u00e9 lamp \U0001f56f\ufe0f",
    "\u0643\u0631\u0633\u064a \u062e\u0634\u0628\u064a",
    "\u05e9\u05d5\u05dc\u05d7\u05df / desk",
    "\u6728\u306e\u7bb1",
    "Trailing blank ",
    " Leading blank",
    "Double  blank",
    "Tab\there",
    "100 % wool \\ 50 % off",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 family game",
    "Stra\u00dfe \u1e9e",
)
"""Titles that careless programs damage; composed and decomposed letters, other scripts, blanks, quotes."""

FIRST_NAMES = (
    "Anna", "Ben", "Clara", "David", "Elif", "Finn", "Greta", "Hugo", "Ida", "Jonas", "Katja", "Lars", "Mia", "Noah",
    "Olga", "Paul", "Quentin", "Rosa", "Sofia", "Tim", "Ute", "Viktor", "Wanda", "Xaver", "Yara", "Zoe", "Chlo\u00e9",
    "J\u00fcrgen",
)  # fmt: skip

LAST_NAMES = (
    "Adler", "Bauer", "Cohen", "Dietrich", "Engel", "Fischer", "Gruber", "Huber", "Iversen", "Jansen", "Keller", "Lang",
    "Meyer", "Novak", "Olsen", "Peters", "Richter", "Schmidt", "Tanaka", "Ulrich", "Vogel", "Weber", "Yilmaz",
    "Ziegler",
)  # fmt: skip

SPECIAL_NAMES = (
    ("Mary Jo", "Poe"),
    ("Ludwig", "van Beethoven"),
    ("Jose\u0301", "Nun\u0303ez"),
    ("Jos\u00e9", "Nu\u00f1ez"),
    ("Siobhan", "O'Brien"),
    ("\u0645\u0631\u064a\u0645", "\u0627\u0644\u062d\u062f\u0627\u062f"),
    ("Anne-Marie", "L\u00fctzow-Schr\u00f6der"),
    ("\u5f20", "\u4f1f"),
    ("Jean Luc", "de la Tour"),
)

COUNTRIES = {"DE": "DEU", "AT": "AUT", "CH": "CHE", "FR": "FRA", "NL": "NLD", "PL": "POL", "NO": "NOR"}
"""The store's country codes, and the inventory's."""

LANGUAGES = ("de", "en", "fr", "nl", "pl")

MAIL_HOSTS = ("example.com", "example.org", "example.net", "mail.example.com", "post.example.org")

BAD_MAILS = (
    "anna.example.com",
    "two@@example.com",
    "nobody@",
    "@example.org",
    "with blank@example.com",
    "dot.@example.net",
)
