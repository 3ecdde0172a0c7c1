# English. Numbers passed as strings (left, seconds) are written without plurals.
# ✅ only in the message about a payment made. "check" only when the outcome is unknown.
# Int arguments are amounts in tiyin, said with MONEY; moments are said with WHEN.

# Offer

offer =
    <b>{ $title }</b>

    { $description }

    Price: <b>{ MONEY($price) } soum</b>
    Seller: { $seller }
offer-discounted =
    <b>{ $title }</b>

    { $description }

    Price: <s>{ MONEY($list-price) } soum</s>
    Discount: { $percent }%
    You pay: <b>{ MONEY($price) } soum</b>
    Seller: { $seller }
offer-discounted-until =
    <b>{ $title }</b>

    { $description }

    Price: <s>{ MONEY($list-price) } soum</s>
    Discount: { $percent }%, until { WHEN($until) }
    You pay: <b>{ MONEY($price) } soum</b>
    Seller: { $seller }
offers = What would you like to buy?
price-changed = ℹ️ The price has changed. The current price is shown above.
unfinished = You have begun a payment of <b>{ MONEY($amount) } soʻm</b>.
offer-gone = There is no such offer, or the sale has ended. To see the offers, tap /start.
group-start = You can pay only in a private chat with the bot. Do not post card details in the group.

# Buttons

pay-button = 💳 Pay — { MONEY($price) } soum
start-again-button = 🔄 Start again
cancel-button = Cancel
resend-button = 📩 Send the code again
language-button = 🌐 Til · Язык · Language
private-button = Open a chat with the bot
enter-button = 🎓 Enter

# Steps

card-ask =
    <b>1/3.</b> { $title } — <b>{ MONEY($amount) } soum</b>

    To pay, send your card number (UzCard or Humo, 16 digits).

    🔒 Your message is deleted from the chat as soon as it is read. The full card number, expiry date and SMS code are not stored.
card-again = Send the card number.
card-again-later = Then send the card number again.
expiry-again = Send the card's expiry date (MM/YY), for example 12/27.
code-again = Send the 6-digit SMS code from your bank.
expiry-ask =
    Card: <b>{ $card }</b>

    <b>2/3.</b> Send the card's expiry date (MM/YY), for example 12/27. This message will be deleted too.
expiry-ask-hint =
    Card: <b>{ $card }</b>
    This does not look like a UzCard or Humo card. If the number is right, go on.

    <b>2/3.</b> Send the card's expiry date (MM/YY), for example 12/27. This message will be deleted too.
code-ask =
    <b>3/3.</b> The bank has sent an SMS code for this payment to the phone linked to card { $card }.

    { $title } — <b>{ MONEY($amount) } soum</b>
    Send that 6-digit SMS code. This is not a Telegram code: it is the bank's code to confirm this payment only. Your message will be deleted.
code-sent-again =
    <b>3/3.</b> The bank has sent a new SMS code to the phone linked to card { $card }.

    { $title } — <b>{ MONEY($amount) } soum</b>
    Send the 6-digit code from the latest SMS. Your message will be deleted.

note-starting = ⏳ Opening the payment…
note-challenge = ⏳ Contacting the bank…
note-capture = ⏳ The payment has been sent to the bank. It usually takes a few seconds, sometimes up to 2 minutes. Please wait and do not send anything.

# What was typed

number-invalid = This does not look like a card number. Send the 16 digits on the card. If you have a question: /paysupport
expiry-invalid = The expiry date is not right. Send it as MM/YY, for example 12/27.
expiry-passed = This card has expired. Send the number of another card, or, if you mistyped the date, send it again.
code-invalid = The SMS code has 6 digits, send it again. If none came, wait a little: a “{ resend-button }” button appears in the message above.
not-text = Only text is accepted at this step. Do not send photos, voice messages or files.
edited = The message was edited, so it was deleted for your safety. Send the details in a new message.
card-guard = Send a card number only when the bot asks for it: one sent at another time is deleted for your safety.
cannot-delete = I could not delete your message. Please delete the message with the card data yourself.
cannot-delete-in-group = I could not delete the message with the card data: please delete it from the group.
card-lost = For your safety the card number is remembered for only a few minutes, and it has now been deleted. Send the card number again.
card-needed = The bank sends a new SMS code only when the card is sent anew, and for your safety we have already deleted it.
card-not-kept = The bot had a short breakdown, no money was taken. Send the card number and the expiry date in one message: first the number, then the date, for example 8600 … 12/27.

# Code

wrong-code =
    The SMS code is wrong, no money was taken. Tries left: { $left }.

    Send the code from the latest SMS.
code-over = The SMS code has expired, no money was taken. Ask for a new code or start the payment again.
resend-wait = You can ask for a new SMS code in { $seconds } sec.
capture-not-sent = The bank could not be reached, no money was taken. Send the SMS code again in a minute.
too-many-cards = Too many cards were sent within an hour, so this one was not passed to the bank, no money was taken. You can pay now with a card you sent before; send a new one after { WHEN($until) }.
too-many-card = This card was tried too many times within the last hour, so it was not passed to the bank, no money was taken. Send it again after { WHEN($until) }, or use another card.
too-many-codes = Too many SMS were asked for within a day, so no new one was, no money was taken. Try again after { WHEN($until) }.
too-many-guesses = Too many wrong codes were entered within a day, so this one was not passed to the bank, no money was taken. Start the payment again after { WHEN($until) }.
too-many-payments = Too many payments were begun within a day, so no new one was opened, no money was taken. Try again after { WHEN($until) }.

# Result

paid =
    ✅ <b>Payment received</b>

    Order: <b>{ $order }</b>
    { $title }
    Amount: <b>{ MONEY($amount) } soum</b>
    Card: { $card }
    Time: { WHEN($at) }
    Transaction: { $transaction }
paid-with-receipt =
    { paid }
    🧾 Fiscal receipt: { $receipt }
paid-late = Order { $order }: we wrote before that this payment had not gone through, but the bank let it through later. It is accepted; do not pay again.
paid-twice =
    ⚠️ Two payments went through for this purchase: { $other } and { $order }. Do not pay again.

    We told the seller, to give one of them back. Questions: /paysupport
access-follows = The seller will contact you about access to the course. Questions: /paysupport
checking =
    ⏳ We are checking the result of your payment. <b>Do not pay again</b>: the money may have been taken already.

    Order: <b>{ $order }</b>. We will write here as soon as the result is known. You do not need to do anything. Any questions: /paysupport
money-back =
    ↩️ <b>The money was given back</b>

    Order: <b>{ $order }</b>
    { $title }
    Amount: <b>{ MONEY($amount) } soum</b>
    Card: { $card }
    Transaction: { $transaction }
    It may take the bank a few days to put it on the card.
money-back-other = Your other payment for this course ({ $other }) stands, and so does your access.
money-stays =
    ℹ️ The money of this payment was not given back: { $title }.

    Order: <b>{ $order }</b>. The payment stands as before, you do not need to pay again. Any questions: /paysupport
was-reversed = The money of this payment was given back to the card.
ask-button = 🔄 Ask for the result
note-asking = ⏳ Asking the bank…
interrupted = The bot was restarted, and may not have read your last message.
not-charged = The payment did not go through: the bank confirmed that no money was taken from the card.
not-charged-said = The payment did not go through: the seller found that no money was taken from the card.
given-back = The payment did not go through: the money that was taken has been returned to the card.
already-paid =
    You have already bought this: { $title }.

    Order: <b>{ $order }</b>. You do not need to pay again.
being-given-back =
    ↩️ The money of this payment is being given back: { $title }.

    Order: <b>{ $order }</b>. We will write the result here. Any questions: /paysupport
start-again = If you like, start the payment again.
expired = The time to pay has run out, no money was taken.
cancelled = The payment is cancelled, no money was taken.
nothing-to-cancel = There is no payment to cancel. To see the offers, tap /start.
intent-over = This payment is already closed, no money was taken for it.
idle = To see the offers, tap /start; if you have a question about a payment, tap /paysupport.

# Why the bank or the gateway said no

declined-card-invalid = The bank did not find this card: the number or the expiry date is wrong. No money was taken.
declined-card-expired = The card has expired. No money was taken. Use another card.
declined-card-blocked = The card is blocked or not active. No money was taken. Use another card or contact your bank.
declined-sms-off = SMS notifications are not on for this card, so the code cannot be sent. Turn them on in the bank's app or at an ATM, or use another card. No money was taken.
declined-insufficient-funds = There is not enough money on the card, no money was taken. Top up the card or use another one.
declined-limit = The card's payment limit is used up, no money was taken. Raise the limit with your bank or use another card.
declined-wrong-code = The SMS code is wrong, no money was taken.
declined-code-expired = The SMS code has expired, no money was taken.
declined-too-many-tries = The SMS code was entered wrong too many times, no money was taken.
declined-code-already-sent = The SMS code has already been sent. Wait for it and send it here.
declined-closed = The bank has closed this payment, no money was taken.
declined-busy = The bank's system is busy now, no money was taken. Try again in a minute or two.
declined-refused-by-merchant = The payment did not go through now, no money was taken. The admins have been told, try again later.
declined-not-found = The bank did not find this payment, no money was taken.
declined-wrong-parameters = Payment is not working right now, no money was taken. The admins have been told, try again later.
declined-unknown = The bank declined the payment, no money was taken. Use another card or try again later. The admins have been told.
gateway-down = The bank could not be reached, no money was taken. Try again in a minute or two.
gateway-misconfigured = Payment is not working right now, no money was taken. The admins have been told, try again later.
error = Something unexpected went wrong. Repeat the last step once more; if that does not help, tap /start.

# Menu

language-ask = Tilni tanlang · Выберите язык · Choose a language
language-uz = Oʻzbekcha
language-ru = Русский
language-en = English
language-chosen = The bot now speaks English.
help =
    With this bot you can pay by UzCard or Humo card.

    /start — offers and payment
    /cancel — cancel a payment you started
    /language — language
    /paysupport — help with a payment
    /privacy — about your data
paysupport = If you have a question about a payment, write (with the order number, if you have one): { $contact }
paysupport-none = If you have a question about a payment, contact the seller (with the order number, if you have one).
privacy =
    The full card number, expiry date and SMS code are not stored: your message is deleted from the chat as soon as it is read, and the number stays in memory for a few minutes only to be sent to the bank.

    Stored: your name, username, Telegram ID and language, the order, the amount, the card's brand and its first 6 and last 4 digits, ATMOS's numbers. Of an unpaid order all this is deleted after { $days } days; of a paid one it is kept for good, as the record of the money. Your Telegram ID and the language you chose are kept for good too. The admin group reads your name, the order and those digits of the card.

    If you have a question, or want your data to be deleted: /paysupport

# Commands in Telegram's menu

command-start = Offers and payment
command-cancel = Cancel the payment
command-language = Language
command-help = Help
command-paysupport = Help with a payment
command-privacy = About your data

# Staff

command-order = Look at a payment, give its money back
command-settle = Settle an unknown payment
reverse-button = ↩️ Give the money back — { MONEY($amount) } soum
settle-button = 🔄 Ask ATMOS
order-status =
    { $status ->
        [created] begun
        [challenged] waiting for the SMS code
        [capturing] outcome unknown, ATMOS is being asked
        [capturing-left] outcome never known, the bot asks no more. Look in the ATMOS cabinet and settle it yourselves: /settle
        [captured] paid
        [reversing] being given back, outcome unknown
        [reversing-left] never known whether the money went back, the bot asks no more. Look in the ATMOS cabinet and settle it yourselves: /settle
        [reversed] money given back
        [failed] did not go through
        [expired] ran out of time
        [cancelled] cancelled
       *[other] { $status }
    }
shown-state =
    { $shown ->
        [paid] paid
        [open] not paid
        [reversed] money given back
       *[other] { $shown }
    }
admin-buyer =
    Buyer: <a href="tg://user?id={ $student }">{ $buyer }</a> · { $username ->
        [none] { $student }
       *[other] { $username } · { $student }
    }
staff-order =
    Order <b>{ $order }</b>: { order-status }

    { $title } — { MONEY($amount) } soum
    { admin-buyer }
    ATMOS transaction_id: { $transaction }
staff-no-order = There is no such order. For example: /order 249100032
staff-which-order = Write the order number, like /order 249100032
staff-no-answer = ATMOS did not answer, nothing has changed. Try again a little later.
staff-not-settled = Not settled: ATMOS may still be acting. Write again about an hour after the payment or the reversal.
staff-known = The outcome is known, so your word was not taken.
staff-still-paid =
    Not settled: ATMOS still shows order { $order } as paid.

    If the cabinet shows it paid too, give the money back there and write: <code>/settle { $order }</code>
    If it is not to be given back: <code>/settle { $order } paid</code>
    If the cabinet shows it given back already, write to your ATMOS manager.
staff-no-outcome = Not settled: this payment cannot have ended so, or SUCCESS_TRANS_ID is missing.
staff-another = Not settled: ATMOS shows another payment, or the number is another order's. Give the money back in the ATMOS cabinet, and the bot will see it.
staff-telegram = Telegram did not answer, so nothing was done. Try once more.
staff-settle =
    /settle 249100032 — ask ATMOS
    If it is still unknown after an hour, write what the ATMOS cabinet shows:
    /settle 249100032 paid SUCCESS_TRANS_ID
    /settle 249100032 unpaid
    /settle 249100032 reversed
    /settle 249100032 paid — it was to be given back, and was not

# Admin group

admin-paid =
    ✅ <b>New payment</b>

    Order: <b>{ $order }</b>
    { $title }
    Amount: <b>{ MONEY($amount) } soum</b>
    { admin-buyer }
    Card: { $card }
    Time: { WHEN($at) }
    ATMOS transaction_id: { $transaction }
    ATMOS success_trans_id: { $success }
admin-paid-with-receipt =
    { admin-paid }
    🧾 Fiscal receipt: { $receipt }
admin-code =
    ⚠️ Unknown answer from ATMOS: <b>{ $code }</b>

    Order: { $order } · ATMOS transaction_id: { $transaction }
    { admin-buyer }
    Ask the ATMOS manager what this code means.
admin-mismatch =
    🚨 ATMOS shows another payment: <b>{ MONEY($amount) } soum</b> was expected, ATMOS says { MONEY($other) } soum. (account { $account })

    Order: { $order } · ATMOS transaction_id: { $transaction }
    { admin-buyer }
    The payment was neither accepted nor refused. Look into the ATMOS cabinet.
admin-approval =
    🚨 ATMOS asked before a debit, and the bot said no: { $why ->
        [unknown] the bot has no such payment
        [amount] the amount is another one
       *[other] the payment is — { order-status }
    }

    In the question: { $tiyin } tiyin, account { $account }

    No money was taken. If you did not start such a payment, tell your ATMOS manager.
admin-not-genuine =
    🚨 A question came to /atmos/callback that the bot does not take for ATMOS's: { $why ->
        [signature] it is not signed with ATMOS_CALLBACK_KEY
        [unreadable] it cannot be read, it is no JSON
       *[other] the signature is right, but a number is missing
    }.

    The bot said no. Perhaps it was not ATMOS at all: anybody can write to that address, and then there is nothing to do.
    If payments do not go through, ask your ATMOS manager: is ATMOS_CALLBACK_KEY the same as theirs?
admin-address = ⚠️ A signed question of ATMOS came from an unlisted address: { $address }. The bot has answered it. Ask your ATMOS manager and, if it is right, add it to ATMOS_CALLBACK_NETWORKS.
admin-unknown =
    🚨 The outcome of a payment is still unknown: <b>{ $order }</b>, { MONEY($amount) } soum

    ATMOS transaction_id: { $transaction }
    { admin-buyer }
    The bot goes on asking ATMOS, and the student was told not to pay again. Meanwhile look into the ATMOS cabinet, and write to your ATMOS manager if need be.
admin-reversal-unknown =
    🚨 It is still unknown whether the money went back: <b>{ $order }</b>, { MONEY($amount) } soum

    ATMOS transaction_id: { $transaction }
    { admin-buyer }
    The bot goes on asking ATMOS. Look in the ATMOS cabinet, but give nothing back there yet.
    If it is still paid there an hour after the press, give the money back in the cabinet, and the bot will see it.
    If it is not to be given back: <code>/settle { $order } paid</code>
admin-left-unknown =
    🚨 The outcome of a payment has stayed unknown, the bot itself asks no more: <b>{ $order }</b>, { MONEY($amount) } soum

    ATMOS transaction_id: { $transaction }
    { admin-buyer }
    Look in the ATMOS cabinet and write in this group:
    <code>/settle { $order } paid SUCCESS_TRANS_ID</code> — the money was taken
    <code>/settle { $order } unpaid</code> — no money was taken
    <code>/settle { $order } reversed</code> — the money was given back
admin-reversal-left-unknown =
    🚨 Whether the money went back has stayed unknown, the bot itself asks no more: <b>{ $order }</b>, { MONEY($amount) } soum

    ATMOS transaction_id: { $transaction }
    { admin-buyer }
    Look in the ATMOS cabinet and write in this group:
    <code>/settle { $order } reversed</code> — the money was given back
    <code>/settle { $order } paid</code> — it was not, and the payment stands
    <code>/settle { $order }</code> — if you have just given it back in the cabinet yourselves
admin-settled =
    📝 { $order } settled by hand ({ shown-state }): { $by }
admin-contradiction =
    🚨 ATMOS differs: <b>{ $order }</b>, { MONEY($amount) } soum. The bot says { order-status }, ATMOS says { shown-state }.

    ATMOS transaction_id: { $transaction }
    { admin-buyer }
    The bot has changed nothing. Look in the ATMOS cabinet.
admin-money-back =
    ↩️ <b>Money given back</b>: { $order }, { MONEY($amount) } soum

    { $title }
    { admin-buyer }
    By: { $by }
    ATMOS transaction_id: { $transaction }
    ATMOS success_trans_id: { $success }
admin-close-access = The student will be told. Close the access to the course yourselves.
admin-keep-access = The student will be told. Their other payment ({ $other }) stands: leave the access to the course.
admin-not-reversed =
    ⚠️ The money did not go back: <b>{ $order }</b>, { MONEY($amount) } soum. It is recorded as paid, as before, and the student will be told.

    ATMOS transaction_id: { $transaction }
    { admin-buyer }
admin-unreachable =
    ⚠️ { $order }: the <a href="tg://user?id={ $student }">student</a> ({ $student }) could not be told the result, they blocked the bot. The payment is not affected; write to them yourselves.
admin-late =
    ⚠️ A late payment: { $order }. The bot took it for closed ({ order-status }), and ATMOS took the money. The order is recorded as paid.
admin-twice =
    🚨 One student paid twice for one thing: <b>{ $order }</b> and <b>{ $other }</b>

    { $title }
    { admin-buyer }
    ATMOS transaction_id: { $transaction }
    The button gives the extra one ({ $order }, { MONEY($amount) } soum) back.
admin-daily =
    📋 Compared with ATMOS: { $agreed } orders agree, { $undecided } not known yet.
admin-daily-differences =
    { admin-daily }

    ⚠️ Differences (stored by the bot → shown by ATMOS):
admin-difference =
    { $order }: { order-status } → { $verdict ->
        [charged] paid
        [not_charged] not paid
        [reversed] money given back
        [not_reversed] money not given back
        [given_back] money taken and given back
        [another] another payment
        [contradiction] not what the bot holds
       *[other] { $verdict }
    }
admin-differences-more = … and { $more } more
admin-limit =
    ⚠️ Somebody may be testing other people's cards: { $limit ->
        [cards] too many cards within an hour
        [card] too many tries of one card within an hour
        [codes] too many SMS asked for within a day
        [guesses] too many wrong codes within a day
        [payments] too many payments begun within a day
       *[other] { $limit }
    }.

    Order: { $order }
    { admin-buyer }
    The bot has stopped them for a while. You will not be told of this student again.
admin-vault =
    ⚠️ Redis does not answer. Meanwhile students are asked to send number and expiry of the card in one message; who does can pay, and payments under way are not affected.

    See REDIS_URL and the Redis server: python -m bot check
admin-misconfigured =
    ⚠️ ATMOS did not accept the request: { $what }

    Look over the settings: python -m bot check
admin-not-reached =
    ⚠️ A request did not reach ATMOS: { $what }

    No money moved, and the student was asked to try again. If this goes on: python -m bot check
    You are told of it once an hour at most.
admin-no-yes =
    ⚠️ ATMOS got no yes to its question before a debit: { $what }

    If the bot said no, it has told you so in a message of its own, with the reason. If there is none, the question did not reach the bot. Look at three things:
    ATMOS_CALLBACK_KEY — the same key as at ATMOS
    WEB_PORT — set
    the proxy — leads the address that ATMOS was given (…/atmos/callback) to that port
