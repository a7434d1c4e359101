"""Outlook's own forms of a message, .msg files and TNEF: octets in, a `Note` of properties out, and mail of it."""
