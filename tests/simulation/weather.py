"""What goes wrong, when, and how slow everything is: one seed's weather."""

from dataclasses import dataclass
from random import Random

from sandbox.faults import Fault, Kind

ATMOS = tuple(Kind)
# Not `unauthorized`: a bot token that Telegram does not know any more is a person's matter.
TELEGRAM = tuple(kind for kind in Kind if kind is not Kind.unauthorized)
RATES = (0.0, 0.0, 0.02, 0.05, 0.1, 0.3)
ACTS = (Kind.drop, Kind.bad_gateway, Kind.server_error, Kind.garbage)
WITHIN = (0.5, 3.0, 12.0, 25.0)
BEYOND = (31.0, 45.0, 100.0, 119.9, 121.0, 180.0)  # of our deadlines: 15, 30 and 120 seconds
STORMY = ("confirm", "confirm", "get", "create", "pre-apply", "retry-otp", "token", None, None)


@dataclass(frozen=True, slots=True)
class Outage:
    """One kind of fault for everything, for some minutes."""

    service: str
    operation: str | None
    begins: float
    ends: float
    kind: Kind

    def holds(self, service: str, operation: str, now: float) -> bool:
        about = service == self.service and self.operation in (None, operation)
        return about and self.begins <= now < self.ends


class Weather:
    """Decides about each call whether and how it goes wrong, and how long it takes."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._rates = {"atmos": random.choice(RATES), "telegram": random.choice(RATES)}
        self._stormy = random.choice(STORMY)  # an operation that fails every other time
        self._outages = [self._outage() for _ in range(random.choice((0, 0, 1, 2)))]
        self._slow = random.random() < 0.3  # the bank is slow to charge
        self._late = random.random() < 0.15  # it may even charge when it should be over
        self.is_over = False

    def fault(self, service: str, operation: str, now: float) -> Fault | None:
        if self.is_over or operation == "getUpdates":
            return None
        for outage in self._outages:
            if outage.holds(service, operation, now):
                return self._fault(operation, outage.kind)
        rate = 0.5 if operation == self._stormy else self._rates[service]
        if self._random.random() >= rate:
            return None
        return self._fault(
            operation, self._random.choice(ATMOS if service == "atmos" else TELEGRAM)
        )

    def travel(self, operation: str = "") -> float:
        """Give how long a request is on its way."""
        if operation == "confirm" and self._slow and not self.is_over:
            return self._random.choice((0.1, 0.1, 30.0, 90.0, 118.0))
        return self._random.choice((0.01, 0.03, 0.1, 0.4))

    def work(self, operation: str) -> float:
        """Give how long the gateway takes before it acts."""
        random = self._random
        if self.is_over or operation == "*":
            return 0.2
        if operation == "confirm" and self._slow:
            return random.choice((5.0, 60.0, 100.0, 119.0))
        return random.choice((0.1, 0.1, 0.5, 1.0, 4.0))

    def debit(self) -> float:
        """Give how long the gateway takes between the right code and the charge."""
        if not self.is_over and self._late and self._random.random() < 0.8:
            return self._random.choice((130.0, 250.0, 500.0, 900.0, 40_000.0))
        return 0.0

    def _fault(self, operation: str, kind: Kind) -> Fault:
        random = self._random
        seconds = random.choice(WITHIN if random.random() < 0.5 else BEYOND)
        if kind is Kind.too_many:
            seconds = random.choice((1.0, 5.0, 35.0))
        return Fault(operation, kind, acts=kind in ACTS and random.random() < 0.5, seconds=seconds)

    def _outage(self) -> Outage:
        random = self._random
        service = random.choice(("atmos", "telegram"))
        begins = random.uniform(0, 1200)
        kind = random.choice((Kind.refuse, Kind.drop, Kind.bad_gateway, Kind.server_error))
        operation = random.choice((None, "get", "confirm")) if service == "atmos" else None
        ends = begins + 10 ** random.uniform(1.5, 4)
        return Outage(service, operation, begins, ends, kind)


class Slowness(dict[str, float]):
    """Looks to the gateway like its table of latencies, and gives another one every time."""

    def __init__(self, weather: Weather) -> None:
        super().__init__()
        self._weather = weather

    def get(self, operation: str, _otherwise: object = None) -> float:
        return self._weather.work(operation)
