"""Makes two small shops in SQLite files, with the project that joins them and its scenarios."""

from __future__ import annotations

import shutil
import sqlite3
import sys
from pathlib import Path

HERE = Path(__file__).parent
TABLES = {
    "shop.db": "CREATE TABLE customer (id INTEGER PRIMARY KEY AUTOINCREMENT, tag TEXT, name TEXT, phone TEXT, cents INTEGER)",
    "branch.db": """CREATE TABLE client (no INTEGER PRIMARY KEY AUTOINCREMENT, label TEXT, full_name TEXT, tel TEXT,
        balance DECIMAL_TEXT(20,2))""",
}

folder = Path(sys.argv[1])
shutil.copytree(HERE, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("make.py", "README.md"))
for name, statement in TABLES.items():
    connection = sqlite3.connect(folder / name)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(statement)
    connection.close()
print(f"two shops in {folder}")
