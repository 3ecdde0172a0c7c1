"""What has really happened to shops like this one: each failure story has its test."""

import ast
import re
from pathlib import Path

STORIES = {
    # Unknown outcome and double charge
    "A1": "charged, the reply lost, pay pressed again",
    "A2": "a time-out, and a new attempt hours later",
    "A3": "an exception after another road had settled it",
    "A4": "failed is written, and then it is confirmed",
    "A5": "the gateway is away for longer than the ladder",
    "A7": "completed before the money has moved",
    "A8": "500 or an HTML 502 from the capture",
    "A9": "five identical codes at once",
    "A11": "two starts at once, and the orphan",
    "A12": "an old payment is paid after a newer one",
    "A13": "a reversal times out and is repeated",
    "A14": "a second payment for what is paid",
    "A15": "a confirmation for a cancelled order",
    "A18": "uncertain for longer than the gateway remembers",
    # Lost payment, lost delivery
    "B1": "kill -9 between the capture's answer and the last message",
    "B2": "stored, and a crash before it was told",
    "B4": "the database refuses what is about to be told",
    "B5": "paid half an hour after the order expired",
    "B6": "a notice whose text is missing",
    "B7": "the callback's handler raises",
    "B8": "no callback ever arrives",
    "B11": "the callback and the capture wait for each other",
    "B12": "a callback from an unlisted address",
    "B14": "a clean-up meets an unknown payment",
    "B15": "a callback for an unknown transaction",
    "B17": "an update is acknowledged, and the process dies",
    "B20": "an unknown id answered with an error for ever",
    # Amounts and authenticity
    "C1": "49 999.50 and back",
    "C2": "the price is edited between offer and capture",
    "C3": "the callback's amount is another one",
    "C4": "a forged paid",
    "C5": "numbers, letter case, missing and doubled fields in a callback",
    "C6": "callback data with another price",
    "C7": "settings that look filled in and are not",
    # Card data
    "D1": "an error that echoes the request, at DEBUG",
    "D4": "a callback with a card in it",
    "D5": "a message that cannot be deleted",
    "D7": "a network error that quotes the token",
    # Telegram delivery
    "E2": "429 during forty sales",
    "E3": "a message was sent and its reply lost",
    "E4": "the first of three notices fails",
    "E5": "the student blocked the bot right after paying",
    "E10": "two processes with one token",
    "E11": "an invalid card number",
}


def test_every_failure_story_is_replayed_by_a_test_that_names_it():
    told: set[str] = set()
    for file in Path(__file__).parent.glob("test_*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                named = re.match(r"Failure stor(?:y|ies) ([^:.]*)", ast.get_docstring(node) or "")
                told.update(re.findall(r"[A-E][0-9]+", named[1]) if named else ())

    assert told == STORIES.keys()
