"""Sentences in the languages of `locales/`, with money and time as people here write them."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from functools import lru_cache, partial
from html import escape
from pathlib import Path
from typing import Any

from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup
from babel.numbers import format_decimal
from fluent.runtime import FluentBundle, FluentResource

from bot.notices import Arg, Words
from bot.offers import LANGUAGES, TASHKENT

LOCALES = Path(__file__).parent.parent / "locales"


class TextsError(Exception):
    """A text is missing, or was not given what it speaks of."""


def as_html(text: str) -> str:
    """Escape a text for Telegram, also within the double quotes of a link."""
    return escape(text, quote=False).replace('"', "&quot;")


@lru_cache(1000)
def money(language: str, tiyin: int) -> str:
    """Give 73900000 as `739 000` with no-break spaces, and tiyin only where there are any."""
    whole = tiyin % 100 == 0
    pattern = "#,##0" if whole else "#,##0.00"
    return format_decimal(Decimal(int(tiyin)).scaleb(-2), pattern, locale=language)


def when(moment: str) -> str:
    """Give a moment in ISO 8601 as `24.11.2026 15:04` in Tashkent."""
    return f"{datetime.fromisoformat(moment).astimezone(TASHKENT):%d.%m.%Y %H:%M}"


class Texts:
    """Every text in every language. A text that cannot be said raises; none is said half."""

    def __init__(self) -> None:
        self._bundles = {
            language: _bundle(language, LOCALES / f"{language}.ftl") for language in LANGUAGES
        }

    def html(self, language: str, words: Words) -> str:
        """Render for `parse_mode=HTML`; what was given from outside is escaped, in links too."""
        escaped = {
            name: as_html(arg) if isinstance(arg, str) else arg for name, arg in words.args.items()
        }
        said = "\n\n".join(
            self._say(language, text, escaped) for text in (words.text, words.then) if text
        )
        return "\n".join([said, *(self.html(language, row) for row in words.rows)])

    def label(self, language: str, text: str, args: Mapping[str, Arg] | None = None) -> str:
        """Render for a button, which knows no HTML; `=name` is the argument of that name."""
        args = args or {}
        return str(args[text[1:]]) if text.startswith("=") else self._say(language, text, args)

    def keyboard(self, language: str, words: Words) -> InlineKeyboardMarkup | None:
        """Build the buttons under `words`, one a row."""
        rows = [
            [_button(self.label(language, label, words.args), data)]
            for label, data in words.buttons
        ]
        return InlineKeyboardMarkup(inline_keyboard=rows) if rows else None

    def _say(self, language: str, text: str, args: Mapping[str, Arg]) -> str:
        bundle = self._bundles[language]
        if not bundle.has_message(text):
            raise TextsError(f"{language}: no text {text!r}")
        pattern = bundle.get_message(text).value
        if pattern is None:
            raise TextsError(f"{language}: {text!r} has no words")
        said, errors = bundle.format_pattern(pattern, dict(args))
        if errors:
            raise TextsError(f"{language}: {text!r}: {errors[0]}")
        return str(said)


def _bundle(language: str, path: Path) -> FluentBundle:
    functions: dict[str, Any] = {"MONEY": partial(money, language), "WHEN": when}
    bundle = FluentBundle([language], functions=functions, use_isolating=False)
    bundle.add_resource(FluentResource(path.read_text("utf-8")))
    return bundle


def _button(label: str, data: str) -> InlineKeyboardButton:
    if data.startswith(("https://", "http://", "tg://")):
        return InlineKeyboardButton(text=label, url=data)
    return InlineKeyboardButton(text=label, callback_data=data)
