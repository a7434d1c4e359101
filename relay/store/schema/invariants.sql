-- What must always hold in relay.db. Each query shows what does not: no rows, no difference. Run by `bcc-relay verify`
-- and after the tests. lead_message is recomputed here from its definition in the contract, in words that share nothing
-- with the triggers' (no _match, no procedures), so that neither can hide a mistake of the other.
--
-- '-- name: sentence' opens a query; its columns are shown with what it finds.

-- relation: lead_message is what the facts say (its deals: see deal)
WITH
strength (role, strength) AS (VALUES ('from', 1), ('sender', 2), ('reply-to', 3), ('to', 4), ('cc', 5), ('bcc', 6)),
-- a lead stands for an address under one of its spellings; for the rank see below
claim (lead_id, address_id, rank) AS (
  SELECT la.lead_id, f.address_id, min(f.rank)
    FROM lead_address la JOIN _address_form f ON f.form = la.address_key
   GROUP BY la.lead_id, f.address_id),
-- without its plus tag only if no lead has the exact form
best (address_id, rank) AS (SELECT address_id, min(rank) FROM claim GROUP BY address_id),
-- never a staff address
ours (address_id) AS (
  SELECT DISTINCT f.address_id FROM staff_address s JOIN _address_form f ON f.form = s.address_key),
-- an address of the lead is a party
by_address (lead_id, message_id, strength) AS (
  SELECT c.lead_id, p.message_id,
         min(s.strength)
    FROM claim c
    JOIN best b ON b.address_id = c.address_id AND b.rank = c.rank
    JOIN message_address p ON p.address_id = c.address_id
    JOIN strength s ON s.role = p.role
   WHERE c.address_id NOT IN (SELECT address_id FROM ours)
   GROUP BY c.lead_id, p.message_id),
-- or an explicit 'attach' says so; unless a 'detach' says otherwise
strong (lead_id, message_id, role, reason) AS (
  SELECT a.lead_id, a.message_id,
         (SELECT role FROM strength WHERE strength = a.strength),
         'address'
    FROM by_address a
   WHERE (a.lead_id, a.message_id) NOT IN (SELECT lead_id, message_id FROM explicit_attribution WHERE verdict = 'detach')
  UNION ALL
  SELECT e.lead_id, e.message_id, NULL, e.reason
    FROM explicit_attribution e
   WHERE e.verdict = 'attach'
     AND e.message_id IN (SELECT id FROM message)
     AND (e.lead_id, e.message_id) NOT IN (SELECT lead_id, message_id FROM by_address)),
-- or its thread does: no lead of its own, exactly one lead in the thread
conversation (thread_id, lead_id) AS (
  SELECT m.thread_id, min(s.lead_id)
    FROM strong s JOIN message m ON m.id = s.message_id
   WHERE m.thread_id IS NOT NULL
   GROUP BY m.thread_id
  HAVING count(DISTINCT s.lead_id) = 1),
expected (lead_id, message_id, originated_at, role, reason) AS (
  SELECT s.lead_id, s.message_id, m.originated_at, s.role, s.reason
    FROM strong s JOIN message m ON m.id = s.message_id
  UNION ALL
  SELECT c.lead_id, m.id, m.originated_at, NULL, 'thread'
    FROM conversation c JOIN message m ON m.thread_id = c.thread_id
   WHERE m.direction IN ('incoming', 'outgoing')
     AND m.id NOT IN (SELECT message_id FROM strong)
     AND (c.lead_id, m.id) NOT IN (SELECT lead_id, message_id FROM explicit_attribution WHERE verdict = 'detach'))
SELECT *
  FROM (SELECT 'missing' AS what, *
          FROM (SELECT * FROM expected
                EXCEPT SELECT lead_id, message_id, originated_at, role, reason FROM lead_message)
        UNION ALL
        SELECT 'unfounded', *
          FROM (SELECT lead_id, message_id, originated_at, role, reason FROM lead_message
                EXCEPT SELECT * FROM expected))
 -- threads are judged when the relay has had its say
 WHERE reason <> 'thread' OR NOT EXISTS (SELECT 1 FROM _unsettled);

-- deal: a decision, else the thread's deal, else the only one open then, says to which deal of a lead a message belongs
-- Row by row, from what the rows before it in the thread say; the relay decides thread by thread (attribution/deal.py).
WITH
placed (lead_id, thread, at, message_id, deal_id, explicit) AS (
  SELECT lm.lead_id, coalesce(m.thread_id, -m.id), lm.originated_at, lm.message_id, lm.deal_id,
         (SELECT d.id FROM explicit_attribution e JOIN deal d ON d.id = e.deal_id
           WHERE e.message_id = lm.message_id AND e.lead_id = lm.lead_id AND e.verdict = 'attach')
    FROM lead_message lm JOIN message m ON m.id = lm.message_id
   WHERE lm.deal_id IS NOT NULL OR lm.lead_id IN (SELECT lead_id FROM deal)),
counted AS (
  SELECT *,
         -- how many rows before this one have a deal, and how many behind it have one by decision
         count(deal_id) OVER (PARTITION BY lead_id, thread ORDER BY at, message_id
                              ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before,
         count(explicit) OVER (PARTITION BY lead_id, thread ORDER BY at, message_id
                               ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS behind
    FROM placed),
neighbours AS (
  SELECT c.*, b.deal_id AS so_far, f.explicit AS coming
    FROM counted c
    LEFT JOIN counted b ON b.lead_id = c.lead_id AND b.thread = c.thread AND b.deal_id IS NOT NULL AND b.before = c.before - 1
    LEFT JOIN counted f ON f.lead_id = c.lead_id AND f.thread = c.thread AND f.explicit IS NOT NULL AND f.behind = c.behind - 1),
expected AS (
  SELECT n.lead_id, n.message_id, n.deal_id,
         coalesce(n.explicit,
                  (SELECT s.deal_id FROM _deal_span s WHERE s.deal_id = n.so_far AND s.lead_id = n.lead_id AND n.at BETWEEN s.opens AND s.ends),
                  (SELECT s.deal_id FROM _deal_span s WHERE s.deal_id = n.coming AND s.lead_id = n.lead_id AND n.at BETWEEN s.opens AND s.ends),
                  (SELECT min(s.deal_id) FROM _deal_span s WHERE s.lead_id = n.lead_id AND n.at BETWEEN s.opens AND s.ends HAVING count(*) = 1)) AS wanted
    FROM neighbours n)
SELECT lead_id, message_id, deal_id, wanted FROM expected
 WHERE deal_id IS NOT wanted
   -- judged when the relay has had its say
   AND NOT EXISTS (SELECT 1 FROM _unsettled) AND NOT EXISTS (SELECT 1 FROM _deal_due) AND NOT EXISTS (SELECT 1 FROM _tag_due);

-- tag: a message tells of its tags what became of them
SELECT m.id AS message_id, t.kind, t.value, t.state, m.defects
  FROM _message_tag t JOIN message m ON m.id = t.message_id
 WHERE t.state = 'new'
    OR (t.state = 'unknown' AND instr(m.defects, '"unknown-tag"') = 0)
    OR (t.state = 'disputed' AND instr(m.defects, '"tag-disagrees"') = 0)
    OR (t.state = 'disputed') > EXISTS (SELECT 1 FROM _disputed_tag d WHERE d.message_id = m.id)
UNION ALL
SELECT d.message_id, '', d.tag, 'none', '' FROM _disputed_tag d
 WHERE NOT EXISTS (SELECT 1 FROM _message_tag t WHERE t.message_id = d.message_id AND t.state = 'disputed')
UNION ALL
SELECT t.message_id, t.kind, t.value, t.state, 'no message' FROM _message_tag t WHERE t.message_id NOT IN (SELECT id FROM message);

-- tag-of-a-party: a tag whose lead is a party of the message by its address is not disputed
SELECT d.message_id, d.tag, d.lead_id
  FROM _disputed_tag d JOIN lead_message lm ON lm.message_id = d.message_id AND lm.lead_id = d.lead_id AND lm.reason = 'address'
 WHERE NOT EXISTS (SELECT 1 FROM _unsettled) AND NOT EXISTS (SELECT 1 FROM _tag_due)
   -- unless another tag named another deal of that lead
   AND NOT EXISTS (SELECT 1 FROM _message_tag t WHERE t.message_id = d.message_id AND t.lead_id = d.lead_id AND t.state = 'applied');

-- staff-address: no lead has an address of one of our people (it puts no mail on that lead)
SELECT DISTINCT la.lead_id, la.address, s.staff_id
  FROM staff_address s JOIN lead_address la ON la.address_key = s.address_key
UNION
SELECT la.lead_id, la.address, s.staff_id
  FROM staff_address s
  JOIN _address_form f ON f.form = s.address_key
  JOIN _address_form g ON g.address_id = f.address_id
  JOIN lead_address la ON la.address_key = g.form;

-- match: _match is what forms, leads and staff say
SELECT 'missing' AS what, * FROM (SELECT address_id, lead_id FROM _address_match EXCEPT SELECT address_id, lead_id FROM _match)
UNION ALL
SELECT 'unfounded', * FROM (SELECT address_id, lead_id FROM _match EXCEPT SELECT address_id, lead_id FROM _address_match);

-- staff-on-lead: no address of our people puts a message on a lead
SELECT x.lead_id, a.address
  FROM staff_address s
  JOIN _address_form f ON f.form = s.address_key
  JOIN _match x ON x.address_id = f.address_id
  JOIN address a ON a.id = x.address_id;

-- unresolved: every message without a lead can be found by unresolved_message, unless its lead was deleted
SELECT m.id AS message_id
  FROM message m
 WHERE m.direction <> 'internal'
   AND NOT EXISTS (SELECT 1 FROM lead_message x WHERE x.message_id = m.id)
   AND NOT EXISTS (SELECT 1 FROM dismissal d WHERE d.message_id = m.id)
   AND NOT EXISTS (SELECT 1 FROM _last_lead t WHERE t.message_id = m.id AND t.released = 1)
   AND NOT EXISTS (SELECT 1 FROM _unrelated u WHERE u.message_id = m.id AND u.originated_at = m.originated_at);

-- unsettled: nothing that triggers left to the relay waits longer than ten minutes, deleted leads an hour (is the filer running?)
SELECT kind, subject_id, at FROM _unsettled
 WHERE at < strftime('%Y-%m-%dT%H:%M:%fZ', 'now', CASE kind WHEN 'lead' THEN '-60 minutes' ELSE '-10 minutes' END);

-- address-form: every address can be found by its own spelling, and is canonical
SELECT a.id AS address_id, a.address
  FROM address a
 WHERE a.address <> lower(a.address)
    OR a.domain <> substr(a.address, length(a.address) - length(a.domain) + 1)
    OR NOT EXISTS (SELECT 1 FROM _address_form f WHERE f.form = a.address AND f.address_id = a.id AND f.rank = 0);

-- party-date: message_address carries the date of its message
SELECT ma.message_id, ma.address_id, ma.originated_at
  FROM message_address ma JOIN message m ON m.id = ma.message_id
 WHERE ma.originated_at <> m.originated_at;

-- attachment-count: message.attachment_count counts the real attachments
SELECT m.id AS message_id, m.attachment_count, (SELECT count(*) FROM part p WHERE p.message_id = m.id AND p.kind = 'attachment') AS parts
  FROM message m
 WHERE m.attachment_count <> (SELECT count(*) FROM part p WHERE p.message_id = m.id AND p.kind = 'attachment');

-- logo: a small picture that three messages of one author have is a signature on all of them, and else what its message makes of it
SELECT p.id AS part_id, p.message_id, p.kind, x.kind AS own_kind
  FROM _picture x JOIN part p ON p.id = x.part_id
 WHERE p.kind <> CASE WHEN (SELECT count(DISTINCT y.message_id) FROM _picture y WHERE y.digest = x.digest AND y.author = x.author) >= 3
                      THEN 'signature' ELSE x.kind END
UNION ALL
SELECT x.part_id, x.message_id, 'not as its part and message', x.kind
  FROM _picture x LEFT JOIN part p ON p.id = x.part_id LEFT JOIN message m ON m.id = p.message_id
 WHERE p.digest IS NOT x.digest OR m.id IS NOT x.message_id OR m.author_address IS NOT x.author;

-- orphan: what belongs to a message, an address, a thread or a part has one
SELECT 'message_address' AS entity, message_id AS id FROM message_address WHERE message_id NOT IN (SELECT id FROM message)
UNION ALL SELECT 'message_address.address_id', address_id FROM message_address WHERE address_id NOT IN (SELECT id FROM address)
UNION ALL SELECT 'message_text', message_id FROM message_text WHERE message_id NOT IN (SELECT id FROM message)
UNION ALL SELECT 'part', id FROM part WHERE message_id NOT IN (SELECT id FROM message)
UNION ALL SELECT '_cut_thread', thread_id FROM _cut_thread WHERE thread_id NOT IN (SELECT id FROM thread)
UNION ALL SELECT 'part.digest', id FROM part
 WHERE digest NOT IN (SELECT digest FROM blob)
   AND message_id NOT IN (SELECT id FROM message WHERE instr(defects, '"attachments-not-kept"') > 0)
UNION ALL SELECT 'envelope', id FROM envelope WHERE message_id NOT IN (SELECT id FROM message)
UNION ALL SELECT 'envelope_recipient', envelope_id FROM envelope_recipient WHERE envelope_id NOT IN (SELECT id FROM envelope)
UNION ALL SELECT 'envelope_proof', envelope_id FROM envelope_proof WHERE envelope_id NOT IN (SELECT id FROM envelope)
UNION ALL SELECT 'envelope_signature', envelope_id FROM envelope_signature WHERE envelope_id NOT IN (SELECT envelope_id FROM envelope_proof)
UNION ALL SELECT 'envelope_owner', envelope_id FROM envelope_owner WHERE envelope_id NOT IN (SELECT id FROM envelope)
UNION ALL SELECT 'envelope_note', envelope_id FROM envelope_note WHERE envelope_id NOT IN (SELECT id FROM envelope)
UNION ALL SELECT 'message.thread_id', id FROM message WHERE thread_id IS NOT NULL AND thread_id NOT IN (SELECT id FROM thread)
UNION ALL SELECT '_address_form', address_id FROM _address_form WHERE address_id NOT IN (SELECT id FROM address)
UNION ALL SELECT '_identity', message_id FROM _identity WHERE message_id NOT IN (SELECT id FROM message)
UNION ALL SELECT '_reference', message_id FROM _reference WHERE message_id IS NOT NULL AND message_id NOT IN (SELECT id FROM message)
UNION ALL SELECT 'message_alias', old_id FROM message_alias WHERE message_id NOT IN (SELECT id FROM message);

-- envelope: every accepted mail that was filed has its envelope, and the other way round
SELECT e.vault_id, 'no outcome' AS what
  FROM envelope e
 WHERE NOT EXISTS (SELECT 1 FROM _vault_outcome o
                    WHERE o.epoch = substr(e.vault_id, 1, 8) AND o.number = CAST(substr(e.vault_id, 10) AS INTEGER))
UNION ALL
SELECT o.epoch || '-' || o.number, 'no envelope'
  FROM _vault_outcome o
 WHERE o.outcome IN ('filed', 'unparsed')
   AND NOT EXISTS (SELECT 1 FROM envelope e WHERE e.vault_id = o.epoch || '-' || o.number);

-- forwarded: a message that waits for its original is there, has no Message-ID, and is found by its author and subject
SELECT f.message_id, m.internet_message_id, m.author_address IS f.author AS author_fits, t.base_subject IS f.base_subject AS subject_fits
  FROM _forwarded f LEFT JOIN message m ON m.id = f.message_id LEFT JOIN thread t ON t.id = m.thread_id
 WHERE m.id IS NULL OR m.internet_message_id IS NOT NULL OR m.author_address IS NOT f.author
    OR coalesce(t.base_subject, '') <> f.base_subject;

-- proof: what a rule of admission let in has its proof beside it, and what is fully trusted has none
SELECT e.id AS envelope_id, e.admitted_by
  FROM envelope e
 WHERE (e.admitted_by IN ('auth', 'upstream', 'dkim', 'spf', 'arc', 'personal-address', 'known-thread'))
    <> EXISTS (SELECT 1 FROM envelope_proof p WHERE p.envelope_id = e.id);

-- secret: no personal address stands in the database as it is written
SELECT envelope_id FROM envelope_recipient WHERE lower(forward_path) GLOB '*me-[a-z2-7][a-z2-7][a-z2-7][a-z2-7][a-z2-7][a-z2-7][a-z2-7][a-z2-7][a-z2-7][a-z2-7][a-z2-7][a-z2-7][a-z2-7][a-z2-7][a-z2-7][a-z2-7][a-z2-7][a-z2-7][a-z2-7][a-z2-7][a-z2-7][a-z2-7][a-z2-7][a-z2-7][a-z2-7][a-z2-7]@*';

-- taken-back: of mail that was taken back or dropped nothing is here, no envelope and so no message
SELECT e.vault_id, e.message_id, o.outcome
  FROM _vault_outcome o
 CROSS JOIN envelope e ON e.vault_id = o.epoch || '-' || o.number
 WHERE o.outcome IN ('forgotten', 'dropped');

-- time: times of ours are times
SELECT 'message' AS entity, id, originated_at AS at FROM message
 WHERE julianday(originated_at) IS NULL OR julianday(received_at) IS NULL
UNION ALL SELECT 'envelope', id, received_at FROM envelope WHERE julianday(received_at) IS NULL;

-- never-log: every entry names somebody, and holds for somebody (what is no pattern keeps no mail out)
SELECT n.id AS never_log_id
  FROM never_log n
 WHERE (n.pattern NOT LIKE '%@_%' AND n.pattern NOT LIKE '%*._%')
    OR (n.staff_id IS NOT NULL AND n.staff_id NOT IN (SELECT id FROM staff));

-- merge-circle: no leads are merged into one another (what is written for them later stays where it is)
WITH RECURSIVE chain (lead_id, into_id, step) AS (
  SELECT id, merged_into, 1 FROM lead WHERE merged_into <> id
  UNION ALL
  SELECT c.lead_id, l.merged_into, c.step + 1 FROM chain c JOIN lead l ON l.id = c.into_id
   WHERE c.into_id <> c.lead_id AND l.merged_into <> l.id AND c.step < 100)
SELECT lead_id FROM chain WHERE into_id = lead_id;

-- crm-time: times that a CRM wrote can be read (a date as SQL, ISO 8601 or an ORM writes it)
SELECT entity, id, at
  FROM (SELECT 'lead.created_at' AS entity, id, created_at AS at FROM lead
        UNION ALL SELECT 'lead.updated_at', id, updated_at FROM lead
        UNION ALL SELECT 'staff.left_at', id, left_at FROM staff
        UNION ALL SELECT 'deal.created_at', id, created_at FROM deal
        UNION ALL SELECT 'deal.updated_at', id, updated_at FROM deal
        UNION ALL SELECT 'lead_address.added_at', id, added_at FROM lead_address
        UNION ALL SELECT 'explicit_attribution.decided_at', id, decided_at FROM explicit_attribution
        UNION ALL SELECT 'dismissal.dismissed_at', message_id, dismissed_at FROM dismissal)
 WHERE at IS NOT NULL
   AND NOT (at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*' AND julianday(replace(substr(at, 1, 19), ' UTC', '')) IS NOT NULL)
   AND NOT (at GLOB '[1-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]*' AND at NOT GLOB '*[^.0-9]*')
   AND at NOT GLOB '[A-Z][a-z][a-z] [A-Z][a-z][a-z] [0-9][0-9] [0-9][0-9][0-9][0-9] *';

-- deal-time: the dates of a deal can be read, whatever an ORM wrote
SELECT id AS deal_id, opened_at, closed_at FROM deal
 WHERE (opened_at IS NOT NULL AND opened_key IS NULL) OR (closed_at IS NOT NULL AND closed_key IS NULL);

-- facts-only: mail of which only facts are kept says so, and has no text and no parts
SELECT m.id AS message_id, m.defects
  FROM message m
 WHERE (instr(m.defects, '"text-not-kept"') > 0) <> EXISTS (SELECT 1 FROM _facts_only f WHERE f.message_id = m.id)
UNION ALL
SELECT f.message_id, 'has a body'
  FROM _facts_only f
 WHERE EXISTS (SELECT 1 FROM message_text t
                WHERE t.message_id = f.message_id AND t.text || t.quoted || t.html || t.note <> '')
    OR EXISTS (SELECT 1 FROM part p WHERE p.message_id = f.message_id)
UNION ALL
SELECT f.message_id, 'no message' FROM _facts_only f WHERE f.message_id NOT IN (SELECT id FROM message);

-- address-health: what bounces and automatic answers said of an address is what their messages say, since a person last wrote from it
WITH
person (address_id, at) AS (
  SELECT f.address_id, max(f.originated_at)
    FROM message_address f JOIN message m ON m.id = f.message_id
   WHERE f.role = 'from' AND m.automatic IS NULL AND m.direction = 'incoming'
     AND f.address_id IN (SELECT id FROM address WHERE address IN (SELECT address FROM _delivery_report UNION SELECT address FROM _absence))
   GROUP BY f.address_id),
written_to (address_id, internet_message_id, at) AS (
  SELECT t.address_id, m.internet_message_id, t.originated_at
    FROM message_address t JOIN message m ON m.id = t.message_id
   WHERE t.role IN ('to', 'cc', 'bcc') AND m.direction = 'outgoing'
     AND t.address_id IN (SELECT id FROM address WHERE address IN (SELECT address FROM _delivery_report))),
said (address_id, at, reason, absent_until, has_left, kind) AS (
  SELECT DISTINCT a.id, m.originated_at, r.reason, NULL, NULL, 'bounce'
    FROM _delivery_report r
    JOIN message m ON m.id = r.message_id AND m.automatic = 'bounce'
    JOIN address a ON a.address = r.address
    JOIN written_to w ON w.address_id = a.id
   WHERE r.permanent
     AND (r.about = w.internet_message_id
          OR (r.about IS NULL AND r.ours AND julianday(w.at) - julianday(m.originated_at) BETWEEN -10 AND 1.0 / 24))
  UNION ALL
  SELECT a.id, m.originated_at, NULL, n.absent_until, n.has_left, 'answer'
    FROM _absence n
    JOIN message m ON m.id = n.message_id AND m.automatic = 'auto-reply' AND m.direction = 'incoming'
    JOIN address a ON a.address = n.address),
holds AS (SELECT s.* FROM said s LEFT JOIN person p ON p.address_id = s.address_id WHERE p.at IS NULL OR p.at <= s.at),
expected (address_id, bounced_at, bounce_reason, absent_until, left_at) AS (
  SELECT h.address_id,
         (SELECT x.at FROM holds x WHERE x.address_id = h.address_id AND x.kind = 'bounce' ORDER BY x.at DESC LIMIT 1),
         (SELECT x.reason FROM holds x WHERE x.address_id = h.address_id AND x.kind = 'bounce' ORDER BY x.at DESC, x.reason DESC LIMIT 1),
         (SELECT x.absent_until FROM holds x WHERE x.address_id = h.address_id AND x.absent_until IS NOT NULL
           ORDER BY x.at DESC, x.absent_until DESC LIMIT 1),
         (SELECT x.at FROM holds x WHERE x.address_id = h.address_id AND x.has_left = 1 ORDER BY x.at LIMIT 1)
    FROM holds h GROUP BY h.address_id)
SELECT 'missing' AS what, * FROM (SELECT * FROM expected EXCEPT SELECT address_id, bounced_at, bounce_reason, absent_until, left_at FROM _address_health)
UNION ALL
SELECT 'unfounded', * FROM (SELECT address_id, bounced_at, bounce_reason, absent_until, left_at FROM _address_health EXCEPT SELECT * FROM expected)
UNION ALL
SELECT 'address.bounced_at', a.id, a.bounced_at, NULL, NULL, NULL
  FROM address a LEFT JOIN _address_health h ON h.address_id = a.id
 WHERE a.bounced_at IS NOT h.bounced_at
UNION ALL
SELECT 'no message', message_id, NULL, NULL, NULL, NULL FROM _delivery_report WHERE message_id NOT IN (SELECT id FROM message)
UNION ALL
SELECT 'no message', message_id, NULL, NULL, NULL, NULL FROM _absence WHERE message_id NOT IN (SELECT id FROM message);
