"""Out of office: until when, and who left; only what is stated clearly."""

from __future__ import annotations

import time
from datetime import date
from pkgutil import get_data

import pytest

from relay.mail.absence import Absence, read
from relay.mail.automatic_words import read_table

WRITTEN = date(2026, 8, 3)


def said(text: str, subject: str = "Automatic reply: Offer") -> Absence | None:
    return read(subject, text, WRITTEN, "Anna Meier", "anna.meier")


@pytest.mark.parametrize(
    "text",
    [
        "I am out of the office until Monday, August 17th, with no access to mail.",
        "I'm on annual leave until 17/08/2026.",
        "Thank you. I am away and will be back in the office on 17 August 2026.",
        "I am on vacation through Friday, 14 August and will be back on Monday, 17 August.",
        "Until 17 August I am out of the office.",
        "Ich bin bis einschließlich 17.08.2026 nicht im Büro.",
        "Vielen Dank! Ich bin vom 1.8. bis zum 17. August im Urlaub.",
        "Ich bin ab dem 3.8. nicht erreichbar. Ab Montag, den 17. August bin ich wieder da.\nIch bin wieder da ab 17.08.",
        "Je suis absente jusqu'au lundi 17 août inclus.",
        "Je serai de retour le 17 août 2026.",
        "Estaré fuera de la oficina hasta el 17 de agosto de 2026.",
        "Sono in ferie fino al 17 agosto.",
        "Ik ben afwezig tot en met 17 augustus.",
        "Estou de férias até o dia 17/08.",
        "Jag är på semester till och med 17 augusti.",
        "Jeg er på ferie til og med 17. august.",
        "Jestem na urlopie do dnia 17.08.2026.",
        "Jsem na dovolené do 17. srpna.",
        "Olen lomalla, palaan 17. elokuuta.",
        # spans: the last day counts
        "I will be out of the office from August 3 to August 17, 2026. In urgent cases call Bob.",
        "I am on leave 3 - 17 August.",
        "Je suis absent du 3 au 17 août 2026.",
        "Estaré de vacaciones del 3 al 17 de agosto de 2026.",
        "Sono in ferie dal 3 al 17 agosto 2026.",
        "Estou de férias de 3 a 17 de agosto.",
        "Olen vuosilomalla 3.8.–17.8.2026.",
        "Я в отпуске с 03.08.2026 по 17.08.2026.",
        "2026年8月3日から2026年8月17日まで休暇をいただいております。",
        "您好，我将于2026年8月3日至2026年8月17日休假。",
        # what says so stands behind the day
        "Ich bin derzeit im Urlaub und ab dem 17.08.2026 wieder erreichbar.",
        "Am 17.8. bin ich wieder im Büro. Zurzeit bin ich nicht erreichbar.",
        "Ik ben met vakantie en vanaf maandag 17 augustus weer bereikbaar.",
        "Olen lomalla 17.8.2026 asti.",
        "2026. augusztus 17-ig szabadságon vagyok.",
        "17 Ağustos 2026 tarihine kadar ofis dışındayım.",
        "17.08.2026 tarihinde ofise döneceğim. Şu anda izindeyim.",
        "お世話になっております。8月17日まで不在にしております。",
        "2026년 8월 17일까지 휴가입니다.",
        "我正在休假，8月17日返回办公室。",
        # more languages, and a return without a preposition
        "I am away from the office, returning 17 August 2026.",
        "Sono assente e rientrerò lunedì 17 agosto.",
        "Sunt în concediu până la data de 17 august 2026.",
        "Sunt plecat din birou până pe 14 august 2026. Revin pe 17 august.",
        "Θα είμαι εκτός γραφείου μέχρι τις 17 Αυγούστου 2026.",
        "Я у відпустці до 17 серпня 2026 року.",
        "Som na dovolenke do 17. augusta 2026.",
        "我將休假至2026年8月17日。",
    ],
)
def test_the_day_that_is_named_is_read(text):
    assert said(text) == Absence(date(2026, 8, 17))


def test_lotus_notes_names_it_in_the_subject():
    assert said("", "AUTO: Anna Meier is out of the office (returning 17.08.2026)") == Absence(date(2026, 8, 17))


@pytest.mark.parametrize(
    "text",
    [
        "Our summer sale runs until 17 August.",
        "I'm away until 08/05.",  # May or August?
        "I am out of the office until further notice, 17 August",
        "I am away until 17 August, or until 30 September.",
        "I was out of the office until 1 May 2026.",
        "I am away until 17 August 2046.",
        "I am out of office until 31 June.",
        "I am out of the office. Call 17 08 2026.",
        "I am out of the office. The fair is from 3 to 17 August.",
        "I am out of the office: call 555-12/10 or 0170-17.8.",
        "I am out of the office. We are open 9 - 17.",
        "I am out of the office until ፫ August.",  # a figure to Unicode, and no number
        "I am out of the office from ፪ to ፫ August.",
        "",
    ],
)
def test_what_is_not_clear_is_not_kept(text):
    assert said(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "Anna Meier has left the company. Please write to sales@lead.example.",
        "I no longer work for Lead Ltd.",
        "The person you are trying to reach no longer works here.",
        "Frau Meier ist nicht mehr in unserem Unternehmen tätig.",
        "Anna Meier ne travaille plus chez nous.",
        "Anna Meier ya no trabaja aquí.",
        "Anna Meier non lavora più in azienda.",
        "Anna Meier werkt niet meer bij ons.",
        "Anna Meier ist nicht mehr für unser Unternehmen tätig.",
        "Már nem dolgozom a cégnél.",
        "Nu mai lucrez la Lead.",
        "Artık Lead şirketinde çalışmıyorum.",
    ],
)
def test_who_left_is_told(text):
    assert said(text) == Absence(left=True)


@pytest.mark.parametrize(
    "text",
    [
        "Bob Smith has left the company. I look after his customers.",
        "I have left the office for today.",
        "Ich arbeite nicht mehr am Freitag.",
        "Bob has left the company; I am out of the office.",
        "Anna Meier has left the company. I am out of the office until 17 August.",  # who is away, then?
    ],
)
def test_who_may_not_have_left_has_not(text):
    found = said(text)
    assert found is None or not found.left


def test_a_day_without_a_year_may_be_in_the_next():
    assert read("", "I am on leave until 6 January.", date(2026, 12, 20)) == Absence(date(2027, 1, 6))
    assert read("", "I am on leave until 6 January.", date(2026, 3, 1)) is None


def test_the_table_of_words_has_no_mistake():
    table = (get_data("relay.mail", "automatic_words.txt") or b"").decode()
    assert read_table(table)[1] == []
    assert read_table("[xx]\nreply: a\n[en]\nnonsense: b")[1] == [
        "line 1: no such language, or a second time: 'xx'",
        "line 4: no such role, or a second time: 'nonsense'",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "until " * 10000,
        "until 1" * 10000,
        "1-1 " * 10000,
        "3 to 4 to 5 out of office " * 5000,
        "back on " + "a " * 10000,
        "no longer works " * 5000,
    ],
)
def test_no_text_holds_the_reader(text):
    started = time.process_time()
    read("Automatic reply: x", text, WRITTEN, "until " * 100, "no")
    assert time.process_time() - started < 1
