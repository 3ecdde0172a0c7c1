# Русский. Обращение на «вы». Числа-строки (left, seconds) пишутся без склонения.
# ✅ только в сообщении об оплате. «провер» только когда результат неизвестен.
# Int arguments are amounts in tiyin, said with MONEY; moments are said with WHEN.

# Offer

offer =
    <b>{ $title }</b>

    { $description }

    Цена: <b>{ MONEY($price) } сум</b>
    Продавец: { $seller }
offer-discounted =
    <b>{ $title }</b>

    { $description }

    Цена: <s>{ MONEY($list-price) } сум</s>
    Скидка: { $percent }%
    Вы платите: <b>{ MONEY($price) } сум</b>
    Продавец: { $seller }
offer-discounted-until =
    <b>{ $title }</b>

    { $description }

    Цена: <s>{ MONEY($list-price) } сум</s>
    Скидка: { $percent }%, до { WHEN($until) }
    Вы платите: <b>{ MONEY($price) } сум</b>
    Продавец: { $seller }
offers = Что хотите купить?
offer-gone = Такого предложения нет, или продажа закончилась. Чтобы увидеть предложения, нажмите /start.
group-start = Оплата — только в личном чате с ботом. Не пишите данные карты в группу.

# Buttons

pay-button = 💳 Оплатить — { MONEY($price) } сум
start-again-button = 🔄 Начать заново
cancel-button = Отменить
resend-button = 📩 Отправить код ещё раз
language-button = 🌐 Til · Язык · Language
private-button = Открыть чат с ботом
enter-button = 🎓 Войти

# Steps

card-ask =
    <b>1/3.</b> { $title } — <b>{ MONEY($amount) } сум</b>

    Для оплаты отправьте номер карты (UzCard или Humo, 16 цифр).

    🔒 Ваше сообщение удалится из чата сразу после прочтения. Данные карты не сохраняются.
card-again = Отправьте номер карты.
expiry-again = Отправьте срок действия карты (ММ/ГГ), например 12/27.
code-again = Отправьте 6-значный код из SMS от банка.
expiry-ask =
    Карта: <b>{ $card }</b>

    <b>2/3.</b> Отправьте срок действия карты (ММ/ГГ), например 12/27. Это сообщение тоже удалится.
expiry-ask-hint =
    Карта: <b>{ $card }</b>
    Не похоже на карту UzCard или Humo. Если номер верный, продолжайте.

    <b>2/3.</b> Отправьте срок действия карты (ММ/ГГ), например 12/27. Это сообщение тоже удалится.
code-ask =
    <b>3/3.</b> Банк отправил SMS с кодом для этой оплаты на телефон, привязанный к карте { $card }.

    { $title } — <b>{ MONEY($amount) } сум</b>
    Отправьте этот 6-значный код из SMS. Это не код Telegram: им банк подтверждает именно эту оплату. Ваше сообщение удалится.
code-sent-again =
    <b>3/3.</b> Банк отправил SMS с новым кодом на телефон, привязанный к карте { $card }.

    { $title } — <b>{ MONEY($amount) } сум</b>
    Отправьте 6-значный код из самого последнего SMS. Ваше сообщение удалится.

note-starting = ⏳ Открываем оплату…
note-challenge = ⏳ Связываемся с банком…
note-capture = ⏳ Платёж отправлен в банк. Обычно это занимает несколько секунд, иногда до 2 минут. Подождите и ничего не отправляйте.

# What was typed

number-invalid = Номер карты неверный. Отправьте ещё раз 16 цифр, как на карте.
expiry-invalid = Срок написан неверно. Отправьте его в виде ММ/ГГ, например 12/27.
expiry-passed = Срок действия этой карты истёк. Отправьте номер другой карты, а если ошиблись в сроке — отправьте его ещё раз.
code-invalid = Код из SMS состоит из 6 цифр. Отправьте его ещё раз.
not-text = На этом шаге принимается только текст. Не отправляйте фото, голосовые сообщения и файлы.
edited = Сообщение было изменено, поэтому для безопасности мы его удалили. Отправьте данные новым сообщением.
cannot-delete = Не получилось удалить ваше сообщение. Пожалуйста, удалите сами сообщение с данными карты.
card-lost = Для безопасности номер карты хранится в памяти лишь несколько минут и сейчас уже удалён. Отправьте номер карты ещё раз.
card-needed = Банк пришлёт новый SMS-код, только если карту отправить заново, а мы её ради безопасности уже удалили.
card-not-kept = У бота короткий сбой, деньги не списаны. Отправьте номер карты и срок действия (ММ/ГГ) одним сообщением.

# Code

wrong-code =
    Код из SMS неверный, деньги не списаны. Осталось попыток: { $left }.

    Отправьте код из самого последнего SMS.
code-over = Время действия кода из SMS истекло, деньги не списаны. Запросите новый код или начните оплату заново.
resend-wait = Новый код из SMS можно запросить через { $seconds } сек.
capture-not-sent = Не удалось связаться с банком, деньги не списаны. Через минуту отправьте код из SMS ещё раз.

# Result

paid =
    ✅ <b>Оплата принята</b>

    Заказ: <b>{ $order }</b>
    { $title }
    Сумма: <b>{ MONEY($amount) } сум</b>
    Карта: { $card }
    Время: { WHEN($at) }
    Транзакция: { $transaction }
paid-with-receipt =
    { paid }
    🧾 Фискальный чек: { $receipt }
checking =
    ⏳ Проверяем результат оплаты. <b>Не платите повторно</b>: деньги, возможно, уже списаны.

    Заказ: <b>{ $order }</b>. Как только результат станет известен, напишем сюда. От вас ничего не требуется.
money-back =
    ↩️ <b>Деньги возвращены</b>

    Заказ: <b>{ $order }</b>
    { $title }
    Сумма: <b>{ MONEY($amount) } сум</b>
    Карта: { $card }
    Номер в ATMOS: { $transaction }
    До карты деньги могут идти несколько дней, это зависит от банка.
money-back-other = Другая ваша оплата ({ $other }) действует, доступ к курсу сохраняется.
was-reversed = Деньги за этот платёж возвращены на карту.
ask-button = 🔄 Узнать результат
note-asking = ⏳ Спрашиваем банк…
interrupted = Бот был перезапущен, ваше последнее сообщение могло остаться непрочитанным.
not-charged = Оплата не прошла: банк подтвердил, что деньги с карты не списаны.
not-charged-said = Оплата не прошла: продавец выяснил, что деньги с карты не списаны.
given-back = Оплата не прошла: списанные деньги возвращены на карту.
already-paid =
    Вы это уже купили: { $title }.

    Заказ: <b>{ $order }</b>. Платить ещё раз не нужно.
start-again = Если хотите, начните оплату заново.
expired = Время на оплату истекло, деньги не списаны.
cancelled = Оплата отменена, деньги не списаны.
nothing-to-cancel = Отменять нечего: незавершённой оплаты нет. Чтобы увидеть предложения, нажмите /start.
intent-over = Эта оплата уже закрыта, деньги по ней не списаны.
idle = Чтобы начать оплату, нажмите /start.

# Why the bank or the gateway said no

declined-card-invalid = Банк не нашёл такую карту: неверный номер или срок. Деньги не списаны.
declined-card-expired = Срок действия карты истёк. Деньги не списаны. Воспользуйтесь другой картой.
declined-card-blocked = Карта заблокирована или неактивна. Деньги не списаны. Воспользуйтесь другой картой или обратитесь в свой банк.
declined-sms-off = К карте не подключены SMS-уведомления, поэтому код отправить нельзя. Включите их в приложении банка или в банкомате либо воспользуйтесь другой картой. Деньги не списаны.
declined-insufficient-funds = На карте не хватает средств, деньги не списаны. Пополните карту или воспользуйтесь другой.
declined-limit = Лимит платежей по карте исчерпан, деньги не списаны. Увеличьте лимит в своём банке или воспользуйтесь другой картой.
declined-wrong-code = Код из SMS неверный, деньги не списаны.
declined-code-expired = Время действия кода из SMS истекло, деньги не списаны.
declined-too-many-tries = Код из SMS слишком много раз введён неверно, деньги не списаны.
declined-code-already-sent = Код уже отправлен в SMS. Дождитесь его и отправьте сюда.
declined-closed = Банк закрыл этот платёж, деньги не списаны.
declined-busy = Система банка сейчас занята, деньги не списаны. Попробуйте ещё раз через пару минут.
declined-refused-by-merchant = Продавец не принял платёж, деньги не списаны. Мы сообщили администраторам, попробуйте позже.
declined-not-found = Банк не нашёл этот платёж, деньги не списаны.
declined-wrong-parameters = Оплата сейчас не работает, деньги не списаны. Мы сообщили администраторам, попробуйте позже.
declined-unknown = Банк отклонил платёж, деньги не списаны. Воспользуйтесь другой картой или попробуйте позже. Мы сообщили администраторам.
gateway-down = Не удалось связаться с банком, деньги не списаны. Попробуйте ещё раз через пару минут.
gateway-misconfigured = Оплата сейчас не работает, деньги не списаны. Мы сообщили администраторам, попробуйте позже.
error = Произошла непредвиденная ошибка. Повторите последний шаг ещё раз; если не поможет, нажмите /start.

# Menu

language-ask = Tilni tanlang · Выберите язык · Choose a language
language-uz = Oʻzbekcha
language-ru = Русский
language-en = English
language-chosen = Теперь бот говорит по-русски.
help =
    Через этого бота можно платить картой UzCard или Humo.

    /start — предложения и оплата
    /cancel — отменить начатую оплату
    /language — язык
    /paysupport — помощь с оплатой
    /privacy — о ваших данных
paysupport = Если есть вопрос по оплате, напишите и укажите номер заказа: { $contact }
paysupport-none = Если есть вопрос по оплате, обратитесь к продавцу и укажите номер заказа.
privacy =
    Номер карты, срок действия и код из SMS не сохраняются: ваше сообщение удаляется из чата сразу после прочтения, а номер остаётся в памяти на несколько минут, только чтобы передать его банку.

    Сохраняются: ваше имя, Telegram ID, заказ, сумма, первые 6 и последние 4 цифры карты. Попросить их удалить: /paysupport

# Commands in Telegram's menu

command-start = Предложения и оплата
command-cancel = Отменить оплату
command-language = Язык
command-help = Помощь
command-paysupport = Помощь с оплатой
command-privacy = О ваших данных

# Staff

command-order = Посмотреть платёж и вернуть деньги
command-settle = Решить неизвестный платёж
reverse-button = ↩️ Вернуть деньги — { MONEY($amount) } сум
settle-button = 🔄 Спросить ATMOS
staff-order =
    Заказ <b>{ $order }</b>: { $status ->
        [created] начат
        [challenged] ждёт СМС-код
        [capturing] результат неизвестен, бот спрашивает ATMOS
        [captured] оплачен
        [reversing] возвращается, результат неизвестен
        [reversed] деньги возвращены
        [failed] не прошёл
        [expired] время истекло
        [cancelled] отменён
       *[other] { $status }
    }

    { $title } — { MONEY($amount) } сум
    Покупатель: { $buyer } · { $username } · { $student }
    ATMOS transaction_id: { $transaction }
staff-no-order = Такого заказа нет. Например: /order 249100032
staff-no-answer = ATMOS сейчас не ответил, ничего не изменилось. Попробуйте ещё раз чуть позже.
staff-not-settled = Не решено: платёж не неизвестный, или ATMOS ещё может работать. Попробуйте ещё раз чуть позже.
staff-another = Не решено: ATMOS показывает другой платёж, или этот номер от другого заказа. Если вернуть деньги в кабинете ATMOS, бот увидит это сам.
staff-telegram = Telegram не ответил, поэтому ничего не сделано. Попробуйте ещё раз.
staff-settle =
    /settle 249100032 — спросить ATMOS
    Если ATMOS не отвечает, напишите, что видно в его кабинете:
    /settle 249100032 paid SUCCESS_TRANS_ID
    /settle 249100032 unpaid
    /settle 249100032 reversed

# Admin group

admin-paid =
    ✅ <b>Новая оплата</b>

    Заказ: <b>{ $order }</b>
    { $title }
    Сумма: <b>{ MONEY($amount) } сум</b>
    Покупатель: { $buyer } · { $username } · { $student }
    Карта: { $card }
    Время: { WHEN($at) }
    ATMOS transaction_id: { $transaction }
    ATMOS success_trans_id: { $success }
admin-paid-with-receipt =
    { admin-paid }
    🧾 Фискальный чек: { $receipt }
admin-code =
    ⚠️ Неизвестный ответ ATMOS: <b>{ $code }</b>

    Заказ: { $order } · ATMOS transaction_id: { $transaction }
    Покупатель: { $buyer } · { $username } · { $student }
    Узнайте значение этого кода у менеджера ATMOS.
admin-mismatch =
    🚨 ATMOS показывает другой платёж: ожидалось <b>{ MONEY($amount) } сум</b>, ATMOS говорит { MONEY($other) } сум. (account { $account })

    Заказ: { $order } · ATMOS transaction_id: { $transaction }
    Покупатель: { $buyer } · { $username } · { $student }
    Платёж не принят и не отклонён. Посмотрите в кабинете ATMOS.
admin-approval =
    🚨 ATMOS спросил перед списанием, бот не разрешил: { $why }

    Деньги не списаны. Если такой платёж начали не вы, сообщите менеджеру ATMOS.
admin-address = ⚠️ Подписанный вопрос ATMOS пришёл с незнакомого адреса: { $address }. Бот ответил. Спросите менеджера ATMOS и, если всё верно, добавьте адрес в ATMOS_CALLBACK_NETWORKS.
admin-unknown =
    🚨 Исход платежа всё ещё неизвестен: <b>{ $order }</b>, { MONEY($amount) } сум

    ATMOS transaction_id: { $transaction }
    Покупатель: { $buyer } · { $username } · { $student }
    Бот продолжает спрашивать ATMOS, студенту сказано не платить повторно. Посмотрите тем временем в кабинете ATMOS и, если нужно, напишите менеджеру ATMOS.
admin-reversal-unknown =
    🚨 До сих пор неизвестно, возвращены ли деньги: <b>{ $order }</b>, { MONEY($amount) } сум

    ATMOS transaction_id: { $transaction }
    Покупатель: { $buyer } · { $username } · { $student }
    Бот продолжает спрашивать ATMOS. Не возвращайте этот платёж ещё раз в кабинете ATMOS: сначала посмотрите там.
admin-left-unknown =
    🚨 Результат платежа остался неизвестным, сам бот больше не спрашивает: <b>{ $order }</b>, { MONEY($amount) } сум

    ATMOS transaction_id: { $transaction }
    Покупатель: { $buyer } · { $username } · { $student }
    Посмотрите в кабинете ATMOS и напишите в этой группе:
    <code>/settle { $order } paid SUCCESS_TRANS_ID</code> — деньги списаны
    <code>/settle { $order } unpaid</code> — деньги не списаны
    <code>/settle { $order } reversed</code> — деньги возвращены
admin-settled =
    📝 { $order }: решено вручную ({ $seen }): { $by }
admin-contradiction =
    🚨 Расхождение с ATMOS: <b>{ $order }</b>, { MONEY($amount) } сум. У бота: { $status }, у ATMOS: { $shown }.

    ATMOS transaction_id: { $transaction }
    Покупатель: { $buyer } · { $username } · { $student }
    Бот ничего не изменил. Посмотрите в кабинете ATMOS.
admin-money-back =
    ↩️ <b>Деньги возвращены</b>: { $order }, { MONEY($amount) } сум

    { $title }
    Покупатель: { $buyer } · { $username } · { $student }
    Кто вернул: { $by }
    ATMOS transaction_id: { $transaction }
    ATMOS success_trans_id: { $success }
admin-close-access = Студент получит сообщение об этом. Доступ к курсу закройте сами.
admin-keep-access = Студент получит сообщение об этом. Другая его оплата ({ $other }) действует: доступ к курсу не закрывайте.
admin-not-reversed =
    ⚠️ Деньги не вернулись: <b>{ $order }</b>, { MONEY($amount) } сум. ATMOS по-прежнему показывает платёж оплаченным.

    ATMOS transaction_id: { $transaction }
    Покупатель: { $buyer } · { $username } · { $student }
admin-unreachable =
    ⚠️ { $order }: не удалось сообщить результат студенту ({ $student }), он заблокировал бота. На платёж это не влияет; напишите ему сами.
admin-late =
    ⚠️ Поздний платёж: { $order }. Бот считал его закрытым ({ $was }), а ATMOS списал деньги. Заказ записан как оплаченный.
admin-twice =
    🚨 Один студент заплатил за одно и то же дважды: <b>{ $order }</b> и <b>{ $other }</b>

    { $title }
    Покупатель: { $buyer } · { $username } · { $student }
    ATMOS transaction_id: { $transaction }
    Лишний ({ $order }, { MONEY($amount) } сум) можно вернуть кнопкой.
admin-daily =
    📋 Сверка с ATMOS: сходится заказов: { $agreed }, пока неизвестно: { $undecided }.
admin-daily-differences =
    { admin-daily }

    ⚠️ Расхождения (записано у бота → показал ATMOS):
    { $list }
admin-vault =
    ⚠️ Redis не отвечает. Пока бот просит студентов отправить данные карты одним сообщением; кто так сделает, сможет заплатить, на начатые платежи это не влияет.

    Посмотрите REDIS_URL и сервер Redis: python -m bot check
admin-misconfigured =
    ⚠️ ATMOS не принял запрос: { $what }

    Посмотрите настройки: python -m bot check
