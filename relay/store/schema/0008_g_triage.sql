-- Unresolved mail, to be worked through: the list costs the same for a mail with two thousand parties as for one with
-- two, but for their count; and one line per unknown address, since 500 mails are mostly 60 people.

DROP VIEW unresolved_message;

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
       -- The parties in their order first (LIMIT -1 keeps SQLite from doing it last), then asked one by one whether they
       -- are ours: the first that is not is the answer.
       (SELECT a.address
          FROM (SELECT o.address_id FROM message_address o WHERE o.message_id = m.id
                 ORDER BY CASE o.role WHEN 'from' THEN 1 WHEN 'sender' THEN 2 WHEN 'reply-to' THEN 3 WHEN 'to' THEN 4
                                      WHEN 'cc' THEN 5 ELSE 6 END, o.position LIMIT -1) p
         CROSS JOIN address a ON a.id = p.address_id
         WHERE a.domain NOT IN (SELECT domain FROM _company_domain)
           AND NOT EXISTS (SELECT 1 FROM _address_form f JOIN staff_address s ON s.address_key = f.form
                            WHERE f.address_id = p.address_id)
         LIMIT 1),
       (SELECT p.display_name
          FROM (SELECT o.address_id, o.display_name FROM message_address o WHERE o.message_id = m.id
                 ORDER BY CASE o.role WHEN 'from' THEN 1 WHEN 'sender' THEN 2 WHEN 'reply-to' THEN 3 WHEN 'to' THEN 4
                                      WHEN 'cc' THEN 5 ELSE 6 END, o.position LIMIT -1) p
         CROSS JOIN address a ON a.id = p.address_id
         WHERE a.domain NOT IN (SELECT domain FROM _company_domain)
           AND NOT EXISTS (SELECT 1 FROM _address_form f JOIN staff_address s ON s.address_key = f.form
                            WHERE f.address_id = p.address_id)
         LIMIT 1),
       (SELECT count(*) FROM _outside_party p WHERE p.message_id = m.id),
       m.staff_id, m.snippet,
       CASE WHEN m.status = 'unparsed' THEN 'unparsed'
            WHEN m.direction_reason = 'sender-not-recovered' OR instr(m.defects, '"sender-not-recovered"') > 0 THEN 'sender-not-recovered'
            WHEN NOT EXISTS (SELECT 1 FROM _outside_party p WHERE p.message_id = m.id) THEN 'no-outside-party'
            ELSE 'no-lead' END
  FROM _unrelated u
 CROSS JOIN message m ON m.id = u.message_id
 -- one term over both tables, for the reason given in lead_timeline
 WHERE CASE WHEN m.direction = 'internal' OR m.visibility = 'withdrawn' THEN 0
            -- a report of a mail system that was understood needs nobody (0008_c)
            WHEN m.automatic IN ('bounce', 'auto-reply') THEN NOT EXISTS (SELECT 1 FROM _delivery_report r WHERE r.message_id = u.message_id)
            ELSE u.message_id > 0 END
   AND NOT EXISTS (SELECT 1 FROM lead_message lm JOIN lead l ON l.id = lm.lead_id WHERE lm.message_id = u.message_id)
   AND NOT EXISTS (SELECT 1 FROM dismissal d WHERE d.message_id = u.message_id);

CREATE VIEW unresolved_address ( -- Whose mail waits for a person: one row per outside party to make a lead of. Reads all mail that waits.
  address,       -- canonical
  domain,        -- right of the @
  display_name,  -- as its newest mail gives it, '' when none does
  message_count, -- messages that wait
  first_at,      -- when the oldest of them was written
  last_at,       -- when the newest was
  message_id     -- message.id of the newest
) AS
SELECT u.party_address, (SELECT a.domain FROM address a WHERE a.address = u.party_address),
       -- of the newest: a time of the contract has 24 characters
       substr(max(u.originated_at || u.party_name), 25), count(*), min(u.originated_at), max(u.originated_at),
       CAST(substr(max(u.originated_at || substr('0000000000000000000' || u.message_id, -19)), 25) AS INTEGER)
  FROM unresolved_message u
 WHERE u.party_address IS NOT NULL
 GROUP BY u.party_address;
