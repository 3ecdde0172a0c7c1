"""What the image installs is what `make` installs, and the checks' tools besides."""

from pathlib import Path

ROOT = Path(__file__).parent.parent


def pins(name):
    """Give each requirement with its hashes, as the lock file has it."""
    lines = (ROOT / name).read_text("utf-8").splitlines()
    code = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
    return {pin.strip() for pin in code.replace(" \\\n", " ").splitlines() if pin.strip()}


def test_the_image_installs_the_pins_of_make():
    runtime = pins("requirements.txt")

    assert len(runtime) > 40
    assert runtime <= pins("requirements-dev.txt")
    assert all("--hash=sha256:" in pin for pin in runtime)


def test_no_lock_file_names_an_index():
    assert "://" not in "".join(sorted(pins("requirements.txt") | pins("requirements-dev.txt")))
