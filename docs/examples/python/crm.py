"""A small CRM on relay.db, with nothing but Python's standard library (3.9 or newer).

    python3 crm.py relay.db timeline LEAD [AT ID]   a page of a lead's mail; AT ID: where the page before ended
    python3 crm.py relay.db unknown                 mail that is on no lead
    python3 crm.py relay.db adopt MESSAGE           make a lead of the stranger on it
    python3 crm.py relay.db page MESSAGE            the message as a web page that is safe to show
    python3 crm.py relay.db attachment PART         the octets of an attachment
    python3 crm.py relay.db follow [FEED SEQ]       changes as they come
    python3 crm.py relay.db merge LEAD INTO
    python3 crm.py relay.db delete LEAD
    python3 crm.py relay.db remind LEAD TEXT        a table of our own: x_reminder
    python3 crm.py relay.db reminders LEAD
"""

import base64
import html
import json
import os
import re
import sqlite3
import sys
import time
import urllib.parse
from contextlib import contextmanager

PAGE = 50


def connect(path):
    # mode=rw: a mistyped path is an error, not a new and empty database.
    # isolation_level=None: Python begins no transaction by itself; timeout: wait 5 s for another writer.
    db = sqlite3.connect(f"file:{urllib.parse.quote(path)}?mode=rw", uri=True, isolation_level=None, timeout=5)
    db.row_factory = sqlite3.Row
    db.execute("PRAGMA wal_autocheckpoint = 0")  # the relay folds the write-ahead log; old libraries have a bug there
    return db


@contextmanager
def writing(db):
    """A short transaction that has the write lock from its first statement on."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        db.execute("ROLLBACK")
        raise


def timeline(db, lead, at="~", number=0):
    """A page, newest first. The next one begins after the last row of this one, so a deep page costs what the first costs."""
    return db.execute(
        "SELECT originated_at, message_id, direction, author_name, author_address, subject, snippet, attachment_count"
        " FROM lead_timeline WHERE lead_id = ? AND (originated_at, message_id) < (?, ?)"
        " ORDER BY originated_at DESC, message_id DESC LIMIT ?",
        (lead, at, number, PAGE),
    ).fetchall()


def unknown(db):
    return db.execute(
        "SELECT message_id, originated_at, party_name, party_address, subject, why FROM unresolved_message"
        " ORDER BY originated_at DESC, message_id DESC LIMIT ?",
        (PAGE,),
    ).fetchall()


def adopt(db, message):
    """A new lead of the outside party. All mail of the address, old and new, is on the lead when this returns."""
    with writing(db):
        row = db.execute(
            "SELECT party_name, party_address FROM unresolved_message WHERE message_id = ?", (message,)
        ).fetchone()
        if row is None or row["party_address"] is None:
            raise SystemExit(f"message {message} waits for nobody, or has no party outside")
        name = row["party_name"] or row["party_address"]
        lead = db.execute("INSERT INTO lead (name) VALUES (?)", (name,)).lastrowid
        db.execute("INSERT INTO lead_address (lead_id, address) VALUES (?, ?)", (lead, row["party_address"]))
    return lead


PICTURES = {"image/png", "image/jpeg", "image/gif", "image/webp"}  # never SVG: it can hold scripts
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def page(db, message):
    """The message as a page of its own. Send POLICY as the header Content-Security-Policy too."""
    m = db.execute(
        "SELECT m.subject, m.author_name, m.author_address, m.originated_at, t.text, t.html FROM message m"
        " JOIN message_text t ON t.message_id = m.id WHERE m.id = ? AND m.visibility = 'all'",
        (message,),
    ).fetchone()
    if m is None:
        raise SystemExit(f"no message {message}")
    e = html.escape  # whatever a stranger wrote
    if m["html"]:
        # Its own origin, no scripts, no forms; links open outside the frame.
        inner = '<base target="_blank">' + with_pictures(db, message, m["html"])
        body = f'<iframe sandbox="allow-popups allow-popups-to-escape-sandbox" srcdoc="{e(inner)}"></iframe>'
    else:
        body = f"<pre>{e(m['text'])}</pre>"
    parts = db.execute(
        "SELECT id, filename, media_type, size FROM part WHERE message_id = ? AND kind = 'attachment' ORDER BY position",
        (message,),
    ).fetchall()
    files = "".join(f'<li><a href="attachment/{p["id"]}">{e(p["filename"])}</a> {p["size"]} B</li>' for p in parts)
    return (
        f'<!DOCTYPE html><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        f"<title>{e(m['subject'])}</title><style>iframe {{ width: 100%; height: 30em; border: 0 }}</style>"
        f"<h1>{e(m['subject'])}</h1><p>{e(m['author_name'])} &lt;{e(m['author_address'] or '')}&gt;, {m['originated_at']}</p>"
        f"{body}<ul>{files}</ul>\n"
    )


def with_pictures(db, message, markup):
    """The HTML with its `cid:` images put in. Nothing else in it loads anything."""

    def picture(found):
        content_id = urllib.parse.unquote(html.unescape(found[1]))
        row = db.execute(
            "SELECT p.media_type, b.content FROM part p JOIN blob b ON b.digest = p.digest"
            " WHERE p.message_id = ? AND p.content_id = ? LIMIT 1",
            (message, content_id),
        ).fetchone()
        if row is None or row["media_type"] not in PICTURES:
            return 'src=""'
        return f'src="data:{row["media_type"]};base64,{base64.b64encode(row["content"]).decode()}"'

    return re.sub(r'src="cid:([^"]*)"', picture, markup)


def attachment(db, part):
    """The octets. Send them as application/octet-stream, Content-Disposition: attachment, X-Content-Type-Options: nosniff."""
    row = db.execute(
        "SELECT b.content FROM part p JOIN blob b ON b.digest = p.digest JOIN message m ON m.id = p.message_id"
        " WHERE p.id = ? AND m.visibility = 'all'",
        (part,),
    ).fetchone()
    if row is None:
        raise SystemExit(f"no part {part}")
    return row["content"]


def follow(path, feed=None, seq=0):
    """Changes for ever, as (feed_id, row); the row is None when everything has to be read again. Keep feed_id and seq."""
    db, file, version = None, None, None
    while True:
        try:
            found = os.stat(path).st_ino
        except FileNotFoundError:  # being restored
            time.sleep(0.2)
            continue
        if found != file:  # the first time, and after a restore put another file there
            db, file, version = connect(path), found, None
        now = db.execute("PRAGMA data_version").fetchone()[0]  # changes when somebody writes; costs microseconds
        if now == version:
            time.sleep(0.2)
            continue
        db.execute("BEGIN")  # the feed's name and its rows of one moment; and no snapshot is held while we sleep
        contract = db.execute("SELECT feed_id, oldest_seq FROM contract").fetchone()
        newest = db.execute("SELECT coalesce(max(seq), 0) FROM change").fetchone()[0]
        over = contract["feed_id"] != feed or seq < contract["oldest_seq"] - 1
        rows = db.execute("SELECT * FROM change WHERE seq > ? ORDER BY seq LIMIT 1000", (seq,)).fetchall()
        db.execute("COMMIT")
        if over:
            feed, seq = contract["feed_id"], newest
            yield feed, None
        for row in [] if over else rows:
            seq = row["seq"]
            yield feed, row
        version = None if len(rows) == 1000 else now


def merge(db, lead, into):
    """Addresses, deals and decisions go along by themselves. Our own rows are ours to move."""
    own_tables(db)
    with writing(db):
        db.execute("UPDATE lead SET merged_into = ? WHERE id = ?", (into, lead))
        db.execute("UPDATE x_reminder SET lead_id = ? WHERE lead_id = ?", (into, lead))


def delete(db, lead):
    """Its mail leaves every timeline at once and floods no list. The relay removes its addresses and deals later."""
    own_tables(db)
    with writing(db):
        db.execute("DELETE FROM lead WHERE id = ?", (lead,))
        db.execute("DELETE FROM x_reminder WHERE lead_id = ?", (lead,))


def own_tables(db):
    """Tables named x_* are ours; the relay never touches them."""
    db.execute(
        "CREATE TABLE IF NOT EXISTS x_reminder (id INTEGER PRIMARY KEY, lead_id INTEGER NOT NULL, text TEXT NOT NULL)"
    )


def remind(db, lead, text):
    own_tables(db)
    with writing(db):
        db.execute("INSERT INTO x_reminder (lead_id, text) VALUES (?, ?)", (lead, text))


def reminders(db, lead):
    own_tables(db)
    return db.execute("SELECT id, text FROM x_reminder WHERE lead_id = ? ORDER BY id", (lead,)).fetchall()


def main(path, command, *words):
    if command == "follow":
        for feed, row in follow(path, *words[:1], *map(int, words[1:])):
            print(json.dumps({"start_over": feed} if row is None else dict(row)), flush=True)
    known = {f.__name__: f for f in (timeline, unknown, adopt, page, attachment, merge, delete, remind, reminders)}
    if command not in known:
        raise SystemExit(__doc__)
    try:
        result = known[command](connect(path), *words)
    except sqlite3.Error as error:  # "database is locked": somebody holds the write lock, try again
        raise SystemExit(str(error)) from error
    if isinstance(result, bytes):
        sys.stdout.buffer.write(result)
    elif isinstance(result, list):
        for row in result:
            print(json.dumps(dict(row)))
    elif result is not None:
        print(result, end="" if isinstance(result, str) else "\n")


if __name__ == "__main__":
    main(*sys.argv[1:]) if len(sys.argv) > 2 else sys.exit(__doc__)
