"""One method for each operation of ATMOS's merchant API, over one HTTP client, without policy."""

import asyncio
import time
from http import HTTPStatus
from types import TracebackType
from typing import Self, TypeVar

import aiohttp
import httpx
import httpx_aiohttp
import stamina
from pydantic import BaseModel, ValidationError

from atmos import codes
from atmos.auth import BearerAuth, Token
from atmos.codes import Reason
from atmos.errors import (
    AtmosError,
    CannotResend,
    Declined,
    NeverArrived,
    OutcomeUnknown,
    WrongCredentials,
)
from atmos.fault import Fault
from atmos.transaction import Answer, Body, Operation, State, Transaction

CONNECT_TIMEOUT = 10.0
TIMEOUT = 30.0
CONFIRM_TIMEOUT = 120.0  # the gateway's support asks to allow this much
CONFIRM_PATH = "/merchant/pay/confirm"
APPLY_PATH = "/merchant/pay/apply"  # the newer name of the same operation

_UNSENT = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.ClientHttpProxyError,  # the proxy refused to open the tunnel
)

_Model = TypeVar("_Model", bound=BaseModel)


class NoSuchPath(NeverArrived):
    """The gateway in front of ATMOS has no such resource, perhaps for a moment only."""


def _worth_asking_again(error: Exception) -> bool:
    """Only where asking twice is harmless: for a token and for `get`."""
    lost = isinstance(error, NeverArrived | OutcomeUnknown)
    return lost and not isinstance(error, WrongCredentials | NoSuchPath)


class AtmosClient:
    """A store's way to ATMOS.

    Amounts are whole tiyin (1 soʻm = 100). Every method raises an `AtmosError`; which one says
    what may be done next. Nothing but `get` and the token is ever sent twice.
    """

    def __init__(
        self,
        *,
        base_url: str,
        consumer_key: str,
        consumer_secret: str,
        store_id: int,
        confirm_path: str = CONFIRM_PATH,
        confirm_timeout: float = CONFIRM_TIMEOUT,
        proxy: str | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.store_id = store_id
        self.confirm_timeout = confirm_timeout
        other = CONFIRM_PATH if confirm_path == APPLY_PATH else APPLY_PATH
        self._confirm_paths = (confirm_path, other)  # the one that is known to answer is first
        self._credentials = httpx.BasicAuth(consumer_key, consumer_secret)
        self._auth = BearerAuth(self._fetch_token)
        self._http = httpx.AsyncClient(
            base_url=base_url,
            transport=transport or _transport(proxy),
            timeout=httpx.Timeout(TIMEOUT, connect=CONNECT_TIMEOUT),
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.aclose()

    async def log_in(self) -> None:
        """Fetch a token, which proves host, key and secret."""
        await self._auth.token()

    async def create(self, *, account: str, amount: int, lang: str = "uz") -> int:
        """Open a transaction for `amount` tiyin and give its id. No money moves.

        `account` should be digits: the docs say "numeric value". There is no idempotency key;
        each call opens another transaction.
        """
        answer = await self._ask(
            "create",
            {"amount": amount, "account": account, "store_id": self.store_id, "lang": lang},
        )
        transaction_id = answer.transaction_id
        if transaction_id is None:
            raise OutcomeUnknown("create answered OK without a transaction id")
        return transaction_id

    async def pre_apply(self, transaction_id: int, *, card_number: str, expiry: str) -> None:
        """Name the card and have its holder sent an SMS code. No money moves or is reserved.

        `expiry` is YYMM. May be repeated on one transaction, with another card too; that a code
        is already out (201) is a success.
        """
        body = {"card_number": card_number, "expiry": expiry}
        try:
            await self._ask("pre-apply", self._about(transaction_id) | body)
        except Declined as declined:
            if declined.reason is Reason.code_already_sent:
                return
            if declined.reason is Reason.wrong_parameters:
                raise Declined(Reason.card_invalid, declined.code) from declined
            raise

    async def retry_otp(self, transaction_id: int) -> None:
        """Have the SMS code sent again. `CannotResend` where ATMOS has no such call."""
        try:
            await self._ask("retry-otp", self._about(transaction_id))
        except NoSuchPath as missing:
            raise CannotResend(str(missing)) from missing
        except Declined as declined:
            if declined.reason is not Reason.code_already_sent:
                raise

    async def confirm(self, transaction_id: int, *, otp: str) -> Transaction:
        """Charge the card: authorisation and capture in one call, which may take two minutes.

        Returns only a transaction that is paid. `Declined` is raised only for codes known not to
        charge; everything else that is not a clear yes is `OutcomeUnknown`. `otp` stays a string,
        since an int would lose leading zeros.
        """
        body = self._about(transaction_id) | {"otp": otp}
        await self._auth.token()  # what it takes is not taken from the deadline of the charge
        (path, other), asked = self._confirm_paths, time.monotonic()
        try:
            answer = await self._post(path, body, self.confirm_timeout)
        except NoSuchPath:  # nothing was charged
            left = self.confirm_timeout - (time.monotonic() - asked)  # one deadline for both
            answer = await self._post(other, body, left)
            self._confirm_paths = (other, path)
        return _charged(answer)

    @stamina.retry(on=_worth_asking_again, attempts=3, timeout=TIMEOUT)
    async def get(self, transaction_id: int) -> Transaction:
        """Ask what became of a transaction, by the id `create` gave.

        A finished one is answered with code 092 *and* its data, so the code is not looked at
        before the data. Without data: `Declined(not_found)` for an unknown id.
        """
        answer = await self._post("/merchant/pay/get", self._about(transaction_id), TIMEOUT)
        code = codes.number(answer.result.code)
        transaction = answer.transaction(closed=codes.REASONS.get(code or 0) is Reason.closed)
        if transaction is None and answer.ok:
            raise OutcomeUnknown("get answered OK without a transaction")
        if transaction is None:
            raise _refusal(answer)
        return transaction

    async def reverse(self, success_trans_id: int, *, reason: str = "") -> None:
        """Ask for the whole amount back, by the id a paid transaction carries.

        Never `Declined`: no code is known to prove that nothing was given back, so that a no is
        `OutcomeUnknown` too. Whether a second call is harmless is unknown: `get` before and after.
        """
        body: Body = {"transaction_id": success_trans_id, "reason": reason}
        try:
            await self._ask("reverse", body)
        except Declined as no:
            raise OutcomeUnknown(str(no), no.reason, no.code) from no

    def _about(self, transaction_id: int) -> Body:
        return {"transaction_id": transaction_id, "store_id": self.store_id}

    async def _ask(self, operation: Operation, body: Body) -> Answer:
        answer = await self._post(f"/merchant/pay/{operation}", body, TIMEOUT)
        if not answer.ok:
            raise _refusal(answer)
        return answer

    async def _post(self, path: str, body: Body, deadline: float) -> Answer:
        response = await self._send(path, deadline, json=body, auth=self._auth)
        if response.status_code != HTTPStatus.OK:
            raise _not_answered(response)
        return _parse(Answer, response)

    @stamina.retry(on=_worth_asking_again, attempts=3, timeout=TIMEOUT)
    async def _fetch_token(self) -> Token:
        """Get a token; however that fails, the call it was wanted for was never sent."""
        try:
            return await self._ask_for_token()
        except OutcomeUnknown as lost:
            raise NeverArrived(f"no token: {lost}") from lost

    async def _ask_for_token(self) -> Token:
        """Put the grant in the query too: newer docs have it there, all have it in the body."""
        grant = {"grant_type": "client_credentials"}
        response = await self._send(
            "/token", TIMEOUT, params=grant, data=grant, auth=self._credentials
        )
        if response.status_code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.BAD_REQUEST):
            raise WrongCredentials("ATMOS refused the consumer key and secret")
        if response.status_code != HTTPStatus.OK:
            raise NeverArrived(f"no token: HTTP {response.status_code}")
        return _parse(Token, response)

    async def _send(self, path: str, deadline: float, **request: object) -> httpx.Response:
        try:
            async with asyncio.timeout(deadline):
                return await self._http.post(
                    path,
                    timeout=httpx.Timeout(deadline, connect=CONNECT_TIMEOUT),
                    **request,  # type: ignore[arg-type]
                )
        except (httpx.HTTPError, aiohttp.ClientError, OSError) as error:
            lost = _lost(error)
            # The text of a lost answer's error may quote bytes of it, and of what it echoes.
            raise lost from (error if isinstance(lost, NeverArrived) else None)


def _transport(proxy: str | None) -> httpx.AsyncBaseTransport:
    """Put aiohttp under httpx: with a hundred captures waiting it costs a quarter of the CPU."""
    return httpx_aiohttp.AiohttpTransport(
        trust_env=False,
        limits=httpx.Limits(max_connections=1000, max_keepalive_connections=100),
        proxy=httpx.Proxy(proxy) if proxy else None,
    )


def _lost(error: Exception) -> AtmosError:
    """Tell a request that was never sent from one whose answer was lost.

    Not by httpx's own classes: httpx-aiohttp gives `ConnectTimeout` for a connection that was
    reset *after* the request went out, and taking that for "never arrived" charges twice.
    """
    cause = error.__cause__ if isinstance(error, httpx.HTTPError) else error
    if isinstance(cause, aiohttp.ClientError | OSError):
        unsent = isinstance(cause, _UNSENT)
    else:
        unsent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
    what = type(cause or error).__name__
    return NeverArrived(what) if unsent else OutcomeUnknown(what)


def _not_answered(response: httpx.Response) -> AtmosError:
    """Read an answer that is not ATMOS's: a refusal of the gateway in front, or anything."""
    what = f"HTTP {response.status_code}"
    fault = Fault.read(response.content)
    match response.status_code:
        case HTTPStatus.UNAUTHORIZED:
            return NeverArrived(what)
        case HTTPStatus.NOT_FOUND if fault and fault.no_such_path:
            return NoSuchPath(what)
        case HTTPStatus.FORBIDDEN | HTTPStatus.TOO_MANY_REQUESTS if fault and fault.turned_away:
            return NeverArrived(what)
    return OutcomeUnknown(what)


def _parse(model: type[_Model], response: httpx.Response) -> _Model:
    """Validation errors quote what they could not read, so nothing of them is passed on."""
    try:
        return model.model_validate_json(response.content)
    except ValidationError:
        raise OutcomeUnknown("an answer that is not ATMOS's JSON") from None


def _refusal(answer: Answer) -> Declined:
    code = codes.number(answer.result.code)
    return Declined(codes.reason(code, answer.result.description or ""), code)


def _charged(answer: Answer) -> Transaction:
    """Give the paid transaction, or say why it is not known to be one."""
    transaction = answer.transaction()
    if answer.ok and transaction is not None and transaction.state is State.paid:
        return transaction
    if answer.ok:
        raise OutcomeUnknown("confirm answered OK, and the transaction is not paid")
    refusal = _refusal(answer)
    untouched = transaction is None or transaction.state is State.open
    if refusal.code in codes.NOT_CHARGED and untouched:
        raise refusal
    raise OutcomeUnknown(str(refusal), refusal.reason, refusal.code)
