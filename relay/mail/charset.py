"""Charsets: from octets to text that UTF-8, JSON and SQLite can hold.

Decides which decoder a label means. The list is our own, after the WHATWG Encoding Standard: senders say
`us-ascii` or `iso-8859-1` and mean windows-1252, `gb2312` and mean gb18030. Python's own list would also
take `idna`, `punycode`, `unicode_escape` and `rot13` as charsets, which are quadratic or give text nobody wrote.
Nothing here raises. `scrub` is the one place where surrogates and NUL leave the text.
"""

from __future__ import annotations

import re
from functools import lru_cache

# Codec of Python: labels that mean it, without case and punctuation.
_SAME = """
utf-8: utf8 unicode11utf8 unicode20utf8 xunicode20utf8 utf8mb4 cp65001 unicode utf8sig ascii8bit unicode11
utf-7: utf7 unicode11utf7 xunicode20utf7 cp65000 csutf7
utf-16: utf16 ucs2 csunicode iso10646ucs2 csutf16
utf-16-le: utf16le unicodefeff
utf-16-be: utf16be unicodefffe
utf-32: utf32 ucs4 csutf32
utf-32-le: utf32le
utf-32-be: utf32be
cp1252: ascii usascii ansix341968 iso646us iso88591 88591 iso885911987 isoir100 latin1 l1 cp819 ibm819 csisolatin1
 windows1252 cp1252
 xcp1252 ansi xansi 8bit default iso885914bit unknown8bit xunknown unknown binary none 7bit iso8859 latin win1252 us
iso8859-2: iso88592 latin2 l2 csisolatin2 isoir101
iso8859-3: iso88593 latin3 l3 csisolatin3 isoir109
iso8859-4: iso88594 latin4 l4 csisolatin4 isoir110
iso8859-5: iso88595 cyrillic csisolatincyrillic isoir144
iso8859-6: iso88596 arabic asmo708 ecma114 csisolatinarabic iso88596e iso88596i isoir127
iso8859-7: iso88597 greek greek8 ecma118 elot928 csisolatingreek isoir126 suneugreek
iso8859-8: iso88598 hebrew visual csisolatinhebrew iso88598e iso88598i csiso88598i csiso88598e logical isoir138
cp1254: iso88599 latin5 l5 csisolatin5 isoir148 windows1254 cp1254 xcp1254
iso8859-10: iso885910 latin6 l6 csisolatin6 isoir157
cp874: tis620 iso885911 windows874 cp874 dos874 xcp874
iso8859-13: iso885913 latin7 l7
iso8859-14: iso885914 latin8 l8
iso8859-15: iso885915 latin9 l9 csisolatin9 latin0
iso8859-16: iso885916 latin10 l10
cp1250: windows1250 cp1250 xcp1250 win1250
cp1251: windows1251 cp1251 xcp1251 win1251
cp1253: windows1253 cp1253 xcp1253 win1253
cp1255: windows1255 cp1255 xcp1255 win1255
cp1256: windows1256 cp1256 xcp1256 win1256
cp1257: windows1257 cp1257 xcp1257 win1257
cp1258: windows1258 cp1258 xcp1258 win1258
koi8-r: koi8r koi koi8 cskoi8r
koi8-u: koi8u koi8ru
cp437: cp437 ibm437 437
cp850: cp850 ibm850 850
cp852: cp852 ibm852 852
cp855: cp855 ibm855
cp857: cp857 ibm857
cp858: cp858 ibm858
cp860: cp860 ibm860
cp861: cp861 ibm861
cp862: cp862 ibm862 dos862
cp863: cp863 ibm863
cp864: cp864 ibm864
cp865: cp865 ibm865
cp866: cp866 ibm866 866 csibm866
cp869: cp869 ibm869
cp775: cp775 ibm775
cp1125: cp1125
cp037: cp037 ibm037
mac-roman: macintosh mac macroman xmacroman csmacintosh
mac-cyrillic: maccyrillic xmaccyrillic xmacukrainian
mac-greek: macgreek xmacgreek
mac-turkish: macturkish xmacturkish
mac-latin2: maclatin2 xmacce macce maccentraleurope
mac-iceland: maciceland
hp-roman8: hproman8 roman8
ptcp154: ptcp154 cp154
kz1048: kz1048 rk1048 strk10482002
gb18030: gb2312 gb231280 gbk gb18030 gb csgb2312 chinese csiso58gb231280 isoir58 xgbk cp936 ms936 936 windows936
 euccn xeuccn
hz: hz hzgb2312 hzgb
big5hkscs: big5 big5hkscs cnbig5 csbig5 xxbig5 big5tw big5eten cp950 ms950 windows950 xbig5
cp932: shiftjis sjis cp932 ms932 windows31j csshiftjis csshiftjisms mskanji xsjis windows932 shiftjisx0213 sjis2004
 xmssjis
euc_jp: eucjp xeucjp ujis cseucpkdfmtjapanese eucjis2004
iso2022_jp_ext: iso2022jp csiso2022jp jis iso2022jp1 iso2022jp2 iso2022jp3 iso2022jpext iso2022jp2004 cp50220
 cp50221 cp50222 iso2022
cp949: euckr ksc5601 ksc56011987 ksc56011989 ksc56011992 ks euckr1 ksc korean cskseuckr csksc56011987 isoir149 uhc
 cp949 ms949 windows949 xwindows949 csuckr
iso2022_kr: iso2022kr csiso2022kr
johab: johab cp1361 ms1361
"""
_CODEC = {
    label: codec
    for codec, labels in (line.split(":") for line in _SAME.replace("\n ", " ").strip().splitlines())
    for label in labels.split()
}


_PUNCTUATION = str.maketrans("", "", "-_ .:'\"\t()=/\\[]<>;,")
# Labels that say no more than "I did not think about it": UTF-8 first, then windows-1252.
_SAYS_NOTHING = frozenset(
    {"ascii", "usascii", "ansix341968", "iso646us", "7bit", "8bit", "ascii8bit", "binary"}
    | {"unknown8bit", "default", "unknown", "xunknown", "none"}
)
_MULTI_BYTE = frozenset(
    {"utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be", "utf-7"}
    | {"gb18030", "hz", "big5hkscs", "cp932", "euc_jp", "cp949", "johab"}
)
_SURROGATE = re.compile("[\ud800-\udfff]")
_BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_MARKS = tuple(mark for mark, _ in _BOMS)
_JIS_ESCAPE = re.compile(rb"\x1b(\$\(?[@BD]|\([BJIH])")
_META = re.compile(rb"<meta[^>]{0,200}?charset\s{0,9}=\s{0,9}[\"']?\s{0,9}([A-Za-z0-9_.:-]{2,40})", re.IGNORECASE)
_CP1252 = {**{n: bytes([n]).decode("cp1252", "ignore") or chr(n) for n in range(128, 256)}}
_C1_TO_CP1252 = str.maketrans({chr(n): text for n, text in _CP1252.items() if n < 160})
_LONGEST_LABEL = 64

UNKNOWN = "unknown-charset"
UNDECODABLE = "undecodable-text"


@lru_cache(maxsize=512)
def _codec(label: str) -> str | None:
    plain = label.lower().translate(_PUNCTUATION)
    return _CODEC.get(plain) or _CODEC.get(plain.removeprefix("charset")) or _CODEC.get(plain.removeprefix("x"))


def codec(label: str) -> str | None:
    """The decoder of Python that `label` means, or None when we do not take it for a charset.

    `us-ascii` and `iso-8859-1` give cp1252 (WHATWG Encoding Standard, "Names and labels").
    """
    return _codec(label) if len(label) <= _LONGEST_LABEL else None


def scrub(text: str, decoder: str = "utf-7") -> str:
    """`text` without surrogates and NUL: what UTF-8, JSON and SQLite can hold (U+FFFD for a surrogate).

    `decoder` made the text: of all in our list only UTF-7 can give a surrogate (a test tries them all), and
    looking for one costs as much as decoding.
    """
    if "\0" in text:
        text = text.replace("\0", "")
    return text if decoder != "utf-7" or text.isascii() else _SURROGATE.sub("\ufffd", text)


def cp1252(octets: bytes) -> str:
    """Windows-1252 as browsers read it: its five holes are C1 controls. Every octet has a meaning."""
    try:
        return octets.decode("cp1252")
    except UnicodeDecodeError:
        return octets.decode("latin-1").translate(_C1_TO_CP1252)


def decode(octets: bytes, label: str = "") -> tuple[str, str]:
    """(text, defect): `octets` as text under the declared charset `label` ('' when none is declared).

    A byte order mark wins over the label; nothing declared, or a label that says nothing, means UTF-8 and
    else windows-1252. Text that is valid UTF-8 with letters beyond ASCII is UTF-8 whatever a single-byte
    label says, as no one writes such letters by chance. The defect is '' or a short name.
    """
    if octets.isascii() and b"\x1b" not in octets and b"\0" not in octets:
        name = "utf-8" if not label else codec(label)
        if name is None:
            return octets.decode("ascii"), UNKNOWN
        if name not in ("utf-7", "hz") and not name.startswith(("utf-16", "utf-32")):
            return octets.decode("ascii"), ""
    if octets.startswith(_MARKS):
        for mark, by_mark in _BOMS:
            if octets.startswith(mark):
                return scrub(octets[len(mark) :].decode(by_mark, "replace"), by_mark), ""
    name = codec(label)
    if name == "utf-8":
        try:
            return scrub(octets.decode("utf-8"), name), ""
        except UnicodeDecodeError:
            return _damaged(octets, name)
    if not label or label.lower().translate(_PUNCTUATION) in _SAYS_NOTHING:
        return guess(octets), ""
    if name is None:
        return guess(octets), UNKNOWN
    if name == "utf-16" or (name.startswith(("utf-16-", "utf-32")) and _is_narrow(octets)):
        name = _of_utf_16(octets)
    if name == "iso2022_jp_ext":
        return _jis(octets)
    if name not in _MULTI_BYTE:
        try:
            return scrub(octets.decode("utf-8"), "utf-8"), ""
        except UnicodeDecodeError:
            pass
    if name == "cp1252":
        return scrub(cp1252(octets), name), ""
    try:
        return scrub(octets.decode(name), name), ""
    except (UnicodeError, ValueError):
        return _damaged(octets, name)


_NARROW = 32
"""Octets from which on a text of ASCII letters alone is not UTF-16, where every blank and line end has a NUL."""


def _is_narrow(octets: bytes) -> bool:
    """Text of one octet a letter under a label that says two or four: the label of what it was converted from."""
    return len(octets) >= _NARROW and octets.isascii() and b"\0" not in octets


def _of_utf_16(octets: bytes) -> str:
    """The decoder of what calls itself UTF-16 without a byte order mark: which half of its letters has the NULs?"""
    if _is_narrow(octets):
        return "utf-8"
    sample = octets[:2000]
    return "utf-16-be" if sample[::2].count(0) > sample[1::2].count(0) else "utf-16-le"


def _damaged(octets: bytes, name: str) -> tuple[str, str]:
    """Text that is not quite what its label says: another charset, or a few octets broken."""
    if name == "utf-8":
        text = octets.decode("utf-8", "replace")
        broken = text.count("\ufffd")
        whole = sum(map(len, _BEYOND_ASCII.findall(text))) - broken
        cut = (
            broken == 1
            and text.endswith("\ufffd")
            and octets[-1:] >= b"\x80"
            and len(octets) > 1
            and octets[-2] >= 0xC2
        )
        if whole * 4 < broken and not cut:  # not UTF-8 at all
            text = cp1252(octets)
        return scrub(text, name), UNDECODABLE
    try:
        return scrub(octets.decode("utf-8"), "utf-8"), UNDECODABLE
    except UnicodeDecodeError:
        pass
    other = {"euc_jp": "euc_jis_2004"}.get(name, name)
    return scrub(octets.decode(other, "replace"), other), UNDECODABLE


_BEYOND_ASCII = re.compile("[^\0-\x7f]+")


def guess(octets: bytes, hint: str = "") -> str:
    """The text of octets that declare nothing: UTF-8, else `hint`, else windows-1252.

    ISO-2022-JP and UTF-16 are told by their looks.
    """
    if b"\x1b" in octets and octets.isascii() and _JIS_ESCAPE.search(octets):
        return _jis(octets)[0]
    if b"\0" in octets:
        sample = octets[:2000]
        even, odd = sample[::2].count(0), sample[1::2].count(0)
        if max(even, odd) * 3 > len(sample) and min(even, odd) * 10 < max(even, odd):
            return scrub(octets.decode("utf-16-le" if odd > even else "utf-16-be", "replace"))
    try:
        return scrub(octets.decode("utf-8"), "utf-8")
    except UnicodeDecodeError:
        pass
    name = codec(hint) if hint else None
    if (
        name is not None
        and name not in ("utf-8", "cp1252", "utf-7", "hz")
        and not name.startswith(("utf-16", "utf-32"))
    ):
        try:
            return scrub(octets.decode(name))
        except (UnicodeError, ValueError):
            pass
    return _damaged(octets, "utf-8")[0]


def in_html(octets: bytes) -> str:
    """The charset that an HTML text names in its first 1,024 octets (HTML §4.2.5.4), '' when none."""
    found = _META.search(octets[:1024])
    label = found[1].decode("ascii") if found else ""
    return "utf-8" if (codec(label) or "").startswith("utf-16") else label  # it was read as ASCII (HTML §13.2.3.2)


def _jis(octets: bytes) -> tuple[str, str]:
    """ISO-2022-JP, also as Microsoft writes it: rows of NEC and IBM under the escape of JIS X 0208."""
    try:
        return scrub(octets.decode("iso2022_jp_ext")), ""
    except (UnicodeError, ValueError):
        pass
    if not octets.isascii():
        for name in ("utf-8", "cp932"):
            try:
                return scrub(octets.decode(name)), UNDECODABLE
            except UnicodeDecodeError:
                continue
    pieces = _JIS_ESCAPE.split(octets)
    text = [pieces[0].decode("ascii", "replace")]
    for escape, piece in zip(pieces[1::2], pieces[2::2], strict=True):
        if escape in (b"$@", b"$B", b"$(@", b"$(B"):
            text.append(_jis_pairs(piece))
        elif escape == b"$(D":
            text.append((b"\x1b$(D" + piece + b"\x1b(B").decode("iso2022_jp_ext", "replace"))
        elif escape == b"(I":
            text.append(
                bytes(octet | 0x80 if 0x21 <= octet <= 0x5F else octet for octet in piece).decode("cp932", "replace")
            )
        else:
            text.append(piece.decode("ascii", "replace"))
    return scrub("".join(text)), ""


def _jis_pairs(piece: bytes) -> str:
    """Row and cell of JIS X 0208 to Shift_JIS, where Microsoft's additions have their place."""
    shifted = bytearray()
    index = 0
    while index < len(piece):
        if piece[index] <= 0x20 or index + 1 == len(piece):  # a line end inside the two-byte text
            shifted.append(piece[index] if piece[index] <= 0x20 else 0x3F)
            index += 1
            continue
        row, cell = piece[index] - 0x21, piece[index + 1] - 0x21
        lead = (row >> 1) + 0x81
        shifted.append((lead + 0x40 if lead > 0x9F else lead) & 0xFF)
        shifted.append((cell + 0x9F if row & 1 else cell + 0x40 + (cell >= 0x3F)) & 0xFF)
        index += 2
    return shifted.decode("cp932", "replace")
