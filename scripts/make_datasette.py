"""Writes config/datasette.json: how Datasette shows relay.db to people, without any plug-in.

What tables and columns mean comes from docs/schema.md (made from the schema), so that it cannot drift; the pages of leads are
written here. A test holds the file against it.

Datasette shows a value that begins with http:// as a link, and gives a query the name under which it was
called (`:_header_host`): that is how rows lead to pages. The styles stand in the description of each page,
the one place for markup that needs no plug-in.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
FILE = ROOT / "config" / "datasette.json"

HERE = "coalesce(nullif(:_header_x_forwarded_proto, ''), 'http') || '://' || :_header_host || '/relay/'"

FACETS = (
    "lead_timeline?_facet=direction&_facet=author_name&_facet=attachment_count&_nosuggest=1&_col=originated_at&_col=direction"
    "&_col=author_name&_col=subject&_col=snippet&_col=attachment_count&lead_id="
)
"""A lead's mail in Datasette's own table, with facets and filters."""

AT = "strftime('%Y-%m-%d %H:%M', {})"
"""A time for people. The zone is UTC, which the page says."""

NEWEST = 20_000
"""Mails looked at by a page that would else read all of them: Datasette ends a query after a second."""

ARROW = "CASE m.direction WHEN 'outgoing' THEN '→' WHEN 'incoming' THEN '←' WHEN 'internal' THEN '↔' ELSE '?' END"

# The same quiet look on all pages: no SQL, no rulers, long texts in their own lines.
STYLE = """<style>
.metadata-description { max-width: 62em }
.metadata-description nav a { margin-right: 1.2em }
form.sql h3, form.sql textarea, form.sql pre, form.sql #sql-format, form.sql .show-hide-sql, form.sql input[type=submit] { display: none }
form.sql { margin: 1em 0 } form.sql p { margin: 0 } form.sql label { width: auto; margin-right: 1em }
form.sql label[for] { font-size: 0 } form.sql label[for]::after { content: 'find'; font-size: 1rem; font-weight: 400; color: #445 }
form.sql input[type=text] { width: 22em; padding: .3em .5em } p.export-links { font-size: .85em; margin: .4em 0 }
.rows-and-columns { border: 0 } .rows-and-columns th { background: none; text-align: left; border-bottom: 2px solid #276890 }
.rows-and-columns td { border: 0; border-bottom: 1px solid #e4e8ec; vertical-align: top; padding: .55em .9em .55em 0; white-space: pre-line }
.rows-and-columns td a { white-space: nowrap }
td.col-open a, td.col-facets a, td.col-page a { display: inline-block; max-width: 4.2em; overflow: hidden; height: 1.5em; color: transparent; position: relative }
td.col-open a::after, td.col-facets a::after, td.col-page a::after { content: 'open'; color: #276890; position: absolute; left: 0 }
td.col-facets a::after { content: 'facets' }
td.col-when { white-space: nowrap; color: #667; font-variant-numeric: tabular-nums } td.col-dir { font-size: 1.25em; color: #276890 } th.col-dir, th.col-open, th.col-facets { color: transparent }
td.col-lead, td.col-subject, td.col-who { font-weight: 600 } td.col-snippet, td.col-organization { color: #445 }
td.col-snippet { max-width: 34em }
</style>"""

NAVIGATION = (
    '<nav><a href="leads">Leads</a><a href="waiting">Waiting</a><a href="find">Find</a>'
    '<a href="arrived">Handed in</a><a href="never_came">Never came</a><a href="strangers">Strangers</a></nav>'
)


def query(title: str, told: str, sql: str, *, style: str = "", params: tuple[str, ...] = ()) -> dict[str, Any]:
    """A page. `told`: what it shows, for people."""
    page: dict[str, Any] = {
        "title": title,
        "description_html": f"{NAVIGATION}<p>{told}</p>{STYLE}{style}",
        "sql": sql.strip(),
        "hide_sql": True,
    }
    return {**page, "params": list(params)} if params else page


QUERIES = {
    "leads": query(
        "Leads",
        "Whom we do business with, the latest mail first. Type a part of a name, an organization or an address, and Enter.",
        f"""
SELECT l.name AS lead, l.organization, l.status, s.name AS owner,
       {AT.format("l.last")} AS last_mail, (SELECT count(*) FROM lead_message lm WHERE lm.lead_id = l.id) AS mails,
       {HERE} || 'timeline?lead=' || l.id AS open,
       {HERE} || '{FACETS}' || l.id AS facets
  FROM (SELECT x.*, (SELECT max(lm.originated_at) FROM lead_message lm WHERE lm.lead_id = x.id) AS last
          FROM lead x
         WHERE x.merged_into IS NULL
           AND (:words = '' OR x.name LIKE '%' || :words || '%' OR x.organization LIKE '%' || :words || '%'
                OR EXISTS (SELECT 1 FROM lead_address a WHERE a.lead_id = x.id AND a.address LIKE '%' || :words || '%'))
         ORDER BY last DESC, x.id DESC
         LIMIT 200) l
  LEFT JOIN staff s ON s.id = l.owner_staff_id
 ORDER BY l.last DESC, l.id DESC""",
        params=("words",),
    ),
    "timeline": query(
        "A lead and its mail",
        "Newest first, times in UTC. → we wrote, ← the lead wrote. Type words to look for in subjects and texts, and Enter.",
        f"""
SELECT "when", dir, who, subject, snippet, open
  FROM (
SELECT 0 AS place, '9' AS originated_at, 0 AS id, '' AS "when", '' AS dir, l.name AS who,
       coalesce(l.organization, '') AS subject,
       l.status || coalesce(', looked after by ' || s.name, '')
       || coalesce(char(10) || (SELECT group_concat(a.address, ', ') FROM lead_address a WHERE a.lead_id = l.id), '')
       || coalesce(char(10) || (SELECT group_concat(d.title || ' (' || coalesce(d.outcome, d.stage, 'open') || ')', ', ')
                                  FROM deal d WHERE d.lead_id = l.id), '') AS snippet,
       {HERE} || '{FACETS}' || l.id AS open
  FROM lead l LEFT JOIN staff s ON s.id = l.owner_staff_id
 WHERE l.id = CAST(:lead AS INTEGER)
UNION ALL
SELECT 1, m.originated_at, m.message_id, {AT.format("m.originated_at")}, {ARROW},
       coalesce(nullif(m.author_name, ''), m.author_address, ''),
       m.subject,
       m.snippet || CASE WHEN m.attachment_count > 0 THEN char(10) || 'Enclosed: '
           || (SELECT group_concat(p.filename, ', ') FROM part p WHERE p.message_id = m.message_id AND p.kind = 'attachment')
           ELSE '' END,
       {HERE} || 'message_page?id=' || m.message_id
  FROM (SELECT *
          FROM lead_timeline m
         WHERE m.lead_id = CAST(:lead AS INTEGER)
           AND (:words = '' OR m.subject LIKE '%' || :words || '%'
                OR EXISTS (SELECT 1 FROM message_text t WHERE t.message_id = m.message_id AND t.text LIKE '%' || :words || '%'))
         ORDER BY m.originated_at DESC, m.message_id DESC
         LIMIT 500) m)
 ORDER BY place, originated_at DESC, id DESC""",
        params=("lead", "words"),
        style="<style>label[for=qp1], #qp1 { display: none } tbody tr:first-child td { background: #eef4f8; border-bottom: 2px solid #276890; padding-top: .9em; padding-bottom: .9em }"
        " tbody tr:first-child td.col-who { font-size: 1.3em; white-space: nowrap; padding-left: .4em }"
        " tbody tr:first-child td.col-open a::after { content: 'facets' }"
        " tbody tr:not(:first-child) td.col-dir { text-align: center }</style>",
    ),
    "message_page": query(
        "A message",
        "Times in UTC. The texts are plain; pictures and attachments are for a program that shows them safely (docs/crm.md).",
        f"""
SELECT label, value FROM (
SELECT 1 AS place, 0 AS n, 'Subject' AS label, m.subject AS value FROM message m WHERE m.id = CAST(:id AS INTEGER) AND m.visibility = 'all'
UNION ALL SELECT 2, 0, 'Written', {AT.format("m.originated_at")} || ' UTC, ' || m.direction FROM message m WHERE m.id = CAST(:id AS INTEGER) AND m.visibility = 'all'
UNION ALL SELECT 3, ma.position, ma.role, trim(ma.display_name || ' <' || a.address || '>') FROM message_address ma
          JOIN address a ON a.id = ma.address_id JOIN message m ON m.id = ma.message_id AND m.visibility = 'all' WHERE ma.message_id = CAST(:id AS INTEGER)
UNION ALL SELECT 4, l.id, 'Lead', l.name || ', by ' || lm.reason FROM lead_message lm JOIN lead l ON l.id = lm.lead_id
          WHERE lm.message_id = CAST(:id AS INTEGER)
UNION ALL SELECT 4, l.id, '', {HERE} || 'timeline?lead=' || l.id FROM lead_message lm JOIN lead l ON l.id = lm.lead_id
          WHERE lm.message_id = CAST(:id AS INTEGER)
UNION ALL SELECT 5, 0, 'Note', t.note FROM message_text t JOIN message m ON m.id = t.message_id AND m.visibility = 'all'
          WHERE t.message_id = CAST(:id AS INTEGER) AND t.note <> ''
UNION ALL SELECT 6, 0, 'Text', t.text FROM message_text t JOIN message m ON m.id = t.message_id AND m.visibility = 'all'
          WHERE t.message_id = CAST(:id AS INTEGER)
UNION ALL SELECT 7, 0, 'Quoted', t.quoted FROM message_text t JOIN message m ON m.id = t.message_id AND m.visibility = 'all'
          WHERE t.message_id = CAST(:id AS INTEGER) AND t.quoted <> ''
UNION ALL SELECT 8, p.position, p.kind, p.filename || ', ' || p.media_type || ', ' || p.size || ' octets' FROM part p
          JOIN message m ON m.id = p.message_id AND m.visibility = 'all' WHERE p.message_id = CAST(:id AS INTEGER)
UNION ALL SELECT 9, e.id, 'Came', {AT.format("e.received_at")} || ' UTC, by ' || e.route || coalesce(', from ' || s.name, '')
          || ', as ' || e.vault_id FROM envelope e LEFT JOIN staff s ON s.id = e.staff_id WHERE e.message_id = CAST(:id AS INTEGER))
 ORDER BY place, n""",
        params=("id",),
        style="<style>form.sql, th { display: none } td.col-label { color: #667; white-space: nowrap } tbody tr:first-child td.col-value { font-size: 1.3em; font-weight: 600 }</style>",
    ),
    "waiting": query(
        "Mail that waits for a person",
        "It is on no lead. In the command line: <code>bcc-relay lead add --from ID</code>,"
        " <code>bcc-relay attach ID LEAD</code> or <code>bcc-relay unresolved dismiss ID</code>.",
        f"""
SELECT message_id AS id, {AT.format("originated_at")} AS "when", coalesce(nullif(party_name, ''), party_address, '') AS who,
       party_address AS address, subject, why, {HERE} || 'message_page?id=' || message_id AS open
  FROM unresolved_message ORDER BY originated_at DESC, message_id DESC LIMIT 200""",
    ),
    "find": query(
        "Find mail",
        "Type words as they stand in a subject, a name or a text, and Enter; the newest mail comes first, and the newest"
        f" {NEWEST:,} are looked at. Open search.db too (<code>datasette relay.db search.db -m config/datasette.json</code>)"
        " for a search of all, in an index.",
        f"""
SELECT {AT.format("m.originated_at")} AS "when", {ARROW} AS dir, coalesce(nullif(m.author_name, ''), m.author_address, '') AS who,
       m.subject, m.snippet, {HERE} || 'message_page?id=' || m.id AS open
  FROM (SELECT * FROM message ORDER BY originated_at DESC, id DESC LIMIT {NEWEST}) m
  JOIN message_text t ON t.message_id = m.id
 WHERE :words <> '' AND m.visibility = 'all'
   AND (m.subject LIKE '%' || :words || '%' OR m.author_name LIKE '%' || :words || '%' OR m.author_address LIKE '%' || :words || '%'
        OR t.text LIKE '%' || :words || '%')
 ORDER BY m.originated_at DESC, m.id DESC LIMIT 50""",
        params=("words",),
    ),
    "arrived": query(
        "What was handed in",
        "Did it arrive? Every accepted copy, the latest first, and the lead it is on or the reason why it is on none.",
        f"""
SELECT {AT.format("h.received_at")} AS "when", s.name AS who, h.route, h.subject,
       coalesce((SELECT group_concat(l.name, ', ') FROM lead_message lm JOIN lead l ON l.id = lm.lead_id WHERE lm.message_id = h.message_id),
                h.why) AS landed, {HERE} || 'message_page?id=' || h.message_id AS open
  FROM handed_in h LEFT JOIN staff s ON s.id = h.staff_id
 ORDER BY h.received_at DESC, h.envelope_id DESC LIMIT 200""",
    ),
    "never_came": query(
        "Mail of ours that never came",
        f"A lead answered it, and nobody handed it in. The newest {NEWEST:,} mails with leads are looked at.",
        f"""
SELECT {AT.format("mm.seen_at")} AS "when", l.name AS lead, s.name AS of_ours, m.subject AS in_the_answer,
       {HERE} || 'message_page?id=' || mm.seen_in AS open
  FROM missing_message mm JOIN lead l ON l.id = mm.lead_id JOIN message m ON m.id = mm.seen_in LEFT JOIN staff s ON s.id = mm.staff_id
 WHERE mm.seen_at >= coalesce((SELECT originated_at FROM lead_message ORDER BY originated_at DESC LIMIT 1 OFFSET {NEWEST}), '')
 ORDER BY mm.seen_at DESC LIMIT 200""",
    ),
    "strangers": query(
        "Strangers",
        "Who writes to us or is written to and is no lead yet, the most frequent first.",
        f"""
SELECT display_name AS who, address, message_count AS mails, {AT.format("last_at")} AS last_mail
  FROM unknown_address ORDER BY message_count DESC, last_at DESC LIMIT 200""",
    ),
}

SORTED = {
    "lead_timeline": {"title": "The mail of a lead, with facets", "sort_desc": "originated_at", "size": 50},
    "lead": {"sort_desc": "updated_at", "facets": ["status"], "label_column": "name"},
    "staff": {"label_column": "name"},
    "deal": {"sort_desc": "updated_at", "facets": ["outcome"], "label_column": "title"},
    "message": {"sort_desc": "originated_at", "label_column": "subject"},
    "handed_in": {"sort_desc": "received_at", "facets": ["route", "why"]},
    "unresolved_message": {"sort_desc": "originated_at", "facets": ["why"]},
    "change": {"sort_desc": "seq", "facets": ["entity"]},
    "audit": {"sort_desc": "id"},
}

FOUND = f"""
SELECT bm25(message_search) AS rank, subject, names, snippet(message_search, 1, '»', '«', '…', 20) AS snippet,
       {HERE} || 'message_page?id=' || rowid AS open
  FROM message_search
 WHERE :words <> '' AND message_search MATCH '"' || replace(:words, '"', '""') || '"'
 ORDER BY rank LIMIT 50"""

PEOPLE = (
    "<style>dl.column-descriptions { display: none } td.col-originated_at { white-space: nowrap } td.col-snippet { min-width: 26em }"
    " td.col-subject { font-weight: 600 } nav a { margin-right: 1.2em }</style>"
)
"""Where people look, what a column means stands in the menu of its head."""

QUIET = "<style>dl.column-descriptions { columns: 2; font-size: .85em; color: #445 } .rows-and-columns td { white-space: pre-line }</style>"


def tables() -> dict[str, dict[str, Any]]:
    """Tables and views with their meanings, from docs/schema.md; the relay's own are hidden."""
    found: dict[str, dict[str, Any]] = {"_sqlite_migrations": {"hidden": True}}
    for section in (ROOT / "docs" / "schema.md").read_text(encoding="utf-8").split("\n### ")[1:]:
        name, sentence = re.match(r"`(\w+)`\n\n(.+)", section).groups()  # type: ignore[union-attr]  # each begins so
        cells = re.findall(r"^\| `(\w+)` \|(?:[^|]*\|)? ?([^|]+) \|$", section, re.MULTILINE)
        columns = {column: meaning.strip() for column, meaning in cells}
        if name.startswith("_"):
            found[name] = {"hidden": True}
        else:
            style = PEOPLE if name == "lead_timeline" else QUIET
            links = NAVIGATION if name == "lead_timeline" else ""
            found[name] = {
                "description_html": f"{links}<p>{sentence}</p>{style}",
                "columns": columns,
                **SORTED.get(name, {}),
            }
    return found


def metadata() -> dict[str, Any]:
    """The whole of config/datasette.json."""
    welcome = NAVIGATION.replace('href="', 'href="relay/')
    form = '<form action="relay/leads"><input name="words" placeholder="a name, an organization or an address" size="34"> <input type="submit" value="Find a lead"></form>'
    return {
        "title": "Mail with our leads",
        "description_html": f"{welcome}{form}<style>nav a {{ margin-right: 1.2em }}</style>",
        "databases": {
            "relay": {
                "description_html": f"{welcome}{form}<style>nav a {{ margin-right: 1.2em }}</style>",
                "queries": QUERIES,
                "tables": tables(),
            },
            "search": {
                "description": "The index of words. Derived from relay.db.",
                "queries": {"words": query("Find mail by words", "<b>words</b> stand together, in this order.", FOUND, params=("words",))
                            | {"description_html": "<p><b>words</b> stand together, in this order. The best first.</p>" + STYLE}},
                "tables": {
                    f"message_search{suffix}": {"hidden": True} for suffix in ("_config", "_content", "_data", "_docsize", "_idx")
                } | {"_search": {"hidden": True}},
            },
        },
    }  # fmt: skip


def text() -> str:
    return json.dumps(metadata(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
