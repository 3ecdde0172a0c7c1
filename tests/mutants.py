"""Does the suite have teeth? Each defect below is put into a copy, and its tests must fail there.

`make mutants` runs it, and `python -m tests.mutants "two presses"` those whose names hold these
words. The tests are first run without a defect: only what passes can catch one.
"""

import asyncio
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
COPIED = ("atmos", "bot", "handlers", "locales", "migrations", "sandbox", "tests")
AT_ONCE = 2
LONGEST = 400.0  # seconds
SIMULATION = "tests/test_simulation.py::test_nobody_pays_twice_and_everybody_hears_the_truth"


@dataclass(frozen=True, slots=True)
class Mutant:
    """A defect: `old` becomes `new` in `file`, and one of `tests` must notice."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


def unknown(*names: str) -> tuple[str, ...]:
    return tuple(f"tests/test_unknown.py::{name}" for name in names)


MUTANTS = [
    Mutant(
        "a capture is asked again when its answer is lost",
        "bot/checkout.py",
        """        except OutcomeUnknown as error:
            await self._outcomes.unclear(intent, error)
        else:""",
        """        except OutcomeUnknown:
            await self.capture(intent, code)
        else:""",
        (
            "tests/test_unknown.py::test_charged_and_the_answer_lost_ends_in_paid_once",
            "tests/test_unknown.py::test_not_charged_is_said_only_when_atmos_can_no_longer_act",
        ),
    ),
    Mutant(
        "whoever loses the compare-and-set captures too",
        "bot/checkout.py",
        "        if after is None or not moved:\n",
        "        if after is None:\n",
        ("tests/test_purchase.py::test_of_two_processes_with_one_code_one_captures",),
    ),
    Mutant(
        "the last look before the capture is left out",
        "bot/checkout.py",
        "            bought = await self._bought(tx, intent.buyer.id, intent.offer)\n",
        "            bought = None\n",
        unknown("test_a_last_look_before_the_capture_finds_it_bought_by_another_payment"),
    ),
    Mutant(
        "pay pressed while a capture is unknown opens a second payment",
        "bot/checkout.py",
        """            if intent.status is Status.capturing:
                raise StillChecking(intent)
            if intent.amount""",
        """            if intent.status is Status.capturing:
                await db.change(tx, intent, status=Status.failed)
                return await self._add(tx, buyer, offer)
            if intent.amount""",
        unknown("test_charged_and_the_answer_lost_ends_in_paid_once"),
    ),
    Mutant(
        "what is told of a charge is stored in a transaction of its own",
        "bot/outcome.py",
        """            said = [*self._paid(paid), *self._strange(intent, other)]
            await db.promise(tx, said, self._database.now())
""",
        """            said = [*self._paid(paid), *self._strange(intent, other)]
        await self._database.promise(said)
""",
        unknown("test_a_charge_that_cannot_be_told_is_not_stored_either"),
    ),
    Mutant(
        "a late charge of an abandoned payment is dropped",
        "bot/outcome.py",
        "SOLD | {Status.reversed}:\n                return False\n            facts",
        "SOLD | ABANDONED:\n                return False\n            facts",
        unknown("test_a_late_charge_of_a_failed_payment_is_honoured_and_told"),
    ),
    Mutant(
        "an unclear answer is taken for a no",
        "bot/checkout.py",
        "            await self._outcomes.unclear(intent, error)\n",
        "            await self._outcomes._not_charged(intent)\n",
        unknown("test_charged_and_the_answer_lost_ends_in_paid_once"),
    ),
    Mutant(
        "092 of get is read as a failure",
        "atmos/client.py",
        "        if transaction is None and answer.ok:\n",
        "        if code == 92:\n"
        "            raise _refusal(answer)\n"
        "        if transaction is None and answer.ok:\n",
        unknown("test_charged_and_the_answer_lost_ends_in_paid_once"),
    ),
    Mutant(
        "`confirmed` alone is trusted",
        "atmos/transaction.py",
        "        paid = self.confirmed and self.status_code == SUCCESS and "
        "(self.success_trans_id or 0) > 0\n",
        "        paid = self.confirmed\n",
        ("tests/test_atmos.py", "tests/test_unknown.py"),
    ),
    Mutant(
        "the callback says yes on an exception",
        "bot/web.py",
        "        refusal: str | None = NOT_NOW\n",
        "        refusal: str | None = None\n",
        ("tests/test_approval.py",),
    ),
    Mutant(
        "not charged is believed while ATMOS may still act",
        "bot/evidence.py",
        "    if meaning in _DID_NOT_HAPPEN and may_act(intent, asked_at):\n",
        "    if False:\n",
        ("tests/test_reconcile.py::test_evidence_is_as_old_as_the_question",),
    ),
    Mutant(
        "an outage of get proves that nothing was charged",
        "bot/reconcile.py",
        "            await self._later(intent, error)\n            return\n",
        "            await self._outcomes._not_charged(intent)\n            return\n",
        unknown("test_an_outage_of_get_proves_nothing"),
    ),
    Mutant(
        "at its top the ladder gives up and says not charged",
        "bot/reconcile.py",
        "            said += self._outcomes.left_unknown(intent)\n",
        "            await self._outcomes._not_charged(intent)\n",
        ("tests/test_reconcile.py::test_the_top_of_the_ladder_leaves_it_unknown_and_to_a_person",),
    ),
    Mutant(
        "a result is an edit, far above what the student has read since",
        "bot/outcome.py",
        "            await db.change(tx, stands, note_id=None)\n",
        "",
        unknown("test_whoever_asks_before_the_answer_comes_reads_it_below"),
    ),
    Mutant(
        "a notice is ticked off before it is sent",
        "bot/outbox.py",
        "                rows = await self._paced(row_id, notice)\n",
        "                async with self._database.write() as tx:\n"
        "                    await db.change_notices(tx, rows, sent_at=now)\n"
        "                rows = await self._paced(row_id, notice)\n",
        ("tests/test_commands.py::test_kill_9_between_stored_and_told_ends_in_told_once",),
    ),
    Mutant(
        "a notice that meets 429 or a reset is given up",
        "bot/outbox.py",
        "    if isinstance(error, _AGAIN):\n",
        "    if False:\n",
        ("tests/test_outbox.py",),
    ),
    Mutant(
        "one slow chat holds up the outbox",
        "bot/outbox.py",
        "                    deliveries.create_task(self._try_to_deliver(*row))\n",
        "                    await self._try_to_deliver(*row)\n",
        (
            "tests/test_outbox.py::test_a_message_that_takes_long_keeps_no_other_chat_from_its_result",
        ),
    ),
    Mutant(
        "the outbox forgets what is under way",
        "bot/outbox.py",
        "                    self._under_way.add(_lane(row[-1]))\n",
        "",
        (
            "tests/test_outbox.py::test_a_notice_is_begun_once_and_the_next_of_its_chat_only_after_it",
            "tests/test_outbox.py::test_a_stop_tells_what_waits_behind_what_is_under_way",
        ),
    ),
    Mutant(
        "the notices of a chat overtake each other",
        "bot/db.py",
        "_FIRST = sa.select(sa.func.min(outbox.c.id))",
        "_FIRST = sa.select(sa.func.max(outbox.c.id))",
        ("tests/test_outbox.py",),
    ),
    Mutant(
        "a reversal is asked again when its answer is lost",
        "bot/staff.py",
        '            log.warning("reversal_unclear", intent=intent.id, error=str(error))\n',
        "            await self._atmos.reverse(success_trans_id)\n",
        ("tests/test_staff.py::test_a_reversal_whose_answer_was_lost_is_one_reversal",),
    ),
    Mutant(
        "what is over a limit is asked all the same",
        "bot/limits.py",
        "        if filling is not None:\n",
        "        if False:\n",
        (
            "tests/test_limits.py::test_an_eleventh_request_for_a_code_within_a_day_is_refused",
            "tests/test_limits.py::test_wrong_codes_count_over_all_payments",
        ),
    ),
    Mutant(
        "what never arrived counts",
        "bot/checkout.py",
        """            if isinstance(error, NeverArrived):
                await self._attempts.take_back(request.row_id)
""",
        "",
        ("tests/test_limits.py::test_what_never_reached_atmos_does_not_count",),
    ),
    Mutant(
        "an update that Telegram repeats is handled again",
        "bot/intake.py",
        "                if taken.id in new and update is not None:\n",
        "                if update is not None:\n",
        (
            "tests/test_intake.py",
            "tests/test_webhook.py",
        ),
    ),
    Mutant(
        "an update is confirmed to Telegram before it is stored",
        "bot/intake.py",
        "        return min([self._newest + 1, *self._storing])\n",
        "        return self._newest + 1\n",
        ("tests/test_intake.py",),
    ),
    Mutant(
        "an update that could not be stored is confirmed to Telegram",
        "bot/intake.py",
        "                self._newest = min(taken.id for taken in batch) - 1\n",
        "",
        ("tests/test_intake.py",),
    ),
    Mutant(
        "a deletion waits for the database",
        "bot/intake.py",
        "            deleted = await self._outbox.erased(chat_id, message_id)\n",
        "            await asyncio.wait([taken.stored])\n"
        "            deleted = await self._outbox.erased(chat_id, message_id)\n",
        ("tests/test_intake.py",),
    ),
    Mutant(
        "a card is held while ATMOS is asked",
        "bot/checkout.py",
        "        await self._vault.wipe(intent.id)\n        async with self._within_limits",
        "        async with self._within_limits",
        ("tests/test_vault.py",),
    ),
    Mutant(
        "a yes to a reversal is forgotten",
        "bot/evidence.py",
        "    if meaning is Verdict.not_reversed and intent.reverse_accepted:\n",
        "    if False:\n",
        ("tests/test_staff.py",),
    ),
    Mutant(
        "a person says given back what ATMOS shows paid",
        "bot/staff.py",
        "        if (shown, state) == (State.paid, State.reversed):\n",
        "        if False:\n",
        ("tests/test_staff.py",),
    ),
    Mutant(
        "two presses are two reversals",
        "bot/staff.py",
        "            return\n        reversing = await self.find(intent.id)\n",
        "            pass\n        reversing = await self.find(intent.id)\n",
        ("tests/test_staff.py", SIMULATION),
    ),
]


async def caught_by(mutant: Mutant | None, tests: Sequence[str]) -> str | None:
    """Give the first test that fails in a copy with the defect, None where all pass."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        home = Path(folder)
        for name in COPIED:
            shutil.copytree(ROOT / name, home / name, ignore=shutil.ignore_patterns("__pycache__"))
        for file in ("pyproject.toml", "offers.toml", ".env.example", "README.md"):
            shutil.copy(ROOT / file, home)
        if mutant is not None:
            put_in(mutant, home / mutant.file)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "pytest",
            "-x",
            "-q",
            *tests,
            cwd=home,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            said, _ = await asyncio.wait_for(process.communicate(), LONGEST)
        except TimeoutError:
            process.kill()
            await process.wait()
            return None
    return failure(said.decode()) if process.returncode else None


def put_in(mutant: Mutant, file: Path) -> None:
    text = file.read_text("utf-8")
    if text.count(mutant.old) != 1:
        raise SystemExit(f"“{mutant.name}” does not fit {mutant.file} any more")
    file.write_text(text.replace(mutant.old, mutant.new), "utf-8")


def failure(said: str) -> str:
    """Give the name of the test that failed; a run that could not begin caught nothing."""
    lines = [line for line in said.splitlines() if line.startswith("FAILED ")]
    if not lines:
        raise SystemExit(said)
    return lines[0].removeprefix("FAILED ").partition(" - ")[0]


async def main(wanted: str) -> int:
    """Print what caught each defect that is wanted; 1 if one was not caught."""
    mutants = [mutant for mutant in MUTANTS if wanted in mutant.name]
    if not mutants:
        raise SystemExit(f"no defect is called “{wanted}”")
    control = sorted({test for mutant in mutants for test in mutant.tests})
    if (broken := await caught_by(None, control)) is not None:
        print(f"without any defect: {broken} fails")
        return 1
    turns = asyncio.Semaphore(AT_ONCE)

    async def tried(mutant: Mutant) -> bool:
        async with turns:
            caught = await caught_by(mutant, mutant.tests)
        print(
            f"{'ok  ' if caught else 'FAIL'} {mutant.name}: {caught or 'not caught'}", flush=True
        )
        return caught is not None

    results = await asyncio.gather(*map(tried, mutants))
    print(f"{sum(results)} of {len(results)} defects are caught")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main(" ".join(sys.argv[1:]))))
