"""Forwards of many clients, each in the shape that its client writes; and what looks like one and is none."""

from __future__ import annotations

import pytest
from letters import CRM, mail, people, record

from relay.attribution.record import Role, Route

A = "Anna Lee <anna@lead.example>"
R = "rep@our.example"

# name: (subject, text, the body, the moment in UTC)
CLIENTS = {
    "notes": ("Fwd: x", f"fyi\n\n----- Forwarded by Rep/OURS on 05/04/2026 10:00 AM -----\n\nFrom:\t{A}\nTo:\t{R}\nDate:\t10/27/2021 09:31 AM\nSubject:\tFrage\n\nHello\n", "Hello", "2021-10-27 07:31:00"),
    "notes, two columns": ("Fwd: x", f'fyi\n\n----- Forwarded by Rep Name/City/Co on 02/03/2010 10:22 AM -----\n\n                      Anna Lee\n                      <anna@lead.example>        To:   "{R}" <{R}>\n                      10/27/2021 09:31 AM        cc:\n                                                 Subject: Frage\n\n\nHello\n', "Hello", "2021-10-27 07:31:00"),
    "notes 7": ("Fwd: x", f"----- Forwarded by Rep/OURS on 02/03/2010 10:22 AM -----\n\n{A}\n10/27/2021 09:31 AM\n\nTo\n{R}\ncc\n\nSubject\nFrage\n\n\nHello there\n", "Hello there", "2021-10-27 07:31:00"),
    "notes, German": ("Fwd: x", f"----- Weitergeleitet von Rep/OURS am 03.02.2010 10:22 -----\n\n{A}\n27.10.2021 09:31\n\nAn\n{R}\nKopie\n\nThema\nFrage\n\n\nGuten Tag\n", "Guten Tag", "2021-10-27 07:31:00"),
    "mail.ru": ("Fwd: x", f"-------- Пересылаемое сообщение --------\nОт кого: {A}\nКому: {R}\nДата: Среда, 27 октября 2021, 9:31 +03:00\nТема: Frage\n\nПривет\n", "Привет", "2021-10-27 06:31:00"),
    "mutt": ("Fwd: x", f"----- Forwarded message from {A} -----\n\nDate: Wed, 27 Oct 2021 09:31:00 +0200\nFrom: {A}\nTo: {R}\nSubject: Frage\nUser-Agent: Mutt/1.5\n\nHello\n\n----- End forwarded message -----\n", "Hello", "2021-10-27 07:31:00"),
    "the bat": ("Fwd: x", f"This is a forwarded message\nFrom: {A}\nTo: {R}\nDate: Wednesday, October 27, 2021, 9:31:00 AM\nSubject: Frage\n===8<==============Original message text===============\nHello\n\n===8<===========End of original message text===========\n", "Hello", "2021-10-27 07:31:00"),
    "orange": ("TR: x", f'voici\n\n> Message du 27/10/21 09:31\n> De : "Anna Lee" <anna@lead.example>\n> A : {R}\n> Copie à : \n> Objet : Frage\n> \n> Bonjour\n> \n', "Bonjour", "2021-10-27 07:31:00"),
    "qq": ("转发：x", f'------------------ 原始邮件 ------------------\n发件人: "Anna Lee" <anna@lead.example>;\n发送时间: 2021年10月27日(星期三) 上午9:31\n收件人: "rep"<{R}>;\n主题: Frage\n\n你好\n', "你好", "2021-10-27 07:31:00"),
    "163": ("转发:x", f'-------- 转发邮件信息 --------\n发件人："Anna Lee" <anna@lead.example>\n发送日期：2021-10-27 09:31:00\n收件人："{R}" <{R}>\n主题：Frage\n你好\n', "你好", "2021-10-27 07:31:00"),
    "foxmail": ("转发: x", f"------------------ 原始邮件 ------------------\n发 件 人：{A}\n发送时间：2021-10-27 09:31\n收 件 人：{R}\n主    题：Frage\n\n你好", "你好", "2021-10-27 07:31:00"),
    "naver": ("FW: x", f'-----Original Message-----\nFrom: "Anna Lee"<anna@lead.example>\nTo: <{R}>;\nCc:\nSent: 2021-10-27 (수) 09:31:00 (GMT+09:00)\nSubject: Frage\n\n안녕', "안녕", "2021-10-27 00:31:00"),
    "daum": ("전달: x", f"--------- 원본 메일 ---------\n보낸사람 : {A}\n받는사람 : {R}\n날짜: 2021년 10월 27일 수요일, 09시 31분 20초 +0900\n제목: Frage\n\n안녕", "안녕", "2021-10-27 00:31:20"),
    "em client": ("Fwd: x", f'------ Forwarded Message ------\nFrom "Anna Lee" <anna@lead.example>\nTo "Rep" <{R}>\nDate 10/27/2021 9:31:00 AM\nSubject Frage\n\nTo whom it may concern: hello', "To whom it may concern: hello", "2021-10-27 07:31:00"),
    "em client, German": ("Fwd: x", f'------ Weitergeleitete Nachricht ------\nVon "Anna Lee" <anna@lead.example>\nAn "Rep" <{R}>\nDatum 27.10.2021 09:31:00\nBetreff Frage\n\nHallo', "Hallo", "2021-10-27 07:31:00"),
    "seznam": ("Fwd: x", f"---------- Původní e-mail ----------\nOd: {A}\nKomu: {R}\nDatum: 27. 10. 2021 9:31:20\nPředmět: Frage\n\nAhoj", "Ahoj", "2021-10-27 07:31:20"),
    "t-online": ("WG: x", f'-----Original-Nachricht-----\nBetreff: Frage\nDatum: 2021-10-27T09:31:20+0200\nVon: "Anna Lee" <anna@lead.example>\nAn: "{R}" <{R}>\n\nHallo', "Hallo", "2021-10-27 07:31:20"),
    "gmx": ("Fw: x", f'Gesendet: Mittwoch, 27. Oktober 2021 um 09:31 Uhr\nVon: "Anna Lee" <anna@lead.example>\nAn: {R}\nBetreff: Frage\nHallo', "Hallo", "2021-10-27 07:31:00"),
    "run together": ("FW: x", f"From: {A} Sent: Wednesday, October 27, 2021 9:31 AM To: {R} Cc: Bob Subject: Frage\n\nHello", "Hello", "2021-10-27 07:31:00"),
    "run together and wrapped": ("FW: x", f"From: {A} Sent: Wednesday, October 27,\n2021 9:31 AM To: {R} Cc: Bob\nSubject: Frage\n\nHello", "Hello", "2021-10-27 07:31:00"),
    "entourage": ("FW: x", f"------ Forwarded Message\nFrom: {A}\nReply-To: <x@lead.example>\nDate: Wed, 27 Oct 2021 09:31:00 +0200\nTo: <{R}>\nConversation: Frage\nSubject: Frage\n\nHello\n\n------ End of Forwarded Message\n", "Hello", "2021-10-27 07:31:00"),
    "samsung": ("VS: x", f"-------- Oprindelig besked --------\nFra: {A}\nDato: 27.10.2021 09.31 (GMT+01:00)\nTil: {R}\nEmne: Frage\n\nHej", "Hej", "2021-10-27 08:31:00"),
    "outlook, Danish": ("VS: x", f"Fra: {A}\nSendt: 27. oktober 2021 09:31\nTil: {R}\nEmne: Frage\n\nHej", "Hej", "2021-10-27 07:31:00"),
    "apple, Thai": ("Fwd: x", f"เริ่มต้นข้อความที่ส่งต่อ:\n\nจาก: {A}\nหัวเรื่อง: Frage\nวันที่: 27 ตุลาคม พ.ศ. 2564 เวลา 09:31:00 GMT+7\nถึง: {R}\n\nสวัสดี", "สวัสดี", "2021-10-27 02:31:00"),
    "zoho": ("Fwd: x", f' ============ Forwarded message ============\nFrom : {A}\nTo : "rep"<{R}>\nDate : Wed, 27 Oct 2021 09:31:00 +0200\nSubject : Frage\n ============ Forwarded message ============\n\nHello', "Hello", "2021-10-27 07:31:00"),
    "spark": ("Fwd: x", f"---------- Forwarded message ----------\nFrom: {A}\nDate: On Wed, 27 Oct 2021 at 09:31\nSubject: Frage\nTo: {R}\n\nHello", "Hello", "2021-10-27 07:31:00"),
    "horde": ("Fwd: x", f"----- Weitergeleitete Nachricht von anna@lead.example -----\n    Datum: Wed, 27 Oct 2021 09:31:00 +0200\n      Von: {A}\n  Betreff: Frage\n       An: {R}\n\nHallo\n\n----- Ende der weitergeleiteten Nachricht -----\n", "Hallo", "2021-10-27 07:31:00"),
    "unknown words between dashes": ("Xyz", f"-------- Zzz yyy xxx --------\nFrom: {A}\nDate: Wed, 27 Oct 2021 09:31:00 +0200\nTo: {R}\nSubject: Frage\n\nHello", "Hello", "2021-10-27 07:31:00"),
    "on behalf": ("FW: x", f"From: assistant@lead.example <assistant@lead.example> on behalf of {A}\nSent: Wednesday, October 27, 2021 9:31 AM\nTo: Rep <{R}>\nSubject: Frage\n\nHello", "Hello", "2021-10-27 07:31:00"),
    "on behalf, German": ("WG: x", f"Von: assistant@lead.example [mailto:assistant@lead.example] Im Auftrag von {A}\nGesendet: Mittwoch, 27. Oktober 2021 09:31\nAn: Rep <{R}>\nBetreff: Frage\n\nHello", "Hello", "2021-10-27 07:31:00"),
    "netease, a table": ("Fw: x", f"---- Forwarded Message ----\n| From | Anna Lee<anna@lead.example> |\n| Date | 2021-10-27 09:31 |\n| To | <{R}> |\n| Subject | Frage |\n\nHello", "Hello", "2021-10-27 07:31:00"),
    "gmail, Vietnamese, weekdays have numbers": ("Fwd: x", f"---------- Forwarded message ---------\nTừ: {A}\nDate: Th 4, 27 thg 10, 2021 vào lúc 09:31\nSubject: Frage\nTo: <{R}>\n\nChào", "Chào", "2021-10-27 07:31:00"),
    "apple, Chinese, the zone before the clock": ("Fwd: x", f"转发的邮件：\n\n发件人: {A}\n主题: Frage\n日期: 2021年10月27日 GMT+8 下午9:31:12\n收件人: {R}\n\n你好", "你好", "2021-10-27 13:31:12"),
    "notes 10, a rule under the block": ("Fwd: x", f"----- Weitergeleitet von Rep/OURS am 28.10.2021 10:00 -----\n\nVon: {A}\nAn: {R}\nDatum: 27.10.2021 09:31\nBetreff: Frage\n________________________________\n\nHallo", "Hallo", "2021-10-27 07:31:00"),
    "netease, a title in no table": ("转发：x", f"---- Xzy Xyzzy Xzyxy ----\n| 发件人 | Anna Lee<anna@lead.example> |\n| 发送日期 | 2021年10月27日 09:31 |\n| 收件人 | <{R}> |\n| 主题 | Frage |\n\n你好", "你好", "2021-10-27 07:31:00"),
    "becky": ("Fw: x", f"Forwarded by Rep\n---------------- Original message follows ----------------\n From: {A}\n To: {R}\n Date: Wed, 27 Oct 2021 09:31:00 +0900\n Subject: Frage\n--\n\nHello", "Hello", "2021-10-27 00:31:00"),
    "english labels, a date in Serbian": ("FW: x", f"From: {A}\nSent: sreda, 27. oktobar 2021. 09:31\nTo: Rep <{R}>\nSubject: Frage\n\nZdravo", "Zdravo", "2021-10-27 07:31:00"),
    "a date's label that is in no table": ("FW: x", f"Saatja: {A}\nXaeg: kolmapäev, 27. oktoober 2021 09:31\nAdressaat: Rep <{R}>\nTeema: Frage\n\nTere", "Tere", "2021-10-27 07:31:00"),
    "a label that is in no table": ("Fwd: x", f"---------- Forwarded message ---------\nXfrom: {A}\nDate: Wed, Oct 27, 2021 at 9:31 AM\nSubject: Frage\nTo: <{R}>\n\nHello", "Hello", "2021-10-27 07:31:00"),
    "armenian signs for colons": ("Fwd: x", f"---------- Փոխանցված հաղորդագրություն ---------\nՈւմից՝ {A}\nԱմսաթիվ՝ չրք, 27 հոկ, 2021 թ. 09:31\nԹեմա՝ Frage\nՈւմ՝ {R}\n\nԲարև", "Բարև", "2021-10-27 07:31:00"),
    "apple, a title that is in no table": ("Fwd: x", f"> Xxxx yyyy zzz:\n> \n> Von: {A}\n> Datum: 27. Oktober 2021 um 09:31:00 MESZ\n> An: {R}\n> Betreff: Frage\n> \n> Hallo", "Hallo", "2021-10-27 07:31:00"),
    "a label of the recipients that is in no table": ("Fwd: x", f"-------- Originalnachricht --------\nBetreff: Frage\nDatum: 27.10.2021 09:31\nXto: {R}\nVon: {A}\n\nHallo", "Hallo", "2021-10-27 07:31:00"),
    "the same, last": ("Fwd: x", f"-------- Originalnachricht --------\nBetreff: Frage\nDatum: 27.10.2021 09:31\nVon: {A}\nXto: {R}\n\nHallo", "Hallo", "2021-10-27 07:31:00"),
    "a sender's label in no table below a known title": ("Fwd: x", f"-------- Originalnachricht --------\nBetreff: Frage\nDatum: 27.10.2021 09:31\nXfrom: {A}\nAn: {R}\n\nHallo", "Hallo", "2021-10-27 07:31:00"),
    "header fields as they came": ("Fwd: x", f"----- Forwarded message from {A} -----\n\nReturn-Path: <b@lead.example>\nReceived: from mx.lead.example (mx.lead.example [192.0.2.1])\n\tby our.example with ESMTPS id 4F2\n\tfor <{R}>; Wed, 27 Oct 2021 09:31:10 +0200 (CEST)\nDate: Wed, 27 Oct 2021 09:31:00 +0200\nFrom: =?utf-8?q?Anna_Lee?= <anna@lead.example>\nTo: {R}\nSubject: =?utf-8?B?RnJhZ2U=?=\nX-Mailer: Foo\n\nHello\n\n----- End forwarded message -----\n", "Hello", "2021-10-27 07:31:00"),
    "mobile outlook, Japanese": ("FW: x", f"差出人: {A}\n送信日時: 水曜日, 10月 27, 2021 9:31 午前\n宛先: {R}\n件名: Frage\n\nこんにちは", "こんにちは", "2021-10-27 07:31:00"),
    "mobile outlook, Chinese": ("FW: x", f"寄件者: {A}\n寄件日期: 星期三, 十月 27, 2021 9:31 上午\n收件者: {R}\n主旨: Frage\n\n你好", "你好", "2021-10-27 07:31:00"),
    "labels that are in no table": ("Fwd: x", f"---------- Forwarded message ---------\nXfrom: {A}\nXsent: Wed, Oct 27, 2021 at 9:31 AM\nXsubj: Frage\nXto: <{R}>\n\nHello", "Hello", "2021-10-27 07:31:00"),
}  # fmt: skip

# Without a block: the author and the moment come from a line, the recipients from nowhere.
ATTRIBUTED = {
    "yandex": '-------- Пересылаемое сообщение --------\n27.10.2021, 09:31, "Anna Lee" <anna@lead.example>:\n\nHallo\n\n-------- Завершение пересылаемого сообщения --------\n',
    "wp": f"Dnia 27 października 2021 09:31 {A} napisał(a):\n\nHallo",
    "groupwise": f"fyi\n\n>>> {A} 27.10.2021 09:31 >>>\nHallo\n",
    "groupwise, newer": f">>> On 10/27/2021 at 9:31 AM, in message <6179@x.example>, {A}\nwrote:\nHallo",
    "zoho": f"---- On Wed, 27 Oct 2021 09:31:00 +0200 {A} wrote ----\n\nHallo",
    "German": f"zur Info\n\nAm 27.10.2021 um 09:31 schrieb {A}:\n\n> Hallo",
    "Russian": '28/10/2021, 12:46 пользователь "Anna Lee" <anna@lead.example> написал:\n\n    Hallo'.replace("28/10/2021, 12:46", "27/10/2021, 09:31"),
    "Turkish": '"Anna Lee" <anna@lead.example>, 27/10/2021 09:31 tarihinde şunu yazdı:\n\n    Hallo',
}  # fmt: skip


@pytest.mark.parametrize("name", CLIENTS)
def test_what_a_client_forwards_is_recovered_whole(name):
    subject, text, body, moment = CLIENTS[name]
    got = record(mail(to=CRM, subject=subject, text=text))
    assert got.route is Route.FORWARD
    assert got.author is not None
    assert (got.author.key, got.author_name, got.subject) == ("anna@lead.example", "Anna Lee", "Frage")
    assert [party.address.key for party in got.parties if party.role is Role.TO] == [R]
    assert got.text.strip() == body
    assert (got.originated_at.strftime("%Y-%m-%d %H:%M:%S"), got.date_source) == (moment, "forwarded")


MARKS = ("\u200b", "\u200e", "\u2060", "\ufeff", "\u00ad")


@pytest.mark.parametrize("mark", MARKS, ids=ascii)
def test_marks_that_nobody_sees_hide_no_forward(mark):
    text = (
        f"-----{mark}-----{mark} Forwarded message ---------\n{mark}From:{mark} {mark}Anna Lee {mark}<{mark}anna@lead.example{mark}>\n"
        f"Da{mark}te: Wed, Oct 27, 2021 at 9:31 AM{mark}\n{mark}Subject:{mark} Frage\nTo{mark}: <{mark}rep@our.example>{mark}\n\nHello"
    )
    one = record(mail(to=CRM, subject="Fwd: x", text=text))
    assert (one.route, one.author.key, one.author_name) == ("forward", "anna@lead.example", "Anna Lee")
    assert (one.subject, one.text.strip(), one.date_source) == ("Frage", "Hello", "forwarded")
    assert people(one)["rep@our.example"] == "to"


ATTRIBUTED_BARE = "--\nSecured with Tuta Mail\n\n27 Oct 2021, 09:31 by anna@lead.example:\n\n> Hallo\n"


def test_an_attribution_that_ends_with_an_address_needs_no_verb():
    got = record(mail(to=CRM, subject="FWD: Frage", text=ATTRIBUTED_BARE))
    assert (got.author and got.author.key, got.author_name, got.text) == ("anna@lead.example", "", "Hallo")


@pytest.mark.parametrize("name", ATTRIBUTED)
def test_a_line_above_the_message_tells_who_wrote_it_and_when(name):
    got = record(mail(to=CRM, subject="Fwd: Frage", text=ATTRIBUTED[name]))
    assert (got.route, got.author and got.author.key, got.author_name) == (
        Route.FORWARD,
        "anna@lead.example",
        "Anna Lee",
    )
    assert (got.originated_at.strftime("%Y-%m-%d %H:%M"), got.text.strip()) == ("2021-10-27 07:31", "Hallo")


NO_FORWARDS = {
    "a Finnish reply": ("VS: Frage", f"Lähettäjä: {A}\nLähetetty: 27. lokakuuta 2021 9:31\nVastaanottaja: {R}\nAihe: Frage\n\nHei"),
    "a journey": ("Reise", "Von: Berlin\nAn: Hamburg\nBetreff: Bahn\nDatum: 3. Mai\n"),
    "a quoted header": ("Mail trouble", f"Hi, the header was:\n\nFrom: {A}\nlooks wrong.\nDate: none"),
    "a form": ("Form", "No: 5\nDate: 3 May 2026 09:31\nSubject: maths\nTo: the school\n"),
    "a newsletter about headers": ("How mail works", "Every mail has From:, To: and Subject: lines. A forward begins with\n\n---------- Forwarded message ---------\n\nand goes on with them."),
    "an attribution under no prefix": ("Frage", f"Am 27.10.2021 um 09:31 schrieb {A}:\n\n> Hallo"),
    "a reply above a quoted forward": ("Re: Frage", f"ok\n\n> ja\n> \n> -------- Weitergeleitete Nachricht --------\n> Von: {A}\n> Datum: 27.10.2021 09:31\n> An: {R}\n> Betreff: Frage\n"),
    "a table of hours": ("Hours", "From: 9:00\nTo: 17:00\nDate: 27.10.2021\nSubject: opening hours\n"),
    "an unknown language under an unknown prefix": ("Xr: Frage", f"-------- Zzz yyy xxx --------\nXfrom: {A}\nXsent: 27.10.2021 09:31\nXto: {R}\nXsubj: Frage\n\nHei"),
}  # fmt: skip


BLOCK = f"ok\n\nFrom: {A}\nSent: Wednesday, October 27, 2021 9:31 AM\nTo: {R}\nSubject: Frage\n\nHello"
NO_FORWARDS |= {
    "a prefix in no table": ("Xr: Frage", BLOCK),
    "a Vietnamese reply": ("TL: Frage", f"Từ: {A}\nĐã gửi: 27 tháng 10 2021 09:31\nTới: {R}\nChủ đề: Frage\n\nok"),
    "an answering machine": ("Automatic reply: Frage", BLOCK),
}


@pytest.mark.parametrize("name", NO_FORWARDS)
def test_what_only_looks_like_a_forward_is_none(name):
    subject, text = NO_FORWARDS[name]
    got = record(mail(to=CRM, subject=subject, text=text))
    assert (got.route, got.author and got.author.key) == (Route.DIRECT, "rep@our.example")


@pytest.mark.parametrize("field", ["List-Id: <team.our.example>", "Auto-Submitted: auto-replied", "Precedence: bulk"])
def test_what_a_program_sends_under_a_subject_of_its_own_is_no_forward(field):
    content = mail(to=CRM, subject="Digest 3", text=BLOCK)
    assert record(content).route is Route.FORWARD
    assert record(field.encode() + b"\r\n" + content).route is Route.DIRECT


@pytest.mark.parametrize("title", ["---------- Forwarded message ---------", "Begin forwarded message:"])
def test_a_forward_whose_block_nobody_can_read_is_a_forward_without_sender(title):
    got = record(mail(to=CRM, subject="Fwd: Frage", text=f"fyi\n\n{title}\n\nann@lead.example asks\n"))
    assert (got.route, got.author, got.author_name, got.subject) == (Route.FORWARD, None, "", "Frage")
    assert (got.text.strip(), got.note) == ("ann@lead.example asks", "fyi")
    assert "sender-not-recovered" in got.defects


def test_a_cut_address_is_not_made_whole_with_words_that_are_none_of_it():
    text = BLOCK[4:].replace(A, "Anna Lee <anna@lead.ex\nampl Inc")
    assert "ampl" not in record(mail(to=CRM, subject="FW: Frage", text=text)).author.key
    whole = BLOCK[4:].replace(A, "Anna Lee <anna@lead.ex\nample>")
    assert record(mail(to=CRM, subject="FW: Frage", text=whole)).author.key == "anna@lead.example"


def test_recipients_are_not_taken_for_the_sender_where_its_label_is_in_no_table():
    text = f"---------- Forwarded message ---------\nDate: Wed, Oct 27, 2021 at 9:31 AM\nTo: <{R}>\nXcopy: {A}\n\nHello"
    assert record(mail(to=CRM, subject="Fwd: Frage", text=text)).author is None


def test_a_name_cut_in_two_at_the_end_of_a_list_is_made_whole():
    to = f"Rep <{R}>, Bob Ray <bob@lead.example>, Carl\nMann <carl@lead.example>"
    text = f"---------- Forwarded message ---------\nFrom: {A}\nDate: Wed, Oct 27, 2021 at 9:31 AM\nSubject: Frage\nTo: {to}\n\nHello"
    got = record(mail(to=CRM, subject="Fwd: Frage", text=text))
    people = [(party.address.key, party.display_name) for party in got.parties if party.role is Role.TO]
    assert ("carl@lead.example", "Carl Mann") in people
    assert got.text == "Hello"


def test_a_subject_may_speak_of_from_and_to():
    rows = [f"From: {A}", "Date: Wed, Oct 27, 2021 at 9:31 AM", "Subject: Transfer From: Rome To: Bari", f"To: {R}"]
    text = "---------- Forwarded message ---------\n" + "\n".join(rows) + "\n\nHello"
    got = record(mail(to=CRM, subject="Fwd: Transfer", text=text))
    assert (got.author.key, got.subject, got.text) == ("anna@lead.example", "Transfer From: Rome To: Bari", "Hello")
    assert [party.address.key for party in got.parties if party.role is Role.TO] == [R]


def test_what_a_block_answers_to_is_no_recipient():
    text = (
        f"Begin forwarded message:\n\nFrom: {A}\nReply: {A}\nDate: 27 October 2021 at 09:31:00\nSubject: Frage\n\nHello"
    )
    got = record(mail(to=CRM, subject="Fwd: Frage", text=text))
    assert [party.role for party in got.parties if party.address.key == "anna@lead.example"] == [Role.FROM]
    assert got.text == "Hello"


def test_a_place_in_an_exchange_directory_is_no_part_of_a_name():
    text = BLOCK.replace(
        A, "Anna Lee </O=LEAD/OU=EXCHANGE ADMINISTRATIVE GROUP (FYDIBOHF23SPDLT)/CN=RECIPIENTS/CN=ANNA>"
    )
    got = record(mail(to=CRM, subject="FW: Frage", text=text))
    assert (got.route, got.author, got.author_name) == (Route.FORWARD, None, "Anna Lee")


def test_a_customer_whom_a_colleague_only_quotes_is_found():
    text = (
        "---------- Forwarded message ---------\nFrom: Boss <boss@our.example>\nDate: Thu, Oct 28, 2021 at 9:31 AM\n"
        f"Subject: Re: Frage\nTo: <{R}>\n\nmind this\n\nOn Wed, Oct 27, 2021 at 9:31 AM {A} wrote:\n\n> Hello\n"
    )
    got = record(mail(to=CRM, subject="Fwd: Frage", text=text))
    assert (got.author.key, got.text, got.note) == ("anna@lead.example", "Hello", "mind this")


def test_a_text_with_addresses_makes_up_for_html_with_names_only():
    html = f'<p>fyi</p><hr><div id="divRplyFwdMsg">{BLOCK[4:].replace(A, "Anna Lee").replace(chr(10), "<br>")}</div>'
    got = record(mail(to=CRM, subject="FW: Frage", text=BLOCK, html=html))
    assert (got.author and got.author.key, got.subject, got.date_source) == ("anna@lead.example", "Frage", "forwarded")


def test_a_name_without_an_address_stays_a_name_in_other_languages():
    text = "Von: Lee, Anna\nGesendet: Mittwoch, 27. Oktober 2021 09:31\nAn: Rep, Our\nBetreff: Frage\n\nHallo"
    got = record(mail(to=CRM, subject="WG: Frage", text=text))
    assert (got.route, got.author, got.author_name) == (Route.FORWARD, None, "Lee, Anna")
    assert "sender-not-recovered" in got.defects


def test_a_chain_is_followed_across_languages_to_the_first_sender_outside():
    text = (
        "---------- Forwarded message ---------\nVon: Boss <boss@our.example>\nDatum: 28.10.2021 10:00\nAn: Rep "
        "<rep@our.example>\nBetreff: WG: Frage\n\nbitte übernehmen\n\n"
        f"De : {A}\nEnvoyé : mercredi 27 octobre 2021 09:31\nÀ : Boss <boss@our.example>\nObjet : Frage\n\nBonjour"
    )
    got = record(mail(to=CRM, subject="Fwd: WG: Frage", text=text))
    assert (got.author.key, got.subject, got.text.strip()) == ("anna@lead.example", "Frage", "Bonjour")
    assert "bitte übernehmen" in got.note


_ROWS = (
    f"<b>Xfrom:</b> {A.replace('<', '&lt;').replace('>', '&gt;')}<br><b>Xsent:</b> 2021-10-27 09:31<br>"
    f"<b>Xto:</b> {R}<br><b>Xsubj:</b> Frage"
)
_BORDERED = f'<p>fyi</p><div style="border:none;border-top:solid #E1E1E1 1.0pt"><p>{_ROWS}</p></div><p>Hello</p>'
_REPLYFWD = f'<p>fyi</p><hr><div id="divRplyFwdMsg">{_ROWS}</div><div>Hello</div>'
_CELLS = (
    '<p>fyi</p><table class="moz-email-headers-table"><tr><th>Xsubj: </th><td>Frage</td></tr><tr><th>Xdate: </th><td>'
    f"2021-10-27 09:31</td></tr><tr><th>Xfrom: </th><td>Anna Lee &lt;anna@lead.example&gt;</td></tr><tr><th>Xto: </th>"
    f"<td>{R}</td></tr></table><p>Hello</p>"
)


@pytest.mark.parametrize("html", [_BORDERED, _REPLYFWD, _CELLS], ids=["word", "web", "thunderbird"])
def test_a_block_in_a_language_without_table_is_read_by_its_rows_where_its_place_is_certain(html):
    got = record(mail(to=CRM, subject="Frage", text=None, html=html))
    assert (got.route, got.author and got.author.key, got.subject) == (Route.FORWARD, "anna@lead.example", "Frage")
    assert (got.date_source, got.note, got.text.strip()) == ("forwarded", "fyi", "Hello")
    assert record(mail(to=CRM, subject="Xr: Frage", text=None, html=html)).route is Route.DIRECT


_BLOCK = (
    "<b>Von:</b> Anna Lee &lt;anna@lead.example&gt;<br><b>Gesendet:</b> Mittwoch, 27. Oktober 2021 um 09:31<br>"
    f"<b>An:</b> {R}<br><b>Betreff:</b> Frage"
)
_DIVS = "".join(f"<div>{row}</div>" for row in _BLOCK.split("<br>"))
HTML = {
    "zimbra": f'<div>fyi</div><hr id="zwchr" data-marker="__DIVIDER__"><div data-marker="__HEADERS__">{_BLOCK}<br></div><div data-marker="__QUOTED_TEXT__"><div>Guten Tag</div></div>',
    "gmx": f'<div>fyi<div name="quote" style="border-left:2px solid #C3D9E5;"><div>{_BLOCK}</div><div name="quoted-content">Guten Tag</div></div></div>',
    "yahoo": f'<div>fyi</div><div id="yahoo_quoted_1" class="yahoo_quoted"><div><div>----- Weitergeleitete Nachricht -----</div>{_DIVS}<div><br></div><div>Guten Tag</div></div></div>',
    "proton": f'<div>fyi</div><div class="protonmail_quote">------- Forwarded Message -------<br>{_BLOCK}<br><br><blockquote class="protonmail_quote" type="cite">Guten Tag</blockquote></div>',
    "new outlook": f'<div>fyi</div><div id="mail-editor-reference-message-container"><div style="padding:3pt 0 0;border-width:1pt medium medium;border-style:solid none none">{_BLOCK}</div><div>Guten Tag</div></div>',
    "read in the web client before": f'<div>fyi</div><div id="x_divRplyFwdMsg">{_BLOCK}</div><div>Guten Tag</div>',
}  # fmt: skip


@pytest.mark.parametrize("name", HTML)
def test_html_of_other_clients_is_cut_where_the_original_begins(name):
    got = record(mail(to=CRM, subject="WG: Frage", text=None, html=HTML[name]))
    assert (got.route, got.author and got.author.key, got.subject) == (Route.FORWARD, "anna@lead.example", "Frage")
    assert got.evidence.startswith("html-")
    assert (got.note, got.text.strip(), got.date_source) == ("fyi", "Guten Tag", "forwarded")
    assert "Guten Tag" in got.html
    assert "Betreff" not in got.html
    assert "fyi" not in got.html
