"""A newcomer: what a lead is to be called that is made of an address and the name that stood with it.

Nothing is invented: the name is the display name, else what the local part plainly says, else the address. The
organization is the domain, unless the domain belongs to a mail provider, whose customers have nothing in common.
A person may always write something else. Pure.
"""

from __future__ import annotations

import re

_PROVIDERS = """
    126.com 139.com 163.com 1und1.de 21cn.com abv.bg aim.com alice.it aliyun.com aol.com aol.de aon.at arcor.de att.net
    autistici.org bell.net bellsouth.net bigpond.com bluewin.ch bluemail.ch blueyonder.co.uk bol.com.br btinternet.com
    centrum.cz charter.net comcast.net cox.net daum.net disroot.org duck.com earthlink.net email.com email.cz email.de
    fastmail.com fastmail.fm foxmail.com free.fr freemail.hu freenet.de gmail.com gmx.at gmx.ch gmx.com gmx.de gmx.net
    gmx.org googlemail.com hanmail.net hey.com home.nl hotmail.ch hotmail.co.uk hotmail.com hotmail.de hotmail.es
    hotmail.fr hotmail.it hotmail.nl hushmail.com icloud.com iinet.net.au ik.me inbox.lv inbox.ru indiatimes.com
    inwind.it juno.com kpnmail.nl laposte.net libero.it list.ru live.co.uk live.com live.de live.fr live.it live.nl
    mac.com mail.bg mail.com mail.de mail.ru mailbox.org mailfence.com me.com msn.com naver.com neuf.fr ntlworld.com
    o2.pl online.de online.no onet.pl op.pl optonline.net optusnet.com.au orange.fr outlook.at outlook.com outlook.de
    outlook.es outlook.fr outlook.it pm.me posteo.de posteo.net proton.me protonmail.ch protonmail.com qq.com
    rambler.ru rediffmail.com riseup.net rocketmail.com rogers.com sapo.pt sbcglobal.net seznam.cz sfr.fr shaw.ca
    sina.com sky.com skynet.be sohu.com sympatico.ca t-online.de talktalk.net telefonica.net telenet.be telia.com
    terra.com.br tiscali.it tutanota.com tuta.com tuta.io ukr.net uol.com.br verizon.net virgilio.it virgin.net
    virginmedia.com vodafone.de volny.cz wanadoo.fr web.de wp.pl xs4all.nl xtra.co.nz yahoo.ca yahoo.co.in
    yahoo.co.jp yahoo.co.uk yahoo.com yahoo.com.ar yahoo.com.au yahoo.com.br yahoo.com.mx yahoo.de yahoo.es yahoo.fr
    yahoo.it yandex.com yandex.ru yeah.net ymail.com zoho.com zohomail.com ziggo.nl
"""
_FREEMAIL = frozenset(_PROVIDERS.split())
"""Domains in which anybody has an address: two people there are not colleagues. The best known; one that is missing
costs a suggestion too many, never a decision."""

_LONGEST = 200
_PIECE = re.compile(r"[^\W\d_]{2,}")
_FIRMS = "ab ag as bv co corp gbr gmbh inc kg limited llc llp ltd mbh oy plc sa sarl sas se spa srl ug"
_LEGAL = frozenset(_FIRMS.split())
"""Words behind a comma that belong to a firm's name and are no first name."""


def is_freemail(domain: str) -> bool:
    """Is it the domain of a mail provider, so that it says nothing about an organization?"""
    return domain.lower() in _FREEMAIL


def organization(address: str) -> str | None:
    """The domain of an address, as the name of an organization; None for a provider's."""
    domain = address.rpartition("@")[2].lower()
    return domain if domain and not is_freemail(domain) else None


def name(address: str, display_name: str = "") -> str:
    """What to call who has this address. `display_name` is what stood with it; '' when nothing did.

    "Meier, Anna" is Anna Meier; without a display name `anna.meier@` is Anna Meier too, since each piece is a word;
    any other local part says too little, and the address itself is the name.
    """
    shown = " ".join(display_name[:_LONGEST].replace('"', " ").split()).strip("' ")
    if shown and "@" not in shown:
        return _first_name_first(shown)
    pieces = re.split(r"[._-]", address.partition("@")[0].partition("+")[0][:_LONGEST])
    if 2 <= len(pieces) <= 3 and all(_PIECE.fullmatch(piece) for piece in pieces):
        return " ".join(piece.capitalize() for piece in pieces)
    return address


def _first_name_first(shown: str) -> str:
    last, comma, first = shown.partition(",")
    last, first = last.strip(), first.strip()
    if not comma or not last or not first or "," in first or len(first.split()) > 2 or len(last.split()) > 3:
        return shown
    if any(word.strip(".").lower() in _LEGAL for word in first.split()) or "(" in shown:
        return shown
    return f"{first} {last}"
