"""Messages with numbers that are no cards, as students write them: some by hand, most made up."""

from collections.abc import Iterator
from random import Random

BY_HAND = """
+998901234567
998901234567
90 123 45 67
901234567
(90) 123-45-67
+998 (55) 520-26-94
+998 90 123 45 67, +998 93 765 43 21
+998901234567 +998937654321
998 90 123 45 67 / 998 98 600 12 34
98 600 12 34, 90 123 45 67
98-601-23-45; 55-202-69-45
55 123 45 67 yoki 123 45 67
5512345671234567 emas, 55 123 45 67 va 123-45-67
tel: 71-200-00-00, 71-200-00-01 (ish vaqti 9:00-18:00)
+7 495 123-45-67, +7 (916) 123-45-67
8 800 555-35-35, 8 (495) 123-45-67
Otam: 99 860 01 01 Onam: 94 562 62 62
Buyurtma: 123456789
Buyurtma 512345678, 1 478 000 soʻm
Buyurtmalar: 512345678, 487654321
249100032 249100033 249100034
№ 486009860 · 55202694522
Tranzaksiya 14500001, chek 2071428
transaction_id=55202694522 success_trans_id=4123456
STPIMS-ERR-098, STPIMS-ERR-112
Telegram ID 501234567, guruh -1001234567890
id5012345678 @dilnoza_2004
24.11.2026 15:04
24.11.2026 - 25.12.2026
23.05.2026-26.08.2026
23/05/2026 – 26/08/2026 kunlari
25.11.2026 14500001
2026-11-24T15:04:00+05:00
2026-11-24 15:04:05.123456
20261124150405123456
1764000000 1764000000123 1764000000123456
31.12.2026 — 01.01.2027
22:30-23:30, 23:45-24:00
09:00-10:30, 11:00-12:30, 14:00-15:30
739 000 soʻm
1 478 000.00
49 999.50 + 1 478 000 = 1 527 999.50
45 000 000 / 56 000 000
45 000 000, 56 000 000 soʻmdan
86 000 000 – 90 000 000 soʻm
98 600 000 - 99 000 000
4 500, 5 600, 4 800, 5 200
4 500 000 dan 550 000 000 gacha
$4,500.00 - $5,600.00
12 345.67 USD, 13 000 EUR
111111
12/27
SMS kod 486009
PINFL 41234567890123
JSHSHIR: 52305045670011, pasport AA1234567
AB 4860098
INN 301234567, MFO 00444
STIR 204567891 OKED 62010
h/r 20208000900123456001 MFO 00444 INN 301234567
2020 8000 9001 2345 6001
20208 000 9 00123456 001
22618000400123456001
22640 000 1 00123456 001
23402000300100001010
401110860262667094100079002
40702810500000000017
4070 2810 5000 0000 0017
40817.810.0.9991.0004312
GB29 NWBK 6016 1331 9268 19
GB29NWBK60161331926819
DE89 3704 0044 0532 0130 00
TR33 0006 1005 1978 6457 8413 26
KZ86125KZT5004100100
UZ: 10 00000 1234567
41.311081, 69.240562
41.3110812, 69.2405623
https://maps.google.com/?q=41.311081,69.240562
https://yandex.uz/maps/10335/tashkent/?ll=69.240562%2C41.311081&z=12
https://www.facebook.com/groups/4123456789012345/posts/5198765432101236
https://youtu.be/4242424242424 https://t.me/c/1234567890/4242
https://t.me/+AbCdEf4242424242
https://ofd.soliq.uz/check?t=UZ210317212345&r=4242&c=20261124150405&s=424242424242
https://example.uz/?utm_id=4111111111111111&x=1
550e8400-e29b-41d4-a716-446655440000
4f1c2d3e4a5b6c7d8e9f0a1b2c3d4e5f60718293
sha256: 5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9
192.168.100.200 10.0.0.1:8080 255.255.255.0
v3.31.0, v2.13.5, python 3.11.7
ISBN 978-5-17-118366-6
EAN 4780000000007 4601234567893
IMEI 356938035643809
IMEI 490154203237518 / 490154203237526
Trek: RB123456789UZ, 4212345678
8600 9900 0000 0008
86009900000000090
1234 5678 9012 3456
0000 0000 0000 0000
1111 2222 3333 4444
16 ta raqam: 8600 **** **** 0009
UzCard 8600 99** **** 0009
8600, 9860, 5614, 6262
kartam 8600 bilan boshlanadi, 0009 bilan tugaydi
1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20
1) 45 2) 52 3) 47 4) 55
1. A 2. C 3. D 4. B 5. A 6. C
2+2=4, 4*4=16, 4242*10=42420
57-kurs, 3-guruh, 12-dars
Ball: 189.5, 4.5, 5.0
/start protokol-57
/order 249100032
/settle 249100032 paid 2071428
2004-yil 24-noyabr, 22 yosh
IT-2204, DTM 4312345
Avto 01 A 777 AA, 40 555 CBA
Pasport AC 2204567, 24.11.2014, 14112019
Xonadon 42, uy 55, 100042 Toshkent
N 41°18'40" E 69°14'26"
50 000 × 12 = 600 000
Kurs: 1 USD = 12 650.00, 1 EUR = 13 780.45, 1 RUB = 135.20
""".strip().splitlines()

CODES = ("20", "33", "50", "55", "61", "62", "65", "66", "67", "69", "70", "71", "77", "88", "90",
         "91", "93", "94", "95", "97", "98", "99")  # fmt: skip
JOINTS = (", ", " ", "; ", " / ", "\n", " - ", " va ", " yoki ", ",")


def generated(seed: int, count: int) -> Iterator[str]:
    """Make up messages, the same for the same seed."""
    rng = Random(seed)
    kinds = (phones, orders, amounts, ranges, days, accounts, people, places, links, requisites)
    for number in range(count):
        yield kinds[number % len(kinds)](rng)


def digits(rng: Random, length: int) -> str:
    return f"{rng.randrange(10 ** (length - 1), 10**length)}"


def phone(rng: Random) -> str:
    code, number = rng.choice(CODES), f"{rng.randrange(10**7):07}"
    a, b, c = number[:3], number[3:5], number[5:]
    return rng.choice(
        (
            f"+998{code}{number}",
            f"998{code}{number}",
            f"+998 {code} {a} {b} {c}",
            f"998 {code} {a} {b} {c}",
            f"+998 ({code}) {a}-{b}-{c}",
            f"+998-{code}-{a}-{b}-{c}",
            f"{code} {a} {b} {c}",
            f"{code}-{a}-{b}-{c}",
            f"({code}) {a} {b} {c}",
            f"{code} {a} {b}{c}",
            f"{code}{number}",
            f"{code} {number}",
        )
    )


def amount(rng: Random) -> str:
    soums = rng.randrange(1, 10 ** rng.randint(1, 6)) * 1000
    return rng.choice(
        (f"{soums:,}", f"{soums:,}".replace(",", " "), f"{soums:,}".replace(",", "\xa0"),
         f"{soums:,}".replace(",", "."), f"{soums}", f"{soums:,}.00".replace(",", " "))
    )  # fmt: skip


def day(rng: Random) -> str:
    d, m, y = rng.randint(1, 28), rng.randint(1, 12), rng.randint(1998, 2029)
    return rng.choice(
        (f"{d:02}.{m:02}.{y}", f"{d:02}/{m:02}/{y}", f"{d:02}-{m:02}-{y}", f"{y}-{m:02}-{d:02}",
         f"{d:02}.{m:02}.{y % 100:02}", f"{d}.{m}.{y}")
    )  # fmt: skip


def time(rng: Random) -> str:
    return f"{rng.randrange(24):02}:{rng.randrange(60):02}"


def order(rng: Random) -> str:
    return digits(rng, 9)


def gateway_id(rng: Random) -> str:
    return digits(rng, rng.choice((7, 8, 8, 11)))


def phones(rng: Random) -> str:
    return rng.choice(JOINTS).join(phone(rng) for _ in range(rng.randint(1, 3)))


def orders(rng: Random) -> str:
    told = [order(rng), rng.choice((order, gateway_id, amount, phone, day))(rng)]
    return rng.choice(("Buyurtma ", "№", "", "order ")) + rng.choice(JOINTS).join(told)


def amounts(rng: Random) -> str:
    return rng.choice(JOINTS).join(amount(rng) for _ in range(rng.randint(1, 4))) + " soʻm"


def ranges(rng: Random) -> str:
    return rng.choice((" - ", "–", " / ", "-")).join((amount(rng), amount(rng)))


def days(rng: Random) -> str:
    told = [day(rng), rng.choice((day, time, order, gateway_id, amount, phone))(rng)]
    return rng.choice(JOINTS).join(told)


def accounts(rng: Random) -> str:
    kind = rng.choice(("20206", "20208", "20210", "20212", "20214", "20218"))
    parts = (kind, "000", digits(rng, 1), f"{rng.randrange(10**8):08}", f"00{rng.randint(1, 9)}")
    return (
        "h/r " + rng.choice(("", " ")).join(parts) + rng.choice(("", f" MFO 00{digits(rng, 3)}"))
    )


def people(rng: Random) -> str:
    pinfl = f"{rng.randint(3, 6)}{rng.randint(1, 28):02}{rng.randint(1, 12):02}{digits(rng, 9)}"
    told = [pinfl, rng.choice((f"AA{digits(rng, 7)}", phone(rng), day(rng)))]
    return rng.choice((", ", "\n", "; ")).join(told)


def places(rng: Random) -> str:
    north, east = f"{rng.uniform(37, 45):.6f}", f"{rng.uniform(56, 73):.6f}"
    return rng.choice((f"{north}, {east}", f"{north} {east}", f"{north},{east}"))


def links(rng: Random) -> str:
    path = rng.choice(("/posts/{}", "/?id={}&x={}", "/{}/{}/", "/c/{}-{}"))
    host = rng.choice(("https://facebook.com", "https://example.uz", "http://t.me", "www.olx.uz"))
    return host + path.format(digits(rng, rng.randint(5, 20)), digits(rng, 16))


def requisites(rng: Random) -> str:
    return (
        f"STIR {digits(rng, 9)}, MFO 00{digits(rng, 3)}, OKED {digits(rng, 5)}\n"
        f"{accounts(rng)}\ntel. {phone(rng)}\n"
        f"shartnoma {digits(rng, 4)}/{digits(rng, 2)} {day(rng)}"
    )
