"""Telegram in, Telegram out: parse, call one use case, answer."""

from aiogram import Router

from handlers import checkout, errors, guard, menu, staff


def router() -> Router:
    """Build the tree anew for each dispatcher: aiogram attaches a router once."""
    root = Router()
    root.include_routers(guard.router(), staff.router(), menu.router(), checkout.router())
    errors.register(root)
    return root
