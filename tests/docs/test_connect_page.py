"""Every system that the page about connecting declares is one that Dovetail opens."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dovetail.project.load import load
from dovetail.systems import registry

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "connect-systems.md"
BLOCKS = re.findall(r"^```yaml\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
VARIABLES = {
    "SHOP_URL": "mariadb://reader:secret@db.example/shop",
    "ERP_URL": "sqlite:///erp.db",
    "S3_ENDPOINT": "http://s3.example",
    "S3_KEY": "key",
    "DOVETAIL_SECRET_S3_SECRET": "secret",
}


@pytest.mark.parametrize("text", BLOCKS, ids=lambda text: text.split(":")[1].strip())
def test_what_the_page_declares_loads(text: str, tmp_path: Path) -> None:
    (tmp_path / "mappings").mkdir()
    (tmp_path / "dovetail.yaml").write_text(f"dovetail: 1\nproject: page\n{text}", encoding="utf-8")
    project = load(tmp_path, variables=VARIABLES, settings_of=registry.settings_class)
    assert len(project.systems) == 2


def test_the_table_names_every_connector() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert [name for name in registry.names() if f"`{name}`" not in page and name != "memory"] == []
