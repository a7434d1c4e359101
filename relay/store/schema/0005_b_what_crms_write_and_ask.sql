-- What else CRMs do to a database: deals and colleagues get new ids, dates are written in the words of any ORM. And what
-- their users ask: did my mail arrive, and which mail of ours never did?

-- ---------------------------------------------------------------- mail of ours that never reached us

DROP VIEW missing_message;

CREATE VIEW _parent ( -- What an incoming message answers, and by whose mail system the ids were made.
  message_id,          -- message.id of the answer
  internet_message_id, -- of what it answers
  host                 -- right of the @ of that, lower case
) AS
SELECT message_id, internet_message_id, lower(substr(internet_message_id, instr(internet_message_id, '@') + 1))
  FROM _answer
 WHERE instr(internet_message_id, '@') > 0;

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

-- ---------------------------------------------------------------- deals and colleagues whose id changes, or that are replaced

CREATE INDEX _explicit_attribution_by_deal ON explicit_attribution (deal_id);

CREATE TRIGGER _deal_before_update BEFORE UPDATE OF id, external_id ON deal BEGIN
  DELETE FROM _replaced WHERE entity = 'deal';
  INSERT INTO _replaced (entity, old_id)
  SELECT 'deal', id FROM deal WHERE (external_id = NEW.external_id OR id = NEW.id) AND id <> OLD.id;
END;

CREATE TRIGGER _deal_renamed AFTER UPDATE OF id, external_id ON deal BEGIN
  UPDATE explicit_attribution SET deal_id = NEW.id
   WHERE (deal_id = OLD.id AND OLD.id <> NEW.id)
      OR deal_id IN (SELECT r.old_id FROM _replaced r
                      WHERE r.entity = 'deal' AND r.old_id <> NEW.id AND NOT EXISTS (SELECT 1 FROM deal x WHERE x.id = r.old_id));
  DELETE FROM _replaced WHERE entity = 'deal';
END;

CREATE TRIGGER _staff_renumbered AFTER UPDATE OF id ON staff WHEN NEW.id <> OLD.id BEGIN
  UPDATE staff_address SET staff_id = NEW.id WHERE staff_id = OLD.id;
  UPDATE staff SET manager_id = NEW.id WHERE manager_id = OLD.id;
END;

-- ---------------------------------------------------------------- the feed: a colleague's address takes mail off leads

-- The row without a lead stands in 0004; these name the leads that have the same address, to be read again.

CREATE TRIGGER _staff_address_feed_insert_leads AFTER INSERT ON staff_address BEGIN
  INSERT INTO change (entity, entity_id, op, lead_id)
  SELECT DISTINCT 'staff_address', NEW.id, 'insert', la.lead_id
    FROM _address_form f JOIN _address_form g ON g.address_id = f.address_id JOIN lead_address la ON la.address_key = g.form
   WHERE f.form = NEW.address_key;
END;

CREATE TRIGGER _staff_address_feed_update_leads AFTER UPDATE OF address ON staff_address
WHEN NEW.address_key <> OLD.address_key BEGIN
  INSERT INTO change (entity, entity_id, op, lead_id)
  SELECT DISTINCT 'staff_address', NEW.id, 'update', la.lead_id
    FROM _address_form f JOIN _address_form g ON g.address_id = f.address_id JOIN lead_address la ON la.address_key = g.form
   WHERE f.form IN (NEW.address_key, OLD.address_key);
END;

CREATE TRIGGER _staff_address_feed_delete_leads AFTER DELETE ON staff_address BEGIN
  INSERT INTO change (entity, entity_id, op, lead_id)
  SELECT DISTINCT 'staff_address', OLD.id, 'delete', la.lead_id
    FROM _address_form f JOIN _address_form g ON g.address_id = f.address_id JOIN lead_address la ON la.address_key = g.form
   WHERE f.form = OLD.address_key;
END;

-- ---------------------------------------------------------------- did it arrive? Mail of a deleted lead did

DROP VIEW handed_in;

CREATE VIEW handed_in ( -- The rep's answer to "did it arrive?": every accepted copy and where it landed.
  staff_id,    -- staff.id of who handed it in, NULL: unknown
  envelope_id, -- envelope.id
  message_id,  -- message.id
  received_at, -- when it was accepted
  route,       -- how it came
  subject,     -- decoded, one line
  lead_count,  -- leads it is on
  why,         -- NULL when it is on a lead; else 'withdrawn', 'unparsed', 'internal', 'dismissed', 'lead-deleted', 'sender-not-recovered', 'no-outside-party', 'no-lead'
  defects      -- JSON list of short names: what was wrong with it
) AS
SELECT e.staff_id, e.id, m.id, e.received_at, e.route, m.subject,
       (SELECT count(*) FROM lead_message lm JOIN lead l ON l.id = lm.lead_id WHERE lm.message_id = m.id),
       CASE WHEN m.visibility = 'withdrawn' THEN 'withdrawn'
            WHEN EXISTS (SELECT 1 FROM lead_message lm JOIN lead l ON l.id = lm.lead_id WHERE lm.message_id = m.id) THEN NULL
            WHEN m.status = 'unparsed' THEN 'unparsed'
            WHEN m.direction = 'internal' THEN 'internal'
            WHEN EXISTS (SELECT 1 FROM dismissal d WHERE d.message_id = m.id) THEN 'dismissed'
            WHEN NOT EXISTS (SELECT 1 FROM _unrelated u WHERE u.message_id = m.id)
             AND (EXISTS (SELECT 1 FROM _last_lead t WHERE t.message_id = m.id AND t.released = 1)
                  OR EXISTS (SELECT 1 FROM lead_message x JOIN _deleted_lead d ON d.lead_id = x.lead_id WHERE x.message_id = m.id))
            THEN 'lead-deleted'
            WHEN m.direction_reason = 'sender-not-recovered' OR instr(m.defects, '"sender-not-recovered"') > 0 THEN 'sender-not-recovered'
            WHEN NOT EXISTS (SELECT 1 FROM _outside_party p WHERE p.message_id = m.id) THEN 'no-outside-party'
            ELSE 'no-lead' END,
       m.defects
  FROM envelope e
 CROSS JOIN message m ON m.id = e.message_id;

-- ---------------------------------------------------------------- times as ORMs write them

-- A virtual column is no octet in the file, so its formula can be replaced where it stands; making the table anew would
-- lose the triggers and indexes that a CRM may have put on it. SQLite's documentation of ALTER TABLE names this way; other
-- programs read the schema anew because CREATE INDEX above has counted the schema version up. The old formula took a
-- number for a Julian day (a year, a Unix time) and answered the word 'now' with a riddle.
PRAGMA writable_schema = ON;

UPDATE sqlite_master
   SET sql = (
 SELECT replace(replace(sql, '(strftime(''%Y-%m-%dT%H:%M:%fZ'', opened_at))', '(' || replace(formula, '{at}', 'opened_at') || ')'),
                '(strftime(''%Y-%m-%dT%H:%M:%fZ'', closed_at))', '(' || replace(formula, '{at}', 'closed_at') || ')')
   FROM (SELECT replace(replace(
         -- A date as text (SQL, ISO 8601, Ruby), Unix milliseconds, Unix seconds, JavaScript's Date as text. All on one line,
         -- so that the comment stays beside its column, and without a blank behind commas, where Django would cut it.
        'CASE
         WHEN {at} GLOB ''[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*''
         THEN strftime(''%Y-%m-%dT%H:%M:%fZ'',
                       CASE WHEN {at} GLOB ''*[-+][0-9][0-9][0-9][0-9]'' THEN substr({at}, 1, length({at}) - 2) || '':'' || substr({at}, -2)
                            ELSE replace({at}, '' UTC'', ''Z'') END)
         WHEN {at} GLOB ''[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]''
         THEN strftime(''%Y-%m-%dT%H:%M:%fZ'', {at} / 1000.0, ''unixepoch'')
         WHEN {at} GLOB ''[1-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]*'' AND {at} NOT GLOB ''*[^.0-9]*'' AND {at} + 0.0 < 10000000000
         THEN strftime(''%Y-%m-%dT%H:%M:%fZ'', {at} + 0.0, ''unixepoch'')
         WHEN {at} GLOB ''[A-Z][a-z][a-z] [A-Z][a-z][a-z] [0-9][0-9] [0-9][0-9][0-9][0-9] [0-9][0-9]:[0-9][0-9]:[0-9][0-9] GMT[-+][0-9][0-9][0-9][0-9]*''
         THEN strftime(''%Y-%m-%dT%H:%M:%fZ'',
                       substr({at}, 12, 4) || ''-''
                       || substr(''0'' || (instr(''JanFebMarAprMayJunJulAugSepOctNovDec'', substr({at}, 5, 3)) + 2) / 3, -2) || ''-''
                       || substr({at}, 9, 2) || '' '' || substr({at}, 17, 8) || substr({at}, 29, 3) || '':'' || substr({at}, 32, 2))
         END', char(10) || '        ', ''), ', ', ',') AS formula))
 WHERE type = 'table' AND name = 'deal';

PRAGMA writable_schema = RESET;

REINDEX deal; -- a CRM's index over one of the two columns holds what the old formula said
