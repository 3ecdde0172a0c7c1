"""Nothing secret in a log: card numbers in any spacing, tokens, the settings' secrets."""

import re
from collections.abc import Callable, MutableMapping
from typing import Any

# What stands between the digits of a card, as it is and as `repr` and JSON escape it.
_BETWEEN = (
    r"(?:[\s\-.\u2010-\u2015\u00ad\u200b\u2060\ufeff]"
    r"|\\[nrt]|\\x[0-9a-f]{2}|\\u[0-9a-f]{4})*"
)
# No upper limit: where a card stands beside other digits, all of them go.
_CARD = re.compile(rf"(?<![0-9])[0-9](?:{_BETWEEN}[0-9]){{12,}}")
_BOT_TOKEN = re.compile(r"[0-9]{6,}:[A-Za-z0-9_-]{20,}")
_BEARER = re.compile(r"(?i)(bearer|basic)\s+[A-Za-z0-9._~+/=-]+")
_URL_PASSWORD = re.compile(r"(://[^:/@\s]*):[^@\s]+@")
HIDDEN = "•••"


def redact(text: str, secrets: tuple[str, ...] = ()) -> str:
    """Mask what must not be read in `text`."""
    for secret in filter(None, secrets):
        text = text.replace(secret, HIDDEN)
    text = _CARD.sub(HIDDEN, text)
    text = _BOT_TOKEN.sub(HIDDEN, text)
    text = _BEARER.sub(rf"\1 {HIDDEN}", text)
    return _URL_PASSWORD.sub(rf"\1:{HIDDEN}@", text)


def redact_event(
    secrets: tuple[str, ...],
) -> Callable[[Any, str, MutableMapping[str, Any]], MutableMapping[str, Any]]:
    """Make the last processor before a log line is written."""
    long_enough = tuple(secret for secret in secrets if len(secret) > 5)  # noqa: PLR2004

    def processor(
        _logger: Any,
        _method: str,
        event: MutableMapping[str, Any],
    ) -> MutableMapping[str, Any]:
        return {key: _clean(value, long_enough) for key, value in event.items()}

    return processor


def _clean(value: Any, secrets: tuple[str, ...]) -> Any:
    if isinstance(value, int | float | bool | None):
        return value
    return redact(value if isinstance(value, str) else repr(value), secrets)
