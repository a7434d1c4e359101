#!/bin/sh
# A small CRM on relay.db with the sqlite3 command (3.33 or newer) and a POSIX shell.
#
#   sh crm.sh relay.db timeline LEAD [AT ID]   a page of a lead's mail; AT ID: where the page before ended
#   sh crm.sh relay.db unknown                 mail that is on no lead
#   sh crm.sh relay.db adopt MESSAGE           make a lead of the stranger on it
#   sh crm.sh relay.db page MESSAGE            the message as a web page that is safe to show
#   sh crm.sh relay.db attachment PART         the octets of an attachment
#   sh crm.sh relay.db follow [FEED SEQ]       changes as they come
#   sh crm.sh relay.db merge LEAD INTO
#   sh crm.sh relay.db delete LEAD
#   sh crm.sh relay.db remind LEAD TEXT        a table of our own: x_reminder
#   sh crm.sh relay.db reminders LEAD
set -eu

if [ $# -lt 2 ]; then
    sed -n 's/^# \{0,1\}//;2,13p' "$0" >&2
    exit 2
fi
db=$1 command=$2
shift 2
[ -f "$db" ] || { echo "no database $db" >&2; exit 1; } # sqlite3 would make a new and empty one

# Without .timeout the command does not wait for another writer at all. -bail: a script ends at its first error,
# and what it had begun is rolled back.
ask() { sqlite3 -batch -bail -cmd '.timeout 5000' -cmd '.mode json' "$db" "$@"; }
tell() { sqlite3 -batch -bail -cmd '.timeout 5000' "$db" "$@"; }

number() { case $1 in '' | *[!0-9]*) echo "not a number: $1" >&2; exit 1 ;; esac; }
quoted() { printf "'%s'" "$(printf %s "$1" | sed "s/'/''/g")"; }

own_tables='CREATE TABLE IF NOT EXISTS x_reminder (id INTEGER PRIMARY KEY, lead_id INTEGER NOT NULL, text TEXT NOT NULL);'

case $command in
timeline)
    # The next page begins after the last row of this one, so a deep page costs what the first costs.
    number "$1"
    number "${3-0}"
    ask "SELECT originated_at, message_id, direction, author_name, author_address, subject, snippet, attachment_count
           FROM lead_timeline WHERE lead_id = $1 AND (originated_at, message_id) < ($(quoted "${2-~}"), ${3-0})
          ORDER BY originated_at DESC, message_id DESC LIMIT 50"
    ;;
unknown)
    ask "SELECT message_id, originated_at, party_name, party_address, subject, why FROM unresolved_message
          ORDER BY originated_at DESC, message_id DESC LIMIT 50"
    ;;
adopt)
    # BEGIN IMMEDIATE: the write lock from the first statement on. All mail of the address, old and new, is on the
    # lead when this returns.
    number "$1"
    lead=$(tell "BEGIN IMMEDIATE;
        CREATE TEMP TABLE stranger AS SELECT party_name, party_address FROM unresolved_message
         WHERE message_id = $1 AND party_address IS NOT NULL;
        INSERT INTO lead (name) SELECT coalesce(nullif(party_name, ''), party_address) FROM stranger;
        INSERT INTO lead_address (lead_id, address) SELECT last_insert_rowid(), party_address FROM stranger;
        SELECT lead_id FROM lead_address WHERE id = last_insert_rowid() AND EXISTS (SELECT 1 FROM stranger);
        COMMIT")
    [ -n "$lead" ] || { echo "message $1 waits for nobody, or has no party outside" >&2; exit 1; }
    echo "$lead"
    ;;
page)
    # Pictures become data: URLs, never SVG (it can hold scripts); whatever a stranger wrote is escaped; HTML is shown in
    # a frame with an origin of its own and without scripts. Send the policy as the header Content-Security-Policy too.
    number "$1"
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    pictures="message_id = $1 AND content_id <> '' AND media_type IN ('image/png', 'image/jpeg', 'image/gif', 'image/webp')"
    tell "SELECT p.id, writefile('$folder/' || p.id, b.content) FROM part p JOIN blob b ON b.digest = p.digest
           WHERE $pictures" >"$folder/list"
    while IFS='|' read -r id _; do
        base64 -w 0 "$folder/$id" >"$folder/$id.txt"
    done <"$folder/list"
    e() { echo "replace(replace(replace(replace(replace($1, '&', '&amp;'), '<', '&lt;'), '>', '&gt;'), '\"', '&quot;'), '''', '&#x27;')"; }
    page=$(tell "
        WITH RECURSIVE
        picture (n, id, content_id, media_type) AS (
          SELECT row_number() OVER (ORDER BY id), id, content_id, media_type FROM part WHERE $pictures),
        shown (n, html) AS (
          SELECT 0, html FROM message_text WHERE message_id = $1
          UNION ALL
          SELECT p.n, replace(s.html, 'src=\"cid:' || $(e p.content_id) || '\"', 'src=\"data:' || p.media_type
                 || ';base64,' || CAST(readfile('$folder/' || p.id || '.txt') AS TEXT) || '\"')
            FROM shown s JOIN picture p ON p.n = s.n + 1),
        inner (html) AS (
          SELECT '<base target=\"_blank\">' || replace(html, 'src=\"cid:', 'src=\"\" data-cid=\"')
            FROM shown ORDER BY n DESC LIMIT 1)
        SELECT '<!DOCTYPE html><meta charset=\"utf-8\"><meta http-equiv=\"Content-Security-Policy\" content=\"'
            || 'default-src ''none''; img-src data:; style-src ''unsafe-inline''\"><title>' || $(e m.subject)
            || '</title><style>iframe { width: 100%; height: 30em; border: 0 }</style><h1>' || $(e m.subject)
            || '</h1><p>' || $(e m.author_name) || ' &lt;' || $(e "coalesce(m.author_address, '')") || '&gt;, '
            || m.originated_at || '</p>'
            || CASE WHEN t.html = '' THEN '<pre>' || $(e t.text) || '</pre>'
                    ELSE '<iframe sandbox=\"allow-popups allow-popups-to-escape-sandbox\" srcdoc=\"' || $(e i.html)
                         || '\"></iframe>' END
            || '<ul>' || coalesce((SELECT group_concat('<li><a href=\"attachment/' || id || '\">' || $(e filename) || '</a> '
                                                       || size || ' B</li>', '')
                  FROM (SELECT * FROM part WHERE message_id = m.id AND kind = 'attachment' ORDER BY position)), '') || '</ul>'
          FROM message m JOIN message_text t ON t.message_id = m.id, inner i WHERE m.id = $1 AND m.visibility = 'all'")
    [ -n "$page" ] || { echo "no message $1" >&2; exit 1; }
    printf '%s\n' "$page"
    ;;
attachment)
    # Send it as application/octet-stream, Content-Disposition: attachment, X-Content-Type-Options: nosniff.
    number "$1"
    file=$(mktemp)
    trap 'rm -f "$file"' EXIT
    found=$(tell "SELECT writefile('$file', b.content) FROM part p JOIN blob b ON b.digest = p.digest
                    JOIN message m ON m.id = p.message_id WHERE p.id = $1 AND m.visibility = 'all'")
    [ -n "$found" ] || { echo "no part $1" >&2; exit 1; }
    cat "$file"
    ;;
follow)
    # Each look is a process of a few milliseconds; no read stays open in between. Keep feed and seq for the next time.
    feed=${1-} seq=${2-0}
    number "$seq"
    while :; do
        now=$(tell "SELECT feed_id || ' ' || oldest_seq || ' ' || (SELECT coalesce(max(seq), 0) FROM change) FROM contract")
        # shellcheck disable=SC2086  # three words
        set -- $now
        if [ "$1" != "$feed" ] || [ "$seq" -lt $(($2 - 1)) ]; then # read everything again
            feed=$1 seq=$3
            echo "{\"start_over\":\"$feed\"}"
        elif [ "$3" != "$seq" ]; then
            ask "SELECT * FROM change WHERE seq > $seq AND seq <= $3 ORDER BY seq"
            seq=$3
        fi
        sleep 0.3
    done
    ;;
merge)
    # Addresses, deals and decisions go along by themselves. Our own rows are ours to move.
    number "$1"
    number "$2"
    tell "$own_tables BEGIN IMMEDIATE; UPDATE lead SET merged_into = $2 WHERE id = $1;
          UPDATE x_reminder SET lead_id = $2 WHERE lead_id = $1; COMMIT"
    ;;
delete)
    # Its mail leaves every timeline at once and floods no list. The relay removes its addresses and deals later.
    number "$1"
    tell "$own_tables BEGIN IMMEDIATE; DELETE FROM lead WHERE id = $1; DELETE FROM x_reminder WHERE lead_id = $1; COMMIT"
    ;;
remind)
    # Tables named x_* are ours; the relay never touches them.
    number "$1"
    tell "$own_tables INSERT INTO x_reminder (lead_id, text) VALUES ($1, $(quoted "$2"))"
    ;;
reminders)
    number "$1"
    tell "$own_tables"
    ask "SELECT id, text FROM x_reminder WHERE lead_id = $1 ORDER BY id"
    ;;
*)
    echo "no command $command; see the first lines of this file" >&2
    exit 2
    ;;
esac
