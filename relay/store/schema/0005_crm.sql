-- What CRMs do to a database and what their users expect of it: leads deleted in bulk, merged in any order, dates in the
-- words of any ORM, and mail of ours that a lead answered and that never reached us.

-- ---------------------------------------------------------------- mail of ours that never reached us

DROP VIEW missing_message;

CREATE VIEW _parent ( -- What an incoming message answers, and by whose mail system the ids were made.
  message_id,          -- message.id of the answer
  internet_message_id, -- of what it answers
  host                 -- right of the @ of that, lower case
) AS
SELECT message_id, internet_message_id, lower(substr(internet_message_id, instr(internet_message_id, '@') + 1))
  FROM _answer;

CREATE VIEW missing_message ( -- Mail of ours that a lead answered and that never reached us: in doubt it is not claimed. One row per answer and lead.
  internet_message_id, -- of the message that is missing, without angle brackets
  lead_id,             -- lead.id that answered it
  staff_id,            -- staff.id of our person on the answer, NULL: none is known
  seen_in,             -- message.id of the answer
  seen_at              -- when the answer was written; ask by it, by lead_id or by seen_in
) AS
SELECT p.internet_message_id, lm.lead_id, m.staff_id, lm.message_id, lm.originated_at
  FROM lead_message lm
 CROSS JOIN _parent p ON p.message_id = lm.message_id -- CROSS JOIN: begin with lead_message, which has an index for each question
 CROSS JOIN message m ON m.id = lm.message_id
 WHERE +lm.lead_id IN (SELECT id FROM lead)
   -- the lead itself wrote the answer. One term over both tables, for the reason given in lead_timeline
   AND CASE WHEN lm.role NOT IN ('from', 'sender', 'reply-to') OR lm.role IS NULL THEN 0
            WHEN m.automatic IN ('list', 'bulk') OR m.visibility = 'withdrawn' THEN 0
            ELSE m.direction = 'incoming' END
   AND NOT EXISTS (SELECT 1 FROM message o WHERE o.internet_message_id = p.internet_message_id)
   -- What was answered is ours, and not an earlier mail of the lead or of somebody beside it:
   AND CASE
       -- its id was made at one of our domains
       WHEN EXISTS (SELECT 1 FROM _company_domain c
                     WHERE p.host = c.domain OR substr(p.host, -length(c.domain) - 1) = '.' || c.domain) THEN 1
       -- nobody of ours was written to
       WHEN m.staff_id IS NULL THEN 0
       -- or the quoted mail begins with one of our addresses ('On Tuesday Rep <rep@own.example> wrote:')
       WHEN EXISTS (SELECT 1 FROM message_text t JOIN _company_domain c
                     WHERE t.message_id = m.id AND instr(substr(t.quoted, 1, 200), '@') > 0
                       AND lower(substr(t.quoted, instr(t.quoted, '@') + 1, length(c.domain))) = c.domain
                       AND substr(t.quoted, instr(t.quoted, '@') + 1 + length(c.domain), 1) NOT GLOB '[-.A-Za-z0-9]') THEN 1
       -- or the id cannot be from the mail system of the lead (the answer's own id tells that), nor from the domain of
       -- anybody outside who is on the answer
       ELSE m.internet_message_id IS NOT NULL
        AND substr(lower(substr(m.internet_message_id, instr(m.internet_message_id, '@') + 1)),
                   1 + length(rtrim(rtrim(rtrim(lower(substr(m.internet_message_id, instr(m.internet_message_id, '@') + 1)),
                                                replace(lower(m.internet_message_id), '.', '')), '.'),
                                    replace(lower(m.internet_message_id), '.', ''))))
         <> substr(p.host, 1 + length(rtrim(rtrim(rtrim(p.host, replace(p.host, '.', '')), '.'), replace(p.host, '.', ''))))
        AND (SELECT count(*) FROM message_address n WHERE n.message_id = m.id) <= 50
        AND NOT EXISTS (SELECT 1 FROM message_address n JOIN address a ON a.id = n.address_id
                         WHERE n.message_id = m.id
                           AND a.domain NOT IN (SELECT domain FROM _company_domain)
                           AND (p.host = a.domain OR substr(p.host, -length(a.domain) - 1) = '.' || a.domain))
        -- and nobody outside but the lead is on the answer
        AND NOT EXISTS (SELECT 1 FROM _outside_party x
                         WHERE x.message_id = m.id
                           AND NOT EXISTS (SELECT 1 FROM _match y WHERE y.address_id = x.address_id AND y.lead_id = lm.lead_id))
       END;
