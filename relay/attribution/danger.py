"""Danger: what a part could do to the person who opens it, told from its name and its octets.

No scanner of viruses: it says what a file *is*, so that a CRM can warn or refuse, and never that a file is safe.
Nothing is unpacked and nothing is run. A look at an end of the octets or one search through them is all that any part
costs, so time is linear in the size, and bounded where a search is slow.
"""

from __future__ import annotations

import re
from struct import unpack_from

DISGUISED, PROGRAM, SCRIPT, SHORTCUT = "disguised", "program", "script", "shortcut"
DISK_IMAGE, MACROS, ACTIVE_PAGE = "disk-image", "macros", "active-page"
PACKED_PROGRAM, LOCKED = "packed-program", "locked"

MAX_PAGE = 2 << 20
"""Octets of a page (HTML, SVG) that are searched for scripts: some 20 ms. A longer one counts as active: real ones have
a hundred thousand, and padding must not hide a script."""
MAX_DIRECTORY = 1 << 20
"""Octets of a zip's directory that are read: ten thousand names. Of more, the first ones count."""
_ZIP_END = 65536 + 22
"""Where the end record of a zip stands at the latest, from the end (APPNOTE 4.3.16: a comment of 65,535 and itself)."""

# What Windows, macOS or Linux run when it is opened. Mail services refuse about the same endings.
_ENDINGS = {
    PROGRAM: "exe com scr pif cpl dll sys drv ocx msi msp mst msix msixbundle appx appxbundle application appref-ms jar"
    " jnlp apk deb rpm pkg app command run elf bin class xll ade adp mde gadget diagcab ex_ vxd",
    SCRIPT: "js jse mjs vbs vbe vb ps1 ps1xml ps2 psm1 psd1 psc1 bat cmd btm hta wsf wsh wsc ws sct sh bash csh ksh zsh"
    " py pyc pyw pl rb php reg inf ins isp chm hlp msc scpt scptd applescript action workflow nsh ahk au3 osd",
    SHORTCUT: "lnk url scf desktop webloc pif shb shs library-ms search-ms searchconnector-ms settingcontent-ms theme"
    " themepack website inetloc fileloc rdp",
    DISK_IMAGE: "iso img vhd vhdx vmdk vdi dmg udf daa wim toast",
    MACROS: "docm dotm xlsm xltm xlam xlsb pptm potm ppam ppsm sldm mdb accdb accde mam maq mar mat",
}
_BY_ENDING = {ending: danger for danger, endings in _ENDINGS.items() for ending in endings.split()}
_BY_TYPE = {
    "application/x-msdownload": PROGRAM, "application/x-dosexec": PROGRAM, "application/x-executable": PROGRAM,
    "application/vnd.microsoft.portable-executable": PROGRAM, "application/x-msi": PROGRAM,
    "application/java-archive": PROGRAM, "application/vnd.android.package-archive": PROGRAM,
    "application/hta": SCRIPT, "application/x-sh": SCRIPT, "application/x-bat": SCRIPT, "text/vbscript": SCRIPT,
    "application/javascript": SCRIPT, "text/javascript": SCRIPT, "application/x-powershell": SCRIPT,
    "application/x-ms-shortcut": SHORTCUT, "application/x-iso9660-image": DISK_IMAGE,
}  # fmt: skip
_SHOWN = frozenset(
    {"pdf", "doc", "docx", "odt", "rtf", "txt", "csv", "xls", "xlsx", "ods", "ppt", "pptx", "odp", "jpg", "jpeg", "png",
     "gif", "bmp", "tif", "tiff", "webp", "heic", "svg", "htm", "html", "mp3", "mp4", "mov", "avi", "wav", "zip", "rar",
     "7z", "eml", "msg", "ics", "vcf", "xml"}
)  # fmt: skip
"""Endings that a person takes for a document. In front of the real one, or with a program behind it, it is a lie."""
_PAGES = frozenset({"htm", "html", "xhtml", "xht", "shtml", "mht", "mhtml", "svg", "svgz", "xml", "xsl", "xslt"})
_PAGE_TYPES = frozenset({"text/html", "application/xhtml+xml", "image/svg+xml", "multipart/related"})
_PAGE_BEGINS = re.compile(
    rb"(?:\xef\xbb\xbf)?\s{0,200}<(?:!doctype html|html|head|body|script|svg|\?xml)", re.IGNORECASE
)
_ACTIVE = re.compile(
    rb"<\s{0,5}(?:[a-z]{1,10}:)?(?:script|iframe|object|embed|applet|foreignobject)\b|(?:java|vb)script:"
    rb"|[\s\"'/]on(?:load|error|click|dbl|focus|blur|mouse|key|begin|end|repeat|animation|transition|toggle|pointer|submit"
    rb"|reset|unload|before|after|page|hash|resize|scroll|copy|cut|paste|input|invalid|change|drag|drop|touch|wheel|play"
    rb"|canplay|start|finish|message|select|search|show|ready|property|activate|context|storage|popstate|progress|time"
    rb"|volume|seek|stalled|suspend|wait|abort|duration|emptied|loaded|rate|cue|close|cancel|aux|got|lost|filter|form)"
    rb"[a-z]{0,20}\s{0,5}=|data:text/html|http-equiv\s{0,5}=\s{0,5}[\"']?refresh",
    re.IGNORECASE,
)
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_VBA = "_VBA_PROJECT".encode("utf-16-le")
_ENTRY = b"PK\x01\x02"


def danger(filename: str, media_type: str, content: bytes) -> str:
    """What the part is, as a short name (`telling.DANGERS` has the sentences); '' when nothing is known against it.

    The worst that holds: something that runs behind the name of a document ('disguised'), then what runs by itself,
    then what needs a person's help.
    """
    shown, ending = _endings(filename)
    by_name = _BY_ENDING.get(ending) or (_BY_TYPE.get(media_type, "") if not ending else "")
    by_octets = _by_octets(content) or _page(ending, media_type, content) or _within(content)
    if not by_name and not by_octets:
        return ""
    if ending in _SHOWN and by_octets in (PROGRAM, SCRIPT, SHORTCUT, DISK_IMAGE):
        return DISGUISED
    if ending in _SHOWN and ending not in _PAGES and by_octets == ACTIVE_PAGE:
        return DISGUISED  # a page that runs, under the name of a paper
    if shown and by_name:
        return DISGUISED
    found = {by_name, by_octets}
    return next((each for each in (PROGRAM, SCRIPT, SHORTCUT, DISK_IMAGE, MACROS, ACTIVE_PAGE, PACKED_PROGRAM, LOCKED)
                 if each in found), "")  # fmt: skip


def _endings(filename: str) -> tuple[bool, str]:
    """(does the ending of a document stand before the last one?, the last ending in lower case).

    As Windows reads a name: blanks and dots at its end do not count, nor does what stands before a colon (a stream).
    """
    pieces = filename.lower().rstrip(" .").rpartition(":")[2].split(".")
    if len(pieces) < 2:
        return False, ""
    return pieces[-2].strip() in _SHOWN and len(pieces) > 2, pieces[-1].strip()


def _by_octets(content: bytes) -> str:
    """What the octets are, by the marks that the systems themselves go by."""
    head = content[:8]
    if head[:2] == b"MZ" and (b"\0" in content[:64] or b"PE\0\0" in content[:4096]):
        return PROGRAM
    if head[:4] in (
        b"\x7fELF", b"\xfe\xed\xfa\xce", b"\xfe\xed\xfa\xcf", b"\xce\xfa\xed\xfe", b"\xcf\xfa\xed\xfe",
        b"\xca\xfe\xba\xbe", b"dex\n", b"ITSF",
    ):  # fmt: skip
        return PROGRAM
    if head == b"L\0\0\0\x01\x14\x02\0":
        return SHORTCUT
    if head[:3] in (b"#!/", b"#! "):
        return SCRIPT
    if content[32769:32774] == b"CD001" or head in (b"vhdxfile", b"conectix") or content[-512:-508] == b"koly":
        return DISK_IMAGE
    if head == _OLE and _VBA in content:
        return MACROS
    return ""


def _page(ending: str, media_type: str, content: bytes) -> str:
    """Is it a page that does something when a browser shows it?"""
    if b"\0" in content[:64]:  # UTF-16, which browsers read too
        if content[:2] not in (b"\xff\xfe", b"\xfe\xff") and content[1:2] != b"\0" and content[:1] != b"\0":
            return ""
        content = content[: 2 * MAX_PAGE].replace(b"\0", b"").lstrip(b"\xff\xfe")
    if not (ending in _PAGES or media_type in _PAGE_TYPES or _PAGE_BEGINS.match(content)):
        return ""
    return ACTIVE_PAGE if len(content) > MAX_PAGE or _ACTIVE.search(content) else ""


def _within(content: bytes) -> str:
    """What the directory of a zip (also a document of Office) names; nothing of it is unpacked."""
    if content[:2] != b"PK":
        return ""
    end = content.rfind(b"PK\x05\x06", max(0, len(content) - _ZIP_END))
    if end < 0 or end + 22 > len(content):
        return ""
    size, offset = unpack_from("<II", content, end + 12)
    # The directory stands right before its end record; what stands before the zip itself shifts the offset.
    start = end - size if size <= end else offset
    directory = content[start : min(end, start + MAX_DIRECTORY)]
    found: set[str] = set()
    at = 0
    while directory[at : at + 4] == _ENTRY and at + 46 <= len(directory):
        (flags,) = unpack_from("<H", directory, at + 8)
        name_length, extra, comment = unpack_from("<HHH", directory, at + 28)
        name = directory[at + 46 : at + 46 + name_length].decode("utf-8", "replace").lower()
        at += 46 + name_length + extra + comment
        if flags & 1:
            found.add(LOCKED)
        if name.endswith("vbaproject.bin"):
            return MACROS
        if _BY_ENDING.get(_endings(name)[1], "") not in ("", MACROS) and not name.endswith((".bin", ".inf")):
            found.add(PACKED_PROGRAM)
    return PACKED_PROGRAM if PACKED_PROGRAM in found else LOCKED if LOCKED in found else ""
