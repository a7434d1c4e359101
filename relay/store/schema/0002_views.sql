-- Views of the contract, made for readers. Every one joins inward, so that rows of deleted leads or messages are hidden
-- at once. Only functions that SQLite 3.31 has, no JSON functions (an old library may be built without).

CREATE VIEW _outside_party ( -- The parties of a message that are not ours, strongest role first by rank.
  message_id,   -- message.id
  address_id,   -- address.id
  address,      -- canonical
  display_name, -- as this message gives it
  rank,         -- 1 from, 2 sender, 3 reply-to, 4 to, 5 cc, 6 bcc
  position      -- order in the message
) AS
SELECT ma.message_id, ma.address_id, a.address, ma.display_name,
       CASE ma.role WHEN 'from' THEN 1 WHEN 'sender' THEN 2 WHEN 'reply-to' THEN 3 WHEN 'to' THEN 4 WHEN 'cc' THEN 5 ELSE 6 END,
       ma.position
  FROM message_address ma
  JOIN address a ON a.id = ma.address_id
 WHERE a.domain NOT IN (SELECT domain FROM _company_domain)
   AND NOT EXISTS (SELECT 1 FROM _address_form f JOIN staff_address s ON s.address_key = f.form
                    WHERE f.address_id = ma.address_id);

CREATE VIEW lead_timeline ( -- The messages of a lead, for everybody. Ask by lead_id, message_id or date; page with (originated_at, message_id) < (?, ?).
  lead_id,          -- lead.id
  message_id,       -- message.id
  originated_at,    -- when it was written
  role,             -- the lead's strongest role on it, NULL when none of its addresses is a party
  deal_id,          -- deal.id it belongs to
  reason,           -- why it is on the lead: 'address', 'thread' or the explicit reason
  thread_id,        -- thread.id
  direction,        -- 'incoming', 'outgoing', 'internal', 'unknown'
  automatic,        -- NULL: a person wrote it
  subject,          -- decoded, one line
  author_address,   -- canonical
  author_name,      -- display name
  staff_id,         -- staff.id of our person on it
  snippet,          -- first words
  attachment_count  -- real attachments
) AS
SELECT lm.lead_id, lm.message_id, lm.originated_at, lm.role, lm.deal_id, lm.reason,
       m.thread_id, m.direction, m.automatic, m.subject, m.author_address, m.author_name, m.staff_id, m.snippet, m.attachment_count
  FROM lead_message lm
 CROSS JOIN message m ON m.id = lm.message_id -- CROSS JOIN: always begin with lead_message, whatever ANALYZE has seen
 -- a deleted lead's rows are hidden at once (the plus: ask lead for each row, never begin with it)
 WHERE +lm.lead_id IN (SELECT id FROM lead)
   -- mail among ourselves is on a timeline only when somebody put it there. All in one term over both tables: a term
   -- over message alone lets SQLite 3.38 to 3.40 build a Bloom filter of all messages for a page of 50.
   AND CASE WHEN m.direction = 'internal' AND lm.reason IN ('address', 'thread') THEN 0 ELSE m.visibility = 'all' END;

CREATE VIEW lead_timeline_all ( -- The same with visibility, for programs that know who looks.
  lead_id,          -- lead.id
  message_id,       -- message.id
  originated_at,    -- when it was written
  role,             -- the lead's strongest role on it, NULL when none of its addresses is a party
  deal_id,          -- deal.id it belongs to
  reason,           -- why it is on the lead: 'address', 'thread' or the explicit reason
  thread_id,        -- thread.id
  direction,        -- 'incoming', 'outgoing', 'internal', 'unknown'
  automatic,        -- NULL: a person wrote it
  subject,          -- decoded, one line
  author_address,   -- canonical
  author_name,      -- display name
  staff_id,         -- staff.id of our person on it
  snippet,          -- first words
  attachment_count, -- real attachments
  visibility        -- 'all', 'responsible', 'withdrawn'
) AS
SELECT lm.lead_id, lm.message_id, lm.originated_at, lm.role, lm.deal_id, lm.reason,
       m.thread_id, m.direction, m.automatic, m.subject, m.author_address, m.author_name, m.staff_id, m.snippet, m.attachment_count,
       m.visibility
  FROM lead_message lm
 CROSS JOIN message m ON m.id = lm.message_id
 WHERE +lm.lead_id IN (SELECT id FROM lead)
   AND (m.direction <> 'internal' OR lm.reason NOT IN ('address', 'thread'));

CREATE VIEW unresolved_message ( -- Mail that is on no lead and waits for a person: no lead, not internal, not dismissed, not withdrawn.
  message_id,     -- message.id
  originated_at,  -- when it was written
  received_at,    -- when the relay took it
  direction,      -- 'incoming', 'outgoing', 'unknown'
  subject,        -- decoded, one line
  author_address, -- canonical
  party_address,  -- the outside party to make a lead of, NULL: none
  party_name,     -- its display name
  party_count,    -- outside parties in all
  staff_id,       -- staff.id of our person on it
  snippet,        -- first words
  why             -- 'unparsed', 'sender-not-recovered', 'no-outside-party' or 'no-lead'
) AS
SELECT m.id, u.originated_at, m.received_at, m.direction, m.subject, m.author_address,
       (SELECT p.address FROM _outside_party p WHERE p.message_id = m.id ORDER BY p.rank, p.position LIMIT 1),
       (SELECT p.display_name FROM _outside_party p WHERE p.message_id = m.id ORDER BY p.rank, p.position LIMIT 1),
       (SELECT count(*) FROM _outside_party p WHERE p.message_id = m.id),
       m.staff_id, m.snippet,
       CASE WHEN m.status = 'unparsed' THEN 'unparsed'
            WHEN m.direction_reason = 'sender-not-recovered' OR instr(m.defects, '"sender-not-recovered"') > 0 THEN 'sender-not-recovered'
            WHEN NOT EXISTS (SELECT 1 FROM _outside_party p WHERE p.message_id = m.id) THEN 'no-outside-party'
            ELSE 'no-lead' END
  FROM _unrelated u
 CROSS JOIN message m ON m.id = u.message_id
 -- one term over both tables, for the reason given in lead_timeline
 WHERE CASE WHEN m.direction = 'internal' OR m.visibility = 'withdrawn' THEN 0 ELSE u.message_id > 0 END
   AND NOT EXISTS (SELECT 1 FROM lead_message lm JOIN lead l ON l.id = lm.lead_id WHERE lm.message_id = u.message_id)
   AND NOT EXISTS (SELECT 1 FROM dismissal d WHERE d.message_id = u.message_id);

CREATE VIEW unknown_address ( -- Who writes to us or is written to and is no lead yet.
  address,       -- canonical
  domain,        -- right of the @
  display_name,  -- the newest one seen, '' when none
  message_count, -- messages it is on
  last_at        -- the newest of them
) AS
SELECT a.address, a.domain,
       coalesce((SELECT n.display_name FROM message_address n WHERE n.address_id = a.id AND n.display_name <> ''
                  ORDER BY n.originated_at DESC LIMIT 1), ''),
       (SELECT count(*) FROM message_address c WHERE c.address_id = a.id),
       (SELECT max(t.originated_at) FROM message_address t WHERE t.address_id = a.id)
  FROM address a
 WHERE NOT EXISTS (SELECT 1 FROM _match x WHERE x.address_id = a.id)
   AND a.domain NOT IN (SELECT domain FROM _company_domain)
   AND NOT EXISTS (SELECT 1 FROM _address_form f JOIN staff_address s ON s.address_key = f.form WHERE f.address_id = a.id)
   AND EXISTS (SELECT 1 FROM message_address o WHERE o.address_id = a.id);

CREATE VIEW handed_in ( -- The rep's answer to "did it arrive?": every accepted copy and where it landed.
  staff_id,    -- staff.id of who handed it in, NULL: unknown
  envelope_id, -- envelope.id
  message_id,  -- message.id
  received_at, -- when it was accepted
  route,       -- how it came
  subject,     -- decoded, one line
  lead_count,  -- leads it is on
  why,         -- NULL when it is on a lead; else 'withdrawn', 'unparsed', 'internal', 'dismissed', 'sender-not-recovered', 'no-outside-party', 'no-lead'
  defects      -- JSON list of short names: what was wrong with it
) AS
SELECT e.staff_id, e.id, m.id, e.received_at, e.route, m.subject,
       (SELECT count(*) FROM lead_message lm JOIN lead l ON l.id = lm.lead_id WHERE lm.message_id = m.id),
       CASE WHEN m.visibility = 'withdrawn' THEN 'withdrawn'
            WHEN EXISTS (SELECT 1 FROM lead_message lm JOIN lead l ON l.id = lm.lead_id WHERE lm.message_id = m.id) THEN NULL
            WHEN m.status = 'unparsed' THEN 'unparsed'
            WHEN m.direction = 'internal' THEN 'internal'
            WHEN EXISTS (SELECT 1 FROM dismissal d WHERE d.message_id = m.id) THEN 'dismissed'
            WHEN m.direction_reason = 'sender-not-recovered' OR instr(m.defects, '"sender-not-recovered"') > 0 THEN 'sender-not-recovered'
            WHEN NOT EXISTS (SELECT 1 FROM _outside_party p WHERE p.message_id = m.id) THEN 'no-outside-party'
            ELSE 'no-lead' END,
       m.defects
  FROM envelope e
 CROSS JOIN message m ON m.id = e.message_id;

CREATE VIEW ambiguous_deal ( -- Messages without a deal on a lead that had several open ones at that time.
  lead_id,    -- lead.id
  message_id, -- message.id
  deal_count  -- deals open when the message was written
) AS
SELECT lm.lead_id, lm.message_id, count(*)
  FROM (SELECT lead_id FROM deal GROUP BY lead_id HAVING count(*) > 1) several
  JOIN lead l ON l.id = several.lead_id
  JOIN lead_message lm ON lm.lead_id = several.lead_id
  JOIN deal d ON d.lead_id = lm.lead_id
   AND coalesce(d.opened_key, d.opened_at, '') <= lm.originated_at
   AND (d.closed_at IS NULL OR coalesce(d.closed_key, d.closed_at) >= lm.originated_at)
   AND (d.closed_at IS NOT NULL OR d.outcome IS NULL)
 WHERE lm.deal_id IS NULL
 GROUP BY lm.lead_id, lm.message_id
HAVING count(*) > 1;

CREATE VIEW disputed_tag ( -- Tags that were not applied, because the lead they name is not among the parties.
  message_id, -- message.id
  tag,        -- as it was written
  lead_id     -- lead.id it named, NULL: none
) AS
SELECT t.message_id, t.tag, t.lead_id
  FROM _disputed_tag t
  JOIN message m ON m.id = t.message_id;

CREATE VIEW address_health ( -- What bounces and auto-replies said about an address.
  address,       -- canonical
  bounced_at,    -- last permanent bounce
  bounce_reason, -- its words
  absent_until,  -- end of an absence
  left_at        -- when an auto-reply said that the person left
) AS
SELECT a.address, h.bounced_at, h.bounce_reason, h.absent_until, h.left_at
  FROM _address_health h
  JOIN address a ON a.id = h.address_id;

CREATE VIEW missing_message ( -- Mail of ours that a lead answered and that never reached us.
  internet_message_id, -- of the message that is missing, without angle brackets
  lead_id,             -- lead.id that answered it
  staff_id,            -- staff.id of our person on the answer
  seen_in,             -- message.id of the answer
  seen_at              -- when the answer was written
) AS
SELECT r.internet_message_id, lm.lead_id, m.staff_id, m.id, m.originated_at
  FROM _answer r
  JOIN message m ON m.id = r.message_id
  JOIN lead_message lm ON lm.message_id = m.id
  JOIN lead l ON l.id = lm.lead_id
 WHERE m.direction = 'incoming'
   AND lm.role IN ('from', 'sender', 'reply-to')
   AND NOT EXISTS (SELECT 1 FROM message o WHERE o.internet_message_id = r.internet_message_id);

CREATE VIEW contract ( -- What this database promises.
  major,     -- grows when a name here changes its meaning
  minor,     -- grows when something is added
  feed_id,   -- a new one means: forget your cursor and start over
  oldest_seq -- oldest change kept; a cursor below oldest_seq - 1 means: start over
) AS
SELECT 1, 0,
       (SELECT value FROM _relay WHERE name = 'feed_id'),
       coalesce((SELECT min(seq) FROM change), (SELECT seq + 1 FROM sqlite_sequence WHERE name = 'change'), 1);
