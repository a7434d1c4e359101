"""The reader as the scorer of a public message corpus wants it: octets in, one plain dict out."""

from relay.mail.mailbox import Mailbox
from relay.mail.reading import parse


def _pairs(mailboxes: tuple[Mailbox, ...]) -> list[dict[str, str]]:
    return [{"name": one.display_name, "addr": str(one.address)} for one in mailboxes]


def parse_for_score(raw: bytes) -> dict[str, object]:
    message = parse(raw)
    return {
        "from": _pairs(message.author),
        "to": _pairs(message.to),
        "cc": _pairs(message.cc),
        "subject": message.subject,
        "date": message.originated_at,
        "text": message.text,
        "html": message.html,
        "attachments": [
            {"name": part.filename or None, "size": len(part.content), "content_type": part.media_type}
            for part in message.parts
        ],
        "message_id": message.message_id,
        "references": list(message.references),
    }
