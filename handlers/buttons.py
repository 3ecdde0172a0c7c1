"""What the button that was pressed names, in its callback data: that can be made up."""

from aiogram.types import CallbackQuery


def after_colon(query: CallbackQuery) -> str:
    return (query.data or "").partition(":")[2]
