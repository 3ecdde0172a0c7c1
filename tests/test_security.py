"""SECURITY.md says what stops whom, and names the tests that show it: they are there."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
NAMED = re.compile(r"`(test_\w+\.py)(?:::(test_\w+))?`")


def found_in(file: Path) -> set[str]:
    tree = ast.parse(file.read_text("utf-8"))
    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    return {node.name for node in tree.body if isinstance(node, kinds)}


def rows():
    """Give the lines of the table of threats."""
    table = (ROOT / "SECURITY.md").read_text("utf-8").partition("| who |")[2].partition("\n\n")[0]
    return [line for line in table.splitlines()[2:] if line.startswith("|")]


def test_every_threat_names_a_test_and_every_test_named_is_there():
    missing = []
    for row in rows():
        named = NAMED.findall(row)
        assert named, row
        for file, test in named:
            path = ROOT / "tests" / file
            if not path.exists() or (test and test not in found_in(path)):
                missing.append(f"{file}::{test}")

    assert len(rows()) > 12
    assert missing == []


def test_every_secret_setting_is_said_how_to_change():
    text = (ROOT / "SECURITY.md").read_text("utf-8").partition("## When a key has leaked")[2]
    settings = (ROOT / "bot" / "settings.py").read_text("utf-8")
    secrets = re.findall(r"^    (\w+): (?:Annotated\[SecretStr|Secret\b)", settings, re.MULTILINE)

    assert len(secrets) > 5
    assert [name for name in secrets if f"{name.upper()}" not in text] == []
