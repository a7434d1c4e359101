"""Dates as clients of many languages write them: the moment, or none when it is not certain."""

from __future__ import annotations

from datetime import UTC, timedelta, timezone

import pytest

from relay.mail.forward import written_date
from relay.mail.forward.calendars import from_jalali

READ = [
    ("de", "03/04/2021 09:31", "2021-04-03 09:31"),
    ("de", "Mittwoch, 27. Oktober 2021 um 09:31:20 MESZ", "2021-10-27 07:31"),
    ("fr", "mercredi 27 octobre 2021 à 09 h 31", "2021-10-27 09:31"),
    ("fr", "27 octobre 2021 à 14:25:08 heure d’été d’Europe centrale", "2021-10-27 12:25"),
    ("fi", "27. lokak. 2021 klo 9.31", "2021-10-27 09:31"),
    ("da", "26. oktober 2021 kl. 14.25.08 EEST", "2021-10-26 11:25"),
    ("da", "27.10.2021 09.31 (GMT+01:00)", "2021-10-27 08:31"),
    ("ja", "2021年10月26日(火) 午後2:25", "2021-10-26 14:25"),
    ("ja", "令和3年10月26日 14:25", "2021-10-26 14:25"),
    ("ja", "令和元年5月1日 9時31分", "2019-05-01 09:31"),
    ("ko", "2021년 10월 27일 (수) 오전 9:31", "2021-10-27 09:31"),
    ("ko", "2021. 10. 27. 오후 2:31", "2021-10-27 14:31"),
    ("zh-hans", "2021年10月27日星期三 下午 2:31", "2021-10-27 14:31"),
    ("zh-hans", "2021年10月27日(星期三) 中午12:31", "2021-10-27 12:31"),
    ("zh-hant", "民國110年10月27日 上午 09:31", "2021-10-27 09:31"),
    ("zh-hant", "2021/10/27 (週三) 下午 02:31", "2021-10-27 14:31"),
    ("th", "27 ต.ค. 2564 เวลา 09:31 น.", "2021-10-27 09:31"),
    ("th", "วันพุธที่ ๒๗ ตุลาคม ๒๕๖๔ ๐๙:๓๑", "2021-10-27 09:31"),
    ("vi", "27 thg 10, 2021 lúc 09:31", "2021-10-27 09:31"),
    ("vi", "Thứ Tư, 27 tháng 1, 2021 9:31 CH", "2021-01-27 21:31"),
    ("fa", "چهارشنبه ۵ آبان ۱۴۰۰ ساعت ۹:۳۱", "2021-10-27 09:31"),
    ("fa", "۱۴۰۰/۰۸/۰۵ ۹:۳۱", "2021-10-27 09:31"),
    ("ar", "الأربعاء، ٢٧ أكتوبر ٢٠٢١ في ٩:٣١ م", "2021-10-27 21:31"),
    ("ar", "27 تشرين الأول 2021 09:31 ص", "2021-10-27 09:31"),
    ("he", "יום ד׳, 27 באוק׳ 2021 ב-9:31", "2021-10-27 09:31"),
    ("el", "Τετ, 27 Οκτ 2021 στις 9:31 π.μ.", "2021-10-27 09:31"),
    ("el", "27/10/2021 9:31 μμ", "2021-10-27 21:31"),
    ("tr", "27 Eki 2021 Çar, 09:31", "2021-10-27 09:31"),
    ("tr", "27 Ekim 2021 Çarşamba 9:31 ÖS", "2021-10-27 21:31"),
    ("hu", "2021. okt. 27., Sze, 9:31", "2021-10-27 09:31"),
    ("lt", "2021-10-27, tr, 09:31", "2021-10-27 09:31"),
    ("lv", "trešd., 2021. g. 27. okt., plkst. 09:31", "2021-10-27 09:31"),
    ("ru", "ср, 27 окт. 2021 г. в 09:31", "2021-10-27 09:31"),
    ("uk", "ср, 27 жовт. 2021 р. о 09:31", "2021-10-27 09:31"),
    ("bg", "ср, 27.10.2021 г. в 9:31 ч.", "2021-10-27 09:31"),
    ("cs", "st 27. 10. 2021 v 9:31", "2021-10-27 09:31"),
    ("cs", "úterý 2. listopadu 2021 09:26:50 SEČ", "2021-11-02 08:26"),
    ("hr", "sri, 27. lis 2021. u 09:31", "2021-10-27 09:31"),
    ("pl", "śr., 27 lis 2021 o 09:31", "2021-11-27 09:31"),
    ("pt", "qua., 27 de out. de 2021 às 09:31", "2021-10-27 09:31"),
    ("es", "27 de octubre de 2021, 9:31:00 p. m. CEST", "2021-10-27 19:31"),
    ("en", "Wed, Oct 27, 2021 at 9:31 AM", "2021-10-27 09:31"),
    # Days of the week that are called like months
    ("es", "mar. 26 oct. 2021 9:31", "2021-10-26 09:31"),
    ("it", "mar 26 ott 2021, 09:31", "2021-10-26 09:31"),
    ("ro", "mar., 26.10.2021, 09:31", "2021-10-26 09:31"),
    ("fr", "mar. 26/10/2021 09:31", "2021-10-26 09:31"),
    ("fr", "mar. 26 mars 2021 09:31", "2021-03-26 09:31"),
    ("gl", "Mar, 26 de out. de 2021 ás 09:31", "2021-10-26 09:31"),
    ("fil", "Mar, Ene 5, 2021, 9:31 AM", "2021-01-05 09:31"),
    ("lv", "2021. gada 27. oktobris 09:31", "2021-10-27 09:31"),
    ("en", "Wed Oct 27 09:31:00 CEST 2021", "2021-10-27 07:31"),
    # Labels in English, the date in the user's language
    ("en", "2021년 10월 27일 (수) 오후 9:31", "2021-10-27 21:31"),
    ("en", "الأربعاء، ٢٧ أكتوبر ٢٠٢١ ٩:٣١ م", "2021-10-27 21:31"),
    ("en", "Rab, 27 Okt 2021 9:31 PTG", "2021-10-27 21:31"),
    ("en", "mar, 26 de oct de 2021 9:31 p. m.", "2021-10-26 21:31"),
    ("fr", "27 oct. 2021 9:31 p. m.", "2021-10-27 21:31"),
    ("vi", "lúc 09:31 Chủ Nhật, 3 tháng 1, 2021", "2021-01-03 09:31"),
    ("mn", "2021 оны аравдугаар сарын 27, лхагва гараг 09:31", "2021-10-27 09:31"),
    ("ne", "२०२१ अक्टोबर २७: ०९:३१:००", "2021-10-27 09:31"),
    ("en", "27-Oct-2021 09:31", "2021-10-27 09:31"),
    ("en", "27/10/21 09:31", "2021-10-27 09:31"),
    ("en", "27-Oct-21 9:31 AM", "2021-10-27 09:31"),
    ("en", "2021-10-27T07:31:00.000Z", "2021-10-27 07:31"),
    ("", "2021-10-27 09:31:00.123456 +0200", "2021-10-27 07:31"),
    ("ja", "水曜日, 10月 27, 2021 9:31 午後", "2021-10-27 21:31"),
    ("br", "27 C'hwevrer 2021, 09:31", "2021-02-27 09:31"),
    ("te", "బుధ, 27 అక్టో, 2021 9:31 PM", "2021-10-27 21:31"),
    ("my", "ဗုဒ္ဓဟူး၊ ၂၇ အောက် ၂၀၂၁၊ ၉:၃၁ တွင်", "2021-10-27 09:31"),
    ("", "2021-10-27 09:31:20 +0200", "2021-10-27 07:31"),
    ("ko", "2021-10-27 (수) 09:31:00 (GMT+09:00)", "2021-10-27 00:31"),
    ("hi", "27 अक्टूबर 2021 को 9:31 अपराह्न", "2021-10-27 21:31"),
    ("et", "K, 27. oktoober 2021 kell 09:31", "2021-10-27 09:31"),
    ("ca", "dc., 27 d’oct. 2021 a les 9:31", "2021-10-27 09:31"),
    ("eu", "2021 urr. 27(a) 09:31", "2021-10-27 09:31"),
    ("mn", "2021 оны 10-р сарын 27, Лха 09:31", "2021-10-27 09:31"),
    ("sq", "27 tet 2021 9:31 e pasdites", "2021-10-27 21:31"),
    ("id", "Rab, 27 Okt 2021 pukul 09.31", "2021-10-27 09:31"),
    ("it", "mer 27 ott 2021 alle ore 09:31", "2021-10-27 09:31"),
    ("fil", "10/27/2021 9:31", "2021-10-27 09:31"),
    ("", "2021-10-27T09:31:20+0200", "2021-10-27 07:31"),
    ("nl", "27-10-21 9:31", "2021-10-27 09:31"),
]


@pytest.mark.parametrize(("language", "text", "moment"), READ)
def test_a_date_is_read_in_its_language(language, text, moment):
    found = written_date.read(text, language=language)
    assert found is not None
    assert found.at.strftime("%Y-%m-%d %H:%M") == moment


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "03/04/2021 9:31"),  # America and Britain differ
        ("en", "03-04-2021 9:31 AM"),  # India writes so, day first
        ("", "03/04/2021 9:31"),
        ("", "27 listopad 2021 09:31"),  # October in Croatian, November in Czech
        ("ar", "5 محرم 1443 9:31"),  # a Hijri year is no Persian one
        ("ar", "1443/01/05 9:31"),
        ("de", "27. Oktober 2021"),
        ("de", "31.02.2021 09:31"),
        ("fa", "31 مهر 1400 9:31"),
        ("de", "27. Oktober 2021 25:31"),
        ("de", "gestern um 9:31"),
        ("th", "1/2/64 09:31"),  # the Buddhist 2564
        ("", "21/1/12 09:31"),  # in Basque and Korean the year comes first
        ("en", "Tor 26 xyzember 2021 09:31"),
        ("en", "mar 26 xyzember 2021 09:31"),  # what stands between day and year is the month, not "mar"
        ("en", "27 Oct 2021 9:31 du"),  # a Hungarian afternoon
    ],
)
def test_what_is_not_certain_in_its_language_is_no_date(language, text):
    assert written_date.read(text, language=language) is None


@pytest.mark.parametrize(
    ("zone", "text", "moment"),
    [
        (-300, "03/04/2021 9:31 PM", "2021-03-05 02:31"),
        (600, "03/04/2021 9:31 PM", None),  # Australians write the day first
        (330, "03/04/2021 9:31 PM", None),
        (600, "27/04/2021 9:31 PM", "2021-04-27 11:31"),
        (600, "03/04/2021 9:31 PM (GMT-05:00)", "2021-03-05 02:31"),
    ],
)
def test_only_in_the_americas_is_the_month_first_where_the_clock_has_am_or_pm(zone, text, moment):
    got = written_date.read(text, timezone(timedelta(minutes=zone)), "en")
    assert (got and f"{got.at:%Y-%m-%d %H:%M}") == moment


@pytest.mark.parametrize(
    ("zone", "moment"),
    [(330, "2021-10-27 04:01"), (120, "2021-10-27 07:31"), (60, "2021-10-27 08:31"), (-300, None)],
)
def test_a_zone_with_several_meanings_is_that_of_who_forwards_or_none(zone, moment):
    """IST is India, Israel and Ireland: a client writes its own user's."""
    got = written_date.read("27 Oct 2021 09:31 IST", timezone(timedelta(minutes=zone)), "en")
    assert (got and f"{got.at:%Y-%m-%d %H:%M}") == moment
    assert written_date.read("27 Oct 2021 09:31:00 +0530 (IST)", UTC, "en").at.hour == 4


@pytest.mark.parametrize(
    ("persian", "ours"),
    [
        ((1400, 8, 5), (2021, 10, 27)),
        ((1399, 12, 30), (2021, 3, 20)),  # the last day of a leap year
        ((1400, 1, 1), (2021, 3, 21)),
        ((1403, 12, 30), (2025, 3, 20)),
        ((1404, 1, 1), (2025, 3, 21)),
        ((1370, 1, 1), (1991, 3, 21)),
    ],
)
def test_days_of_the_persian_calendar_are_ours(persian, ours):
    assert from_jalali(*persian) == ours
