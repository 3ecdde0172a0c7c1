"""What ATMOS says instead of OK, in its three languages."""
# ruff: noqa: RUF001  the texts are Russian and Uzbek

LANGUAGES = ("ru", "uz", "en")

TEXTS = {
    "OK": ("Нет ошибок", "Xatolik yo‘q", "No errors"),
    "001": ("Внутренняя ошибка", "Ichki xatolik", "Internal error"),
    "009": ("Неправильные параметры", "Noto‘g‘ri parametrlar", "Wrong parameters"),
    "061": ("Транзакция не найдена", "Tranzaksiya topilmadi", "Transaction not found"),
    "067": ("Карта не найдена", "Karta topilmadi", "Card not found"),
    "080": ("Срок действия кода истек", "Kod muddati tugagan", "The code has expired"),
    "092": ("Транзакция закрыта", "Tranzaksiya yopilgan", "Transaction is closed"),
    "093": ("Ошибка в биллинге", "billing tizimida xato", "Error in the merchant's billing"),
    "098": ("Неверный код", "Kod noto‘g‘ri", "Wrong code"),
    "112": (
        "Недостаточно средств на балансе карты для проведения платежа",
        "Karta balansida mablag‘ yetarli emas",
        "Insufficient funds on the card",
    ),
    "201": ("Код уже отправлен", "Kod allaqachon yuborilgan", "The code has already been sent"),
    # 900-949 are made up: ATMOS surely says these things, nobody has published under which code.
    "900": ("Срок действия карты истек", "Karta muddati tugagan", "Card has expired"),
    "901": ("Карта заблокирована", "Karta bloklangan", "Card is blocked"),
    "902": (
        "СМС-информирование не подключено",
        "SMS-xabarnoma ulanmagan",
        "SMS informing is not connected",
    ),
    "903": (
        "Превышен дневной лимит по карте",
        "Karta bo‘yicha kunlik limit oshib ketgan",
        "Daily card limit exceeded",
    ),
    "904": (
        "Превышен лимит операций по карте",
        "Karta bo‘yicha amallar limiti oshib ketgan",
        "Card operation limit exceeded",
    ),
    # Made up as well, and meant to be understood by nobody.
    "955": ("Z-17/Q", "Z-17/Q", "Z-17/Q"),
    "956": ("Q-29/Z", "Q-29/Z", "Q-29/Z"),
}


class Failure(Exception):
    """The business of a call failed; `payload` is what stands beside the result all the same."""

    def __init__(self, code: str, **payload: object) -> None:
        super().__init__(code)
        self.code = code
        self.payload = payload


def result(code: str, lang: str) -> dict[str, str]:
    """Write the `result` of envelope A."""
    full = code if code == "OK" else f"STPIMS-ERR-{code}"
    return {"code": full, "description": TEXTS[code][LANGUAGES.index(lang)]}
