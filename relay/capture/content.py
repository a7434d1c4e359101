"""The content of a message as it comes in after DATA (RFC 5321 §4.1.1.4, §4.5.2).

Decides where it ends: at CRLF.CRLF and nowhere else, however the octets are cut into pieces (LF.LF, CR NUL
and their kin are content: whoever takes them for the end lets strangers smuggle mail). Octets are kept
exactly; only the dot that transparency added to a line is taken away. Collected in big pieces, with one
search in C for each.
"""

from __future__ import annotations

END = b"\r\n.\r\n"


class Content:
    """One message. `size`: octets received so far, stuffed dots included."""

    __slots__ = ("_content", "_octets", "_thrown_away", "size")

    def __init__(self) -> None:
        self._content: bytes | None = None
        self._octets: bytearray | None = None
        self._thrown_away = False
        self.size = 0

    def feed(self, piece: bytes) -> bytes | None:
        """Take in `piece`. None: go on. Else the message has ended, and this is what came after it."""
        octets = self._octets
        if octets is None:
            # Most messages come in one piece: no need for a second copy.
            if piece.startswith(b".\r\n"):
                self._content = b""
                return piece[3:]
            end = piece.find(END)
            if end >= 0:
                self._content = piece[: end + 2]
                self.size = end + 2
                return piece[end + 5 :]
            # As if the CRLF of the DATA command were part of it: then a dot on the first line is as on any other.
            octets = self._octets = bytearray(b"\r\n")
        searched = len(octets)
        octets += piece
        self.size += len(piece)
        end = octets.find(END, max(0, searched - 4))
        if end < 0:
            if self._thrown_away:
                del octets[:-4]
            return None
        self._octets = None
        rest = bytes(octets[end + 5 :])
        if not self._thrown_away:
            with memoryview(octets) as view:
                self._content = bytes(view[2 : end + 2])
            self.size = len(self._content)
        return rest

    def throw_away(self) -> None:
        """Keep nothing, only look for the end."""
        self._thrown_away = True
        self._content = None
        if self._octets is not None:
            self._octets = bytearray(self._octets[-4:])  # a new one: the memory of the old one is freed

    def take(self) -> bytes:
        """The content, dot-stuffing undone. Once, after the end."""
        content, self._content = self._content, None
        if content is None:
            raise RuntimeError("there is no content to take")
        if content.startswith(b"."):
            content = content[1:]
        return content.replace(b"\r\n.", b"\r\n")  # the same object where there is nothing to replace
