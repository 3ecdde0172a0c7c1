# Oʻzbekcha. Harflar: oʻ gʻ = U+02BB, tutuq belgisi = U+02BC.
# ✅ faqat toʻlangan xabarda. «tekshir» faqat natija nomaʼlum boʻlganda.
# Int arguments are amounts in tiyin, said with MONEY; moments are said with WHEN.

# Offer

offer =
    <b>{ $title }</b>

    { $description }

    Narxi: <b>{ MONEY($price) } soʻm</b>
    Sotuvchi: { $seller }
offer-discounted =
    <b>{ $title }</b>

    { $description }

    Narxi: <s>{ MONEY($list-price) } soʻm</s>
    Chegirma: { $percent }%
    Siz toʻlaysiz: <b>{ MONEY($price) } soʻm</b>
    Sotuvchi: { $seller }
offer-discounted-until =
    <b>{ $title }</b>

    { $description }

    Narxi: <s>{ MONEY($list-price) } soʻm</s>
    Chegirma: { $percent }%, { WHEN($until) } gacha
    Siz toʻlaysiz: <b>{ MONEY($price) } soʻm</b>
    Sotuvchi: { $seller }
offers = Nima sotib olmoqchisiz?
price-changed = ℹ️ Narx oʻzgardi. Hozirgi narx — yuqorida.
unfinished = Sizda boshlangan toʻlov bor: <b>{ MONEY($amount) } soʻm</b>.
offer-gone = Bunday taklif topilmadi yoki sotuv yakunlangan. Takliflarni koʻrish uchun /start ni bosing.
group-start = Toʻlov faqat bot bilan shaxsiy suhbatda amalga oshiriladi. Karta maʼlumotlarini guruhga yozmang.

# Buttons

pay-button = 💳 Toʻlash — { MONEY($price) } soʻm
start-again-button = 🔄 Qaytadan boshlash
cancel-button = Bekor qilish
resend-button = 📩 Kodni qayta yuborish
language-button = 🌐 Til · Язык · Language
private-button = Bot bilan suhbatni ochish
enter-button = 🎓 Kirish

# Steps

card-ask =
    <b>1/3.</b> { $title } — <b>{ MONEY($amount) } soʻm</b>

    Toʻlov uchun karta raqamini yuboring (UzCard yoki Humo, 16 ta raqam).

    🔒 Xabaringiz oʻqilishi bilan suhbatdan oʻchiriladi. Toʻliq karta raqami, amal qilish sanasi va SMSdagi kod saqlanmaydi.
card-again = Endi karta raqamini yuboring.
card-again-later = Shundan keyin karta raqamini qaytadan yuboring.
expiry-again = Kartaning amal qilish muddatini yuboring (OO/YY), masalan 12/27.
code-again = Bankdan kelgan 6 xonali SMS kodni yuboring.
expiry-ask =
    Karta: <b>{ $card }</b>

    <b>2/3.</b> Kartaning amal qilish muddatini yuboring (OO/YY), masalan 12/27. Bu xabar ham oʻchiriladi.
expiry-ask-hint =
    Karta: <b>{ $card }</b>
    Bu UzCard yoki Humo kartasiga oʻxshamaydi. Raqam toʻgʻri boʻlsa, davom eting.

    <b>2/3.</b> Kartaning amal qilish muddatini yuboring (OO/YY), masalan 12/27. Bu xabar ham oʻchiriladi.
code-ask =
    <b>3/3.</b> Bank { $card } kartasiga ulangan telefonga shu toʻlov uchun SMS kod yubordi.

    { $title } — <b>{ MONEY($amount) } soʻm</b>
    Oʻsha 6 xonali SMS kodni yuboring. Bu Telegram kodi emas, bank aynan shu toʻlovni tasdiqlash uchun yuborgan kod. Xabaringiz oʻchiriladi.
code-sent-again =
    <b>3/3.</b> Bank { $card } kartasiga ulangan telefonga yangi SMS kod yubordi.

    { $title } — <b>{ MONEY($amount) } soʻm</b>
    Oxirgi kelgan 6 xonali SMS kodni yuboring. Xabaringiz oʻchiriladi.

note-starting = ⏳ Toʻlov tayyorlanmoqda…
note-challenge = ⏳ Bank bilan aloqa oʻrnatilmoqda…
note-capture = ⏳ Toʻlov bankka yuborildi. Odatda bir necha soniya, baʼzan 2 daqiqagacha davom etadi. Hech narsa yubormay, kutib turing.

# What was typed

number-invalid = Bu karta raqamiga oʻxshamaydi. Kartadagi 16 ta raqamni yuboring. Savolingiz boʻlsa: /paysupport
expiry-invalid = Muddat notoʻgʻri yozildi. Uni OO/YY koʻrinishida yuboring, masalan 12/27.
expiry-passed = Bu kartaning amal qilish muddati tugagan. Boshqa karta raqamini yuboring. Muddatni notoʻgʻri yozgan boʻlsangiz, uni qaytadan yuboring.
code-invalid = SMS kod 6 ta raqamdan iborat boʻladi, uni qaytadan yuboring. Kod kelmagan boʻlsa, biroz kuting: yuqoridagi xabarda «{ resend-button }» tugmasi chiqadi.
not-text = Bu qadamda faqat matn qabul qilinadi. Rasm, ovozli xabar va fayl yubormang.
edited = Xabar tahrirlandi, shuning uchun xavfsizlik yuzasidan oʻchirildi. Maʼlumotni yangi xabarda yuboring.
card-guard = Karta raqamini faqat bot soʻraganda yuboring: boshqa paytda yuborilgani xavfsizlik uchun oʻchiriladi.
cannot-delete = Xabaringizni oʻchira olmadim. Iltimos, karta maʼlumoti yozilgan xabarni oʻzingiz oʻchiring.
cannot-delete-in-group = Karta maʼlumoti yozilgan xabarni oʻchira olmadim, iltimos, uni guruhdan oʻchiring.
card-lost = Xavfsizlik uchun karta raqami xotirada faqat bir necha daqiqa turadi, hozir u oʻchirilgan. Karta raqamini yana yuboring.
card-needed = Bank yangi SMS kodni faqat karta qaytadan yuborilganda joʻnatadi, biz esa uni xavfsizlik uchun oʻchirganmiz.
card-not-kept = Botda qisqa uzilish boʻldi, pul yechilmadi. Karta raqami va amal qilish muddatini bitta xabarda yuboring: avval raqam, keyin muddat, masalan 8600 … 12/27.

# Code

wrong-code =
    SMS kod notoʻgʻri, pul yechilmadi. Yana { $left } ta urinish qoldi.

    Oxirgi kelgan SMS kodni yuboring.
code-over = SMS kodning amal qilish vaqti tugadi, pul yechilmadi. Yangi kod soʻrang yoki toʻlovni qaytadan boshlang.
resend-wait = Yangi SMS kodni { $seconds } soniyadan keyin soʻrash mumkin.
capture-not-sent = Bank bilan aloqa boʻlmadi, pul yechilmadi. Bir daqiqadan keyin SMS kodni yana yuboring.
too-many-cards = Bir soat ichida juda koʻp karta yuborildi, shuning uchun bunisi bankka berilmadi, pul yechilmadi. Avval yuborgan kartangizdan hozir ham toʻlash mumkin, yangisini esa { WHEN($until) } dan keyin yuboring.
too-many-card = Oxirgi bir soatda bu karta bilan juda koʻp urinildi, shuning uchun u bankka berilmadi, pul yechilmadi. Uni { WHEN($until) } dan keyin yana yuboring yoki boshqa kartadan foydalaning.
too-many-codes = Bir kun ichida juda koʻp SMS soʻraldi, shuning uchun yangisi soʻralmadi, pul yechilmadi. { WHEN($until) } dan keyin yana urinib koʻring.
too-many-guesses = Bir kun ichida kod juda koʻp marta notoʻgʻri kiritildi, shuning uchun bunisi bankka berilmadi, pul yechilmadi. Toʻlovni { WHEN($until) } dan keyin qaytadan boshlang.
too-many-payments = Bir kun ichida juda koʻp toʻlov boshlandi, shuning uchun yangisi ochilmadi, pul yechilmadi. { WHEN($until) } dan keyin yana urinib koʻring.

# Result

paid =
    ✅ <b>Toʻlov qabul qilindi</b>

    Buyurtma: <b>{ $order }</b>
    { $title }
    Summa: <b>{ MONEY($amount) } soʻm</b>
    Karta: { $card }
    Vaqt: { WHEN($at) }
    Tranzaksiya: { $transaction }
paid-with-receipt =
    { paid }
    🧾 Fiskal chek: { $receipt }
paid-late = Buyurtma { $order }: avval bu toʻlov oʻtmadi deb yozgan edik, lekin bank uni kechroq oʻtkazdi. Toʻlovingiz qabul qilindi, qayta toʻlamang.
paid-twice =
    ⚠️ Bu xarid uchun ikkita toʻlov oʻtdi: { $other } va { $order }. Qayta toʻlamang.

    Ortiqchasini qaytarishi uchun sotuvchiga xabar berdik. Savolingiz boʻlsa: /paysupport
access-follows = Kursga kirish boʻyicha sotuvchi siz bilan bogʻlanadi. Savolingiz boʻlsa: /paysupport
checking =
    ⏳ Toʻlov natijasi tekshirilmoqda. <b>Qayta toʻlamang</b>: pul allaqachon yechilgan boʻlishi mumkin.

    Buyurtma: <b>{ $order }</b>. Natija maʼlum boʻlishi bilan shu yerga yozamiz, sizdan hech narsa talab qilinmaydi. Savolingiz boʻlsa: /paysupport
money-back =
    ↩️ <b>Pul qaytarildi</b>

    Buyurtma: <b>{ $order }</b>
    { $title }
    Summa: <b>{ MONEY($amount) } soʻm</b>
    Karta: { $card }
    Tranzaksiya: { $transaction }
    Pul kartaga tushishi bankka qarab bir necha kun olishi mumkin.
money-back-other = Shu kurs boʻyicha boshqa toʻlovingiz ({ $other }) kuchda, kursga kirish saqlanadi.
money-stays =
    ℹ️ Bu toʻlovning puli qaytarilmadi: { $title }.

    Buyurtma: <b>{ $order }</b>. Toʻlov avvalgidek kuchda, qayta toʻlash shart emas. Savolingiz boʻlsa: /paysupport
was-reversed = Bu toʻlovning puli kartaga qaytarilgan.
ask-button = 🔄 Natijani soʻrash
note-asking = ⏳ Bankdan soʻralmoqda…
interrupted = Bot qayta ishga tushdi, oxirgi xabaringiz oʻqilmagan boʻlishi mumkin.
not-charged = Toʻlov amalga oshmadi: kartadan pul yechilmaganini bank tasdiqladi.
not-charged-said = Toʻlov amalga oshmadi: sotuvchi kartadan pul yechilmaganini aniqladi.
given-back = Toʻlov amalga oshmadi: yechilgan pul kartaga qaytarilgan.
already-paid =
    Siz buni allaqachon sotib olgansiz: { $title }.

    Buyurtma: <b>{ $order }</b>. Qayta toʻlash shart emas.
being-given-back =
    ↩️ Bu toʻlovning puli qaytarilmoqda: { $title }.

    Buyurtma: <b>{ $order }</b>. Natijasini shu yerga yozamiz. Savolingiz boʻlsa: /paysupport
start-again = Xohlasangiz, toʻlovni qaytadan boshlang.
expired = Toʻlov vaqti tugadi, pul yechilmadi.
cancelled = Toʻlov bekor qilindi, pul yechilmadi.
nothing-to-cancel = Bekor qilinadigan toʻlov yoʻq. Takliflarni koʻrish uchun /start ni bosing.
intent-over = Bu toʻlov allaqachon yopilgan, pul yechilmagan.
idle = Takliflarni koʻrish uchun /start ni, toʻlov boʻyicha savolingiz boʻlsa /paysupport ni bosing.

# Why the bank or the gateway said no

declined-card-invalid = Bank bunday kartani topmadi: raqam yoki muddat notoʻgʻri. Pul yechilmadi.
declined-card-expired = Kartaning amal qilish muddati tugagan. Pul yechilmadi. Boshqa kartadan foydalaning.
declined-card-blocked = Karta bloklangan yoki faol emas. Pul yechilmadi. Boshqa kartadan foydalaning yoki bankingizga murojaat qiling.
declined-sms-off = Kartada SMS-xabar xizmati yoqilmagan, shuning uchun kod yuborib boʻlmaydi. Xizmatni bank ilovasi yoki bankomat orqali yoqing yoxud boshqa kartadan foydalaning. Pul yechilmadi.
declined-insufficient-funds = Kartada mablagʻ yetarli emas, pul yechilmadi. Kartani toʻldiring yoki boshqa kartadan foydalaning.
declined-limit = Kartaning toʻlov limiti tugagan, pul yechilmadi. Limitni bankingiz orqali oshiring yoki boshqa kartadan foydalaning.
declined-wrong-code = SMS kod notoʻgʻri, pul yechilmadi.
declined-code-expired = SMS kodning amal qilish vaqti tugadi, pul yechilmadi.
declined-too-many-tries = SMS kod juda koʻp marta notoʻgʻri kiritildi, pul yechilmadi.
declined-code-already-sent = SMS kod allaqachon yuborilgan. Uni kuting va shu yerga yuboring.
declined-closed = Bank bu toʻlovni yopgan, pul yechilmadi.
declined-busy = Bank tizimi hozir band, pul yechilmadi. Bir-ikki daqiqadan keyin yana urinib koʻring.
declined-refused-by-merchant = Toʻlov hozir oʻtmadi, pul yechilmadi. Administratorlarga xabar berildi, keyinroq urinib koʻring.
declined-not-found = Bank bu toʻlovni topmadi, pul yechilmadi.
declined-wrong-parameters = Toʻlov hozir ishlamayapti, pul yechilmadi. Administratorlarga xabar berildi, keyinroq urinib koʻring.
declined-unknown = Bank toʻlovni rad etdi, pul yechilmadi. Administratorlarga xabar berildi. Boshqa kartadan foydalaning yoki keyinroq urinib koʻring.
gateway-down = Bank bilan aloqa boʻlmadi, pul yechilmadi. Bir-ikki daqiqadan keyin yana urinib koʻring.
gateway-misconfigured = Toʻlov hozir ishlamayapti, pul yechilmadi. Administratorlarga xabar berildi, keyinroq urinib koʻring.
error = Kutilmagan xato yuz berdi. Oxirgi qadamni takrorlang; yordam bermasa, /start ni bosing.

# Menu

language-ask = Tilni tanlang · Выберите язык · Choose a language
language-uz = Oʻzbekcha
language-ru = Русский
language-en = English
language-chosen = Endi bot oʻzbekcha gapiradi.
help =
    Bu bot orqali UzCard yoki Humo kartasidan toʻlov qilish mumkin.

    /start — takliflar va toʻlov
    /cancel — boshlangan toʻlovni bekor qilish
    /language — til
    /paysupport — toʻlov boʻyicha yordam
    /privacy — maʼlumotlaringiz haqida
paysupport = Toʻlov boʻyicha savolingiz boʻlsa, murojaat qiling (buyurtma raqami boʻlsa, koʻrsating): { $contact }
paysupport-none = Toʻlov boʻyicha savolingiz boʻlsa, sotuvchiga murojaat qiling (buyurtma raqami boʻlsa, koʻrsating).
privacy =
    Toʻliq karta raqami, amal qilish muddati va SMS kod saqlanmaydi: xabaringiz oʻqilishi bilan suhbatdan oʻchiriladi, raqam faqat bankka yuborish uchun bir necha daqiqa xotirada turadi.

    Saqlanadi: ismingiz, username, Telegram ID va tilingiz, buyurtma, summa, kartaning turi, birinchi 6 va oxirgi 4 raqami, ATMOS raqamlari. Toʻlanmagan buyurtma boʻyicha bularning hammasi { $days } kundan keyin oʻchiriladi, toʻlangani boʻyicha pul hisobi uchun doim saqlanadi. Telegram ID va tanlagan tilingiz ham doim saqlanadi. Administratorlar guruhi ismingiz, buyurtma va karta raqamining shu qismini koʻradi.

    Savolingiz boʻlsa yoki maʼlumotlaringizni oʻchirtirmoqchi boʻlsangiz: /paysupport

# Commands in Telegram's menu

command-start = Takliflar va toʻlov
command-cancel = Toʻlovni bekor qilish
command-language = Til
command-help = Yordam
command-paysupport = Toʻlov boʻyicha yordam
command-privacy = Maʼlumotlaringiz haqida

# Staff

command-order = Toʻlovni koʻrish va pulni qaytarish
command-settle = Nomaʼlum toʻlovni hal qilish
reverse-button = ↩️ Pulni qaytarish — { MONEY($amount) } soʻm
settle-button = 🔄 ATMOSdan soʻrash
order-status =
    { $status ->
        [created] boshlangan
        [challenged] SMS kod kutilmoqda
        [capturing] natijasi nomaʼlum, ATMOSdan soʻralmoqda
        [capturing-left] natijasi nomaʼlum qoldi, bot endi soʻramaydi. ATMOS kabinetida koʻring va /settle bilan oʻzingiz hal qiling
        [captured] toʻlangan
        [reversing] qaytarilmoqda, natijasi nomaʼlum
        [reversing-left] qaytarilgani nomaʼlum qoldi, bot endi soʻramaydi. ATMOS kabinetida koʻring va /settle bilan oʻzingiz hal qiling
        [reversed] puli qaytarilgan
        [failed] oʻtmagan
        [expired] vaqti tugagan
        [cancelled] bekor qilingan
       *[other] { $status }
    }
shown-state =
    { $shown ->
        [paid] toʻlangan
        [open] toʻlanmagan
        [reversed] puli qaytarilgan
       *[other] { $shown }
    }
admin-buyer =
    Xaridor: <a href="tg://user?id={ $student }">{ $buyer }</a> · { $username ->
        [none] { $student }
       *[other] { $username } · { $student }
    }
staff-order =
    Buyurtma <b>{ $order }</b>: { order-status }

    { $title } — { MONEY($amount) } soʻm
    { admin-buyer }
    ATMOS transaction_id: { $transaction }
staff-no-order = Bunday buyurtma yoʻq. Masalan: /order 249100032
staff-which-order = Buyurtma raqamini yozing, masalan: /order 249100032
staff-no-answer = ATMOS hozir javob bermadi, hech narsa oʻzgarmadi. Birozdan keyin yana urinib koʻring.
staff-not-settled = Hal boʻlmadi: ATMOS hali ishlayotgan boʻlishi mumkin. Toʻlovdan yoki pul qaytarishdan taxminan bir soat oʻtgach qayta yozing.
staff-known = Natija maʼlum, shuning uchun sizning soʻzingiz hisobga olinmadi.
staff-still-paid =
    Hal boʻlmadi: ATMOS { $order } buyurtmasini hali toʻlangan deb koʻrsatyapti.

    Kabinetda ham toʻlangan boʻlsa, pulni oʻsha yerda qaytaring va yozing: <code>/settle { $order }</code>
    Pul qaytarilmaydigan boʻlsa: <code>/settle { $order } paid</code>
    Kabinetda allaqachon qaytarilgan boʻlsa, ATMOS menejeriga yozing.
staff-no-outcome = Hal boʻlmadi: bu toʻlov bunday tugashi mumkin emas, yoki SUCCESS_TRANS_ID yozilmagan.
staff-another = Hal boʻlmadi: ATMOS boshqa toʻlovni koʻrsatyapti, yoki bu raqam boshqa buyurtmaniki. Pulni ATMOS kabinetida qaytarsangiz, bot buni oʻzi koʻradi.
staff-telegram = Telegram javob bermadi, shuning uchun hech narsa qilinmadi. Yana bir marta urinib koʻring.
staff-settle =
    /settle 249100032 — ATMOSdan soʻrash
    Bir soatdan keyin ham natija nomaʼlum boʻlsa, ATMOS kabinetida koʻrganingizni yozing:
    /settle 249100032 paid SUCCESS_TRANS_ID
    /settle 249100032 unpaid
    /settle 249100032 reversed
    /settle 249100032 paid — qaytarish soʻralgan, lekin pul qaytmagan

# Admin group

admin-paid =
    ✅ <b>Yangi toʻlov</b>

    Buyurtma: <b>{ $order }</b>
    { $title }
    Summa: <b>{ MONEY($amount) } soʻm</b>
    { admin-buyer }
    Karta: { $card }
    Vaqt: { WHEN($at) }
    ATMOS transaction_id: { $transaction }
    ATMOS success_trans_id: { $success }
admin-paid-with-receipt =
    { admin-paid }
    🧾 Fiskal chek: { $receipt }
admin-code =
    ⚠️ ATMOS nomaʼlum javob berdi: <b>{ $code }</b>

    Buyurtma: { $order } · ATMOS transaction_id: { $transaction }
    { admin-buyer }
    Bu kodning maʼnosini ATMOS menejeridan soʻrang.
admin-mismatch =
    🚨 ATMOS boshqa toʻlovni koʻrsatdi: <b>{ MONEY($amount) } soʻm</b> kutilgan edi, ATMOS esa { MONEY($other) } soʻm deydi. (account { $account })

    Buyurtma: { $order } · ATMOS transaction_id: { $transaction }
    { admin-buyer }
    Toʻlov qabul qilinmadi va rad etilmadi. ATMOS kabinetida koʻring.
admin-approval =
    🚨 ATMOS pul yechishdan oldin soʻradi, bot ruxsat bermadi: { $why ->
        [unknown] bunday toʻlov botda yoʻq
        [amount] summa boshqa
       *[other] toʻlovning holati — { order-status }
    }

    Savolda: { $tiyin } tiyin, account { $account }

    Pul yechilmadi. Bunday toʻlovni siz boshlamagan boʻlsangiz, ATMOS menejeriga xabar bering.
admin-not-genuine =
    🚨 /atmos/callback manziliga ATMOSniki deb boʻlmaydigan savol keldi: { $why ->
        [signature] u ATMOS_CALLBACK_KEY bilan imzolanmagan
        [unreadable] uni oʻqib boʻlmaydi, JSON emas
       *[other] imzosi toʻgʻri, lekin unda raqam yetishmaydi
    }.

    Bot rad javobini berdi. Balki ATMOS umuman soʻramagandir: bu manzilga istalgan odam yozishi mumkin, unda hech narsa qilish shart emas.
    Toʻlovlar oʻtmayotgan boʻlsa, ATMOS menejeridan soʻrang: ATMOS_CALLBACK_KEY ulardagi kalit bilan bir xilmi?
admin-address = ⚠️ ATMOSning imzoli savoli notanish manzildan keldi: { $address }. Bot javob berdi. ATMOS menejeridan soʻrang, toʻgʻri boʻlsa ATMOS_CALLBACK_NETWORKS ga qoʻshing.
admin-unknown =
    🚨 Toʻlov natijasi haligacha nomaʼlum: <b>{ $order }</b>, { MONEY($amount) } soʻm

    ATMOS transaction_id: { $transaction }
    { admin-buyer }
    Bot ATMOSdan soʻrashda davom etadi, talabaga «qayta toʻlamang» deyilgan. Shu orada ATMOS kabinetida koʻring va kerak boʻlsa ATMOS menejeriga yozing.
admin-reversal-unknown =
    🚨 Pul qaytarildimi, haligacha nomaʼlum: <b>{ $order }</b>, { MONEY($amount) } soʻm

    ATMOS transaction_id: { $transaction }
    { admin-buyer }
    Bot ATMOSdan soʻrashda davom etadi. ATMOS kabinetida koʻring, lekin u yerda hozircha qaytarmang.
    Tugma bosilganidan bir soat oʻtib ham u yerda toʻlangan boʻlsa, pulni kabinetda qaytaring, bot buni koʻradi.
    Pul qaytarilmaydigan boʻlsa: <code>/settle { $order } paid</code>
admin-left-unknown =
    🚨 Toʻlov natijasi nomaʼlum qoldi, bot endi oʻzi soʻramaydi: <b>{ $order }</b>, { MONEY($amount) } soʻm

    ATMOS transaction_id: { $transaction }
    { admin-buyer }
    ATMOS kabinetida koʻring va shu guruhda yozing:
    <code>/settle { $order } paid SUCCESS_TRANS_ID</code> — pul yechilgan
    <code>/settle { $order } unpaid</code> — pul yechilmagan
    <code>/settle { $order } reversed</code> — pul qaytarilgan
admin-reversal-left-unknown =
    🚨 Pul qaytarildimi, nomaʼlum qoldi, bot endi oʻzi soʻramaydi: <b>{ $order }</b>, { MONEY($amount) } soʻm

    ATMOS transaction_id: { $transaction }
    { admin-buyer }
    ATMOS kabinetida koʻring va shu guruhda yozing:
    <code>/settle { $order } reversed</code> — pul qaytarilgan
    <code>/settle { $order } paid</code> — pul qaytarilmagan, toʻlov kuchda qoladi
    <code>/settle { $order }</code> — pulni kabinetda hozir oʻzingiz qaytargan boʻlsangiz
admin-settled =
    📝 { $order } qoʻlda hal qilindi ({ shown-state }): { $by }
admin-contradiction =
    🚨 ATMOS bilan farq: <b>{ $order }</b>, { MONEY($amount) } soʻm. Botda: { order-status }, ATMOSda: { shown-state }.

    ATMOS transaction_id: { $transaction }
    { admin-buyer }
    Bot hech narsani oʻzgartirmadi. ATMOS kabinetida koʻring.
admin-money-back =
    ↩️ <b>Pul qaytarildi</b>: { $order }, { MONEY($amount) } soʻm

    { $title }
    { admin-buyer }
    Kim qaytardi: { $by }
    ATMOS transaction_id: { $transaction }
    ATMOS success_trans_id: { $success }
admin-close-access = Talaba bu haqda xabar oladi. Kursga kirishini oʻzingiz yoping.
admin-keep-access = Talaba bu haqda xabar oladi. Uning boshqa toʻlovi ({ $other }) kuchda: kursga kirishini yopmang.
admin-not-reversed =
    ⚠️ Pul qaytmadi: <b>{ $order }</b>, { MONEY($amount) } soʻm. Toʻlov avvalgidek toʻlangan deb yozildi, talaba bu haqda xabar oladi.

    ATMOS transaction_id: { $transaction }
    { admin-buyer }
admin-unreachable =
    ⚠️ { $order }: <a href="tg://user?id={ $student }">talabaga</a> ({ $student }) natijani ayta olmadik, u botni bloklagan. Toʻlovga bu taʼsir qilmaydi; unga oʻzingiz yozing.
admin-late =
    ⚠️ Kechikkan toʻlov: { $order }. Bot uni yopilgan deb hisoblagan edi ({ order-status }), ATMOS esa pulni yechgan. Buyurtma toʻlangan deb yozildi.
admin-twice =
    🚨 Bir talaba bir narsa uchun ikki marta toʻladi: <b>{ $order }</b> va <b>{ $other }</b>

    { $title }
    { admin-buyer }
    ATMOS transaction_id: { $transaction }
    Ortiqchasini ({ $order }, { MONEY($amount) } soʻm) tugma bilan qaytarish mumkin.
admin-daily =
    📋 ATMOS bilan solishtirildi: { $agreed } ta buyurtma mos, { $undecided } tasi hali nomaʼlum.
admin-daily-differences =
    { admin-daily }

    ⚠️ Farqlar (botda yozilgani → ATMOS koʻrsatgani):
admin-difference =
    { $order }: { order-status } → { $verdict ->
        [charged] toʻlangan
        [not_charged] toʻlanmagan
        [reversed] puli qaytarilgan
        [not_reversed] puli qaytmagan
        [given_back] pul yechilgan va qaytarilgan
        [another] boshqa toʻlov
        [contradiction] botdagiga zid
       *[other] { $verdict }
    }
admin-differences-more = … yana { $more } ta
admin-limit =
    ⚠️ Kimdir begona kartalarni sinayotgan boʻlishi mumkin: { $limit ->
        [cards] bir soatda juda koʻp karta
        [card] bir soatda bitta karta bilan juda koʻp urinish
        [codes] bir kunda juda koʻp SMS soʻrovi
        [guesses] bir kunda juda koʻp notoʻgʻri kod
        [payments] bir kunda juda koʻp boshlangan toʻlov
       *[other] { $limit }
    }.

    Buyurtma: { $order }
    { admin-buyer }
    Bot uni vaqtincha toʻxtatdi. Bu talaba haqida yana xabar berilmaydi.
admin-vault =
    ⚠️ Redis javob bermayapti. Shu orada talabalardan karta maʼlumotlarini bitta xabarda yuborish soʻraladi; shunday qilganlar toʻlay oladi, boshlangan toʻlovlarga bu taʼsir qilmaydi.

    REDIS_URL va Redis serverini koʻring: python -m bot check
admin-misconfigured =
    ⚠️ ATMOS soʻrovni qabul qilmadi: { $what }

    Sozlamalarni koʻrib chiqing: python -m bot check
admin-not-reached =
    ⚠️ Soʻrov ATMOSga yetib bormadi: { $what }

    Pul yechilmadi, talabadan qayta urinish soʻraldi. Bu davom etsa: python -m bot check
    Bu haqda soatiga bir martadan koʻp aytilmaydi.
admin-no-yes =
    ⚠️ ATMOS pul yechishdan oldingi savoliga «ha» javobini olmadi: { $what }

    Bot rad javobini bergan boʻlsa, sababini yuqorida alohida xabar qilgan. Bunday xabar boʻlmasa, savol botga yetib kelmagan. Uch narsani koʻring:
    ATMOS_CALLBACK_KEY — ATMOSdagi kalit bilan bir xilmi
    WEB_PORT — yozilganmi
    proksi — ATMOSga berilgan manzilni (…/atmos/callback) shu portga olib boradimi
