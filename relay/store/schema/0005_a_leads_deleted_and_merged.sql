-- What CRMs do to leads, and what their users expect of it. Leads are deleted in bulk: their mail must not flood the list
-- of unresolved mail. They are deleted and come back, with the same id or another: nothing may be lost. They are merged
-- in any order, in chains and in circles.

-- ---------------------------------------------------------------- leads that are deleted, and come back

CREATE TABLE _deleted_lead ( -- A lead that a CRM deleted a while ago. Until the relay sweeps it, it can come back and has lost nothing.
  lead_id     INTEGER PRIMARY KEY, -- lead.id
  external_id TEXT                 -- a new lead with the same one takes over addresses, deals and decisions
);
CREATE INDEX _deleted_lead_by_external_id ON _deleted_lead (external_id);

CREATE TABLE _last_lead ( -- Messages that are on no lead any more: which one they were on last. Mail of a deleted lead waits for nobody.
  message_id INTEGER PRIMARY KEY, -- message.id
  lead_id    INTEGER NOT NULL,    -- lead.id
  left_at    TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')), -- when it left it
  released   INTEGER NOT NULL     -- 1: because the lead was deleted, so the message is not put to a person; 0: it is
);
CREATE INDEX _last_lead_by_lead ON _last_lead (lead_id, released);

DROP TRIGGER _match_insert;

CREATE TRIGGER _match_insert AFTER INSERT ON _match
WHEN EXISTS (SELECT 1 FROM message_address WHERE address_id = NEW.address_id) BEGIN
  DELETE FROM lead_message
   WHERE lead_id = NEW.lead_id
     AND message_id IN (SELECT message_id FROM message_address WHERE address_id = NEW.address_id);
  INSERT INTO lead_message (lead_id, message_id, originated_at, role, deal_id, reason)
  SELECT NEW.lead_id, ma.message_id, ma.originated_at,
         -- the strongest role of all addresses of the lead; mostly it has this one only
         CASE WHEN (SELECT count(*) FROM (SELECT 1 FROM _match WHERE lead_id = NEW.lead_id LIMIT 2)) = 1 THEN ma.role
              ELSE (SELECT r.role FROM message_address r JOIN _match x ON x.address_id = r.address_id AND x.lead_id = NEW.lead_id
                     WHERE r.message_id = ma.message_id
                     ORDER BY CASE r.role WHEN 'from' THEN 1 WHEN 'sender' THEN 2 WHEN 'reply-to' THEN 3
                                          WHEN 'to' THEN 4 WHEN 'cc' THEN 5 ELSE 6 END LIMIT 1) END,
         e.deal_id, 'address'
    FROM message_address ma
    LEFT JOIN explicit_attribution e ON e.message_id = ma.message_id AND e.lead_id = NEW.lead_id
   WHERE ma.address_id = NEW.address_id
     AND e.verdict IS NOT 'detach';
  DELETE FROM _unrelated
   WHERE message_id IN (SELECT message_id FROM message_address WHERE address_id = NEW.address_id)
     AND EXISTS (SELECT 1 FROM lead WHERE id = NEW.lead_id)
     AND EXISTS (SELECT 1 FROM lead_message lm WHERE lm.message_id = _unrelated.message_id AND lm.lead_id = NEW.lead_id);
  DELETE FROM _last_lead
   WHERE message_id IN (SELECT message_id FROM message_address WHERE address_id = NEW.address_id)
     AND EXISTS (SELECT 1 FROM lead_message lm WHERE lm.message_id = _last_lead.message_id AND lm.lead_id = NEW.lead_id);
  DELETE FROM _unsettled WHERE kind = 'address' AND subject_id = NEW.address_id;
  INSERT INTO _unsettled (kind, subject_id) VALUES ('address', NEW.address_id);
END;

DROP TRIGGER _match_delete;

CREATE TRIGGER _match_delete AFTER DELETE ON _match
WHEN EXISTS (SELECT 1 FROM message_address WHERE address_id = OLD.address_id) BEGIN
  DELETE FROM lead_message
   WHERE lead_id = OLD.lead_id
     AND message_id IN (SELECT message_id FROM message_address WHERE address_id = OLD.address_id);
  -- what another address of the lead still holds
  INSERT INTO lead_message (lead_id, message_id, originated_at, role, deal_id, reason)
  SELECT OLD.lead_id, ma.message_id, ma.originated_at,
         (SELECT r.role FROM message_address r JOIN _match x ON x.address_id = r.address_id AND x.lead_id = OLD.lead_id
           WHERE r.message_id = ma.message_id
           ORDER BY CASE r.role WHEN 'from' THEN 1 WHEN 'sender' THEN 2 WHEN 'reply-to' THEN 3
                                WHEN 'to' THEN 4 WHEN 'cc' THEN 5 ELSE 6 END LIMIT 1),
         e.deal_id, 'address'
    FROM message_address ma
    LEFT JOIN explicit_attribution e ON e.message_id = ma.message_id AND e.lead_id = OLD.lead_id
   WHERE ma.address_id = OLD.address_id
     AND e.verdict IS NOT 'detach'
     AND EXISTS (SELECT 1 FROM _match WHERE lead_id = OLD.lead_id)
     AND EXISTS (SELECT 1 FROM message_address r JOIN _match x ON x.address_id = r.address_id AND x.lead_id = OLD.lead_id
                  WHERE r.message_id = ma.message_id);
  -- what a decision still holds
  INSERT INTO lead_message (lead_id, message_id, originated_at, role, deal_id, reason)
  SELECT e.lead_id, e.message_id, ma.originated_at, NULL, e.deal_id, e.reason
    FROM explicit_attribution e
    JOIN message_address ma ON ma.message_id = e.message_id AND ma.address_id = OLD.address_id
   WHERE e.lead_id = OLD.lead_id
     AND e.verdict = 'attach'
     AND NOT EXISTS (SELECT 1 FROM lead_message x WHERE x.message_id = e.message_id AND x.lead_id = OLD.lead_id);
  -- what is on no lead now. What waits for a person already goes on waiting
  INSERT INTO _last_lead (message_id, lead_id, released)
  SELECT ma.message_id, OLD.lead_id, EXISTS (SELECT 1 FROM _deleted_lead d WHERE d.lead_id = OLD.lead_id)
    FROM message_address ma
   WHERE ma.address_id = OLD.address_id
     AND NOT EXISTS (SELECT 1 FROM lead_message x WHERE x.message_id = ma.message_id)
     AND NOT EXISTS (SELECT 1 FROM _unrelated u WHERE u.message_id = ma.message_id)
     AND NOT EXISTS (SELECT 1 FROM _last_lead t WHERE t.message_id = ma.message_id);
  INSERT INTO _unrelated (originated_at, message_id)
  SELECT ma.originated_at, ma.message_id
    FROM message_address ma
   WHERE ma.address_id = OLD.address_id
     AND NOT EXISTS (SELECT 1 FROM lead_message x WHERE x.message_id = ma.message_id)
     AND NOT EXISTS (SELECT 1 FROM _unrelated u WHERE u.message_id = ma.message_id)
     AND NOT EXISTS (SELECT 1 FROM _last_lead t WHERE t.message_id = ma.message_id AND t.released);
  DELETE FROM _unsettled WHERE kind = 'address' AND subject_id = OLD.address_id;
  INSERT INTO _unsettled (kind, subject_id) VALUES ('address', OLD.address_id);
END;

DROP TRIGGER _do_decide_now;

CREATE TRIGGER _do_decide_now INSTEAD OF INSERT ON _do_decide BEGIN
  DELETE FROM lead_message WHERE message_id = NEW.message_id AND lead_id = NEW.lead_id;
  INSERT INTO lead_message (lead_id, message_id, originated_at, role, deal_id, reason)
  SELECT NEW.lead_id, m.id, m.originated_at,
         (SELECT r.role FROM message_address r JOIN _match x ON x.address_id = r.address_id AND x.lead_id = NEW.lead_id
           WHERE r.message_id = m.id
           ORDER BY CASE r.role WHEN 'from' THEN 1 WHEN 'sender' THEN 2 WHEN 'reply-to' THEN 3
                                WHEN 'to' THEN 4 WHEN 'cc' THEN 5 ELSE 6 END LIMIT 1),
         e.deal_id,
         CASE WHEN EXISTS (SELECT 1 FROM message_address r JOIN _match x ON x.address_id = r.address_id AND x.lead_id = NEW.lead_id
                            WHERE r.message_id = m.id) THEN 'address' ELSE e.reason END
    FROM message m
    LEFT JOIN explicit_attribution e ON e.message_id = m.id AND e.lead_id = NEW.lead_id
   WHERE m.id = NEW.message_id
     AND e.verdict IS NOT 'detach'
     AND (e.verdict IS 'attach'
          OR EXISTS (SELECT 1 FROM message_address r JOIN _match x ON x.address_id = r.address_id AND x.lead_id = NEW.lead_id
                      WHERE r.message_id = m.id));
  DELETE FROM _last_lead
   WHERE message_id = NEW.message_id
     AND EXISTS (SELECT 1 FROM lead_message x WHERE x.message_id = NEW.message_id AND x.lead_id = NEW.lead_id);
  -- not when a person has said that it does not belong there: then a person has to say where it does
  INSERT INTO _last_lead (message_id, lead_id, released)
  SELECT m.id, NEW.lead_id, EXISTS (SELECT 1 FROM _deleted_lead d WHERE d.lead_id = NEW.lead_id)
    FROM message m
   WHERE m.id = NEW.message_id
     AND NOT EXISTS (SELECT 1 FROM explicit_attribution e WHERE e.message_id = m.id AND e.lead_id = NEW.lead_id)
     AND NOT EXISTS (SELECT 1 FROM lead_message x WHERE x.message_id = m.id)
     AND NOT EXISTS (SELECT 1 FROM _unrelated u WHERE u.message_id = m.id)
     AND NOT EXISTS (SELECT 1 FROM _last_lead t WHERE t.message_id = m.id);
  INSERT INTO _unrelated (originated_at, message_id)
  SELECT m.originated_at, m.id
    FROM message m
   WHERE m.id = NEW.message_id
     AND NOT EXISTS (SELECT 1 FROM lead_message x WHERE x.message_id = m.id)
     AND NOT EXISTS (SELECT 1 FROM _unrelated u WHERE u.message_id = m.id)
     AND NOT EXISTS (SELECT 1 FROM _last_lead t WHERE t.message_id = m.id AND t.released);
  INSERT INTO _unsettled (kind, subject_id)
  SELECT 'message', NEW.message_id
   WHERE NOT EXISTS (SELECT 1 FROM _unsettled WHERE kind = 'message' AND subject_id = NEW.message_id);
END;

DROP TRIGGER _lead_deleted;

-- Costs the same for a lead with years of mail and for one without any: its mail is hidden because the lead is gone.
CREATE TRIGGER _lead_deleted AFTER DELETE ON lead BEGIN
  DELETE FROM _deleted_lead WHERE lead_id = OLD.id;
  INSERT INTO _deleted_lead (lead_id, external_id) VALUES (OLD.id, OLD.external_id);
  -- An ORM deletes the addresses first and then the lead, so that for a moment its mail had no lead.
  UPDATE _last_lead SET released = 1
   WHERE lead_id = OLD.id AND released = 0 AND left_at >= strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-1 hour');
  DELETE FROM _unrelated WHERE message_id IN (SELECT message_id FROM _last_lead WHERE lead_id = OLD.id AND released = 1);
  DELETE FROM _unsettled WHERE kind = 'lead' AND subject_id = OLD.id;
  INSERT INTO _unsettled (kind, subject_id) VALUES ('lead', OLD.id);
END;

CREATE TRIGGER _message_deleted_last_lead AFTER DELETE ON message BEGIN
  DELETE FROM _last_lead WHERE message_id = OLD.id;
END;

-- ---------------------------------------------------------------- leads that are merged: in any order, in chains, in circles

CREATE INDEX _lead_by_merged_into ON lead (merged_into); -- not a partial one: after ANALYZE those mislead SQLite 3.40

CREATE VIEW _do_carry ( -- Procedure: everything of one lead goes to another. What the other has already is kept there.
  old_id, -- lead.id
  new_id  -- lead.id
) AS SELECT NULL, NULL WHERE 0;

CREATE TRIGGER _do_carry_now INSTEAD OF INSERT ON _do_carry BEGIN
  UPDATE lead_address SET lead_id = NEW.new_id
   WHERE lead_id = NEW.old_id
     AND NOT EXISTS (SELECT 1 FROM lead_address x WHERE x.lead_id = NEW.new_id AND x.address_key = lead_address.address_key);
  DELETE FROM lead_address WHERE lead_id = NEW.old_id;
  UPDATE deal SET lead_id = NEW.new_id WHERE lead_id = NEW.old_id;
  UPDATE explicit_attribution SET lead_id = NEW.new_id
   WHERE lead_id = NEW.old_id
     AND NOT EXISTS (SELECT 1 FROM explicit_attribution x
                      WHERE x.lead_id = NEW.new_id AND x.message_id = explicit_attribution.message_id);
  DELETE FROM explicit_attribution WHERE lead_id = NEW.old_id;
END;

DROP TRIGGER _do_move_now;

CREATE TRIGGER _do_move_now INSTEAD OF INSERT ON _do_move BEGIN
  INSERT INTO _do_carry (old_id, new_id) VALUES (NEW.old_id, NEW.new_id);
  -- a lead with a new id is still what others were merged into
  UPDATE lead SET merged_into = NEW.new_id
   WHERE merged_into = NEW.old_id AND id <> NEW.new_id AND NOT EXISTS (SELECT 1 FROM lead x WHERE x.id = NEW.old_id);
  INSERT INTO change (entity, entity_id, op, lead_id) VALUES ('lead', NEW.old_id, 'merge', NEW.new_id);
END;

CREATE VIEW _do_merge ( -- Procedure: everything of a merged lead goes to the last existing lead of its chain of merges.
  lead_id -- lead.id
) AS SELECT NULL WHERE 0;

CREATE TRIGGER _do_merge_now INSTEAD OF INSERT ON _do_merge BEGIN
  INSERT INTO _do_move (old_id, new_id)
  SELECT NEW.lead_id, f.id
    FROM (WITH RECURSIVE chain (id, step) AS (
            SELECT merged_into, 1 FROM lead WHERE id = NEW.lead_id
            UNION ALL
            -- a circle ends where it began: what was said last holds
            SELECT l.merged_into, c.step + 1 FROM chain c JOIN lead l ON l.id = c.id
             WHERE l.merged_into <> NEW.lead_id AND c.step < 100)
          SELECT c.id FROM chain c JOIN lead l ON l.id = c.id ORDER BY c.step DESC LIMIT 1) f
   WHERE f.id <> NEW.lead_id;
END;

DROP TRIGGER _lead_merged;

CREATE TRIGGER _lead_merged AFTER UPDATE OF merged_into ON lead
WHEN NEW.merged_into <> NEW.id AND NEW.merged_into IS NOT OLD.merged_into BEGIN
  INSERT INTO _do_merge (lead_id) VALUES (NEW.id);
END;

DROP TRIGGER _lead_insert;

CREATE TRIGGER _lead_insert AFTER INSERT ON lead BEGIN
  DELETE FROM _deleted_lead
   WHERE lead_id = NEW.id OR lead_id IN (SELECT old_id FROM _replaced WHERE entity = 'lead');
  INSERT INTO _do_move (old_id, new_id)
  SELECT r.old_id, NEW.id FROM _replaced r
   WHERE r.entity = 'lead' AND r.old_id <> NEW.id AND NOT EXISTS (SELECT 1 FROM lead x WHERE x.id = r.old_id);
  DELETE FROM _replaced WHERE entity = 'lead';
  -- deleted and inserted anew under another id, as an ORM does that knows no REPLACE
  INSERT INTO _do_move (old_id, new_id)
  SELECT d.lead_id, NEW.id FROM _deleted_lead d
   WHERE d.external_id = NEW.external_id AND NOT EXISTS (SELECT 1 FROM lead x WHERE x.id = d.lead_id);
  DELETE FROM _deleted_lead WHERE external_id = NEW.external_id;
  INSERT INTO _do_merge (lead_id) SELECT NEW.id WHERE NEW.merged_into <> NEW.id;
  -- a CRM may write the merged lead before the one that it was merged into
  INSERT INTO _do_merge (lead_id)
  SELECT l.id FROM lead l
   WHERE l.merged_into = NEW.id AND l.id <> NEW.id
     AND (EXISTS (SELECT 1 FROM lead_address a WHERE a.lead_id = l.id)
          OR EXISTS (SELECT 1 FROM deal d WHERE d.lead_id = l.id)
          OR EXISTS (SELECT 1 FROM explicit_attribution e WHERE e.lead_id = l.id));
  -- and addresses before their lead
  DELETE FROM _unrelated WHERE message_id IN (SELECT message_id FROM lead_message WHERE lead_id = NEW.id);
  -- what was released when the lead was deleted a moment ago waits again
  UPDATE _last_lead SET released = 0
   WHERE lead_id = NEW.id AND released = 1 AND left_at >= strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-1 hour');
  INSERT INTO _unrelated (originated_at, message_id)
  SELECT m.originated_at, m.id
    FROM _last_lead t JOIN message m ON m.id = t.message_id
   WHERE t.lead_id = NEW.id AND t.released = 0
     AND NOT EXISTS (SELECT 1 FROM lead_message x WHERE x.message_id = m.id)
     AND NOT EXISTS (SELECT 1 FROM _unrelated u WHERE u.message_id = m.id);
END;

DROP TRIGGER _lead_renamed;

CREATE TRIGGER _lead_renamed AFTER UPDATE OF id, external_id ON lead BEGIN
  DELETE FROM _deleted_lead
   WHERE lead_id = NEW.id OR lead_id IN (SELECT old_id FROM _replaced WHERE entity = 'lead');
  INSERT INTO _do_move (old_id, new_id)
  SELECT r.old_id, NEW.id FROM _replaced r
   WHERE r.entity = 'lead' AND r.old_id <> NEW.id AND NOT EXISTS (SELECT 1 FROM lead x WHERE x.id = r.old_id);
  DELETE FROM _replaced WHERE entity = 'lead';
  INSERT INTO _do_move (old_id, new_id) SELECT OLD.id, NEW.id WHERE OLD.id <> NEW.id;
END;

-- A merge is a standing order: what is written for a merged lead later goes the same way (unless merges form a circle).

CREATE VIEW _do_follow ( -- Procedure: the same without a word in the feed, for what was just written for a merged lead.
  lead_id -- lead.id
) AS SELECT NULL WHERE 0;

CREATE TRIGGER _do_follow_now INSTEAD OF INSERT ON _do_follow BEGIN
  INSERT INTO _do_carry (old_id, new_id)
  SELECT NEW.lead_id, f.id
    FROM (WITH RECURSIVE chain (id, step) AS (
            SELECT merged_into, 1 FROM lead WHERE id = NEW.lead_id
            UNION ALL
            SELECT l.merged_into, c.step + 1 FROM chain c JOIN lead l ON l.id = c.id
             WHERE l.merged_into <> l.id AND c.step < 100)
          SELECT l.id, l.merged_into FROM chain c JOIN lead l ON l.id = c.id ORDER BY c.step DESC LIMIT 1) f
   WHERE f.id <> NEW.lead_id AND (f.merged_into IS NULL OR f.merged_into = f.id);
END;

CREATE TRIGGER _lead_address_of_a_merged_lead AFTER INSERT ON lead_address
WHEN EXISTS (SELECT 1 FROM lead WHERE id = NEW.lead_id AND merged_into <> id) BEGIN
  INSERT INTO _do_follow (lead_id) VALUES (NEW.lead_id);
END;

CREATE TRIGGER _deal_of_a_merged_lead AFTER INSERT ON deal
WHEN EXISTS (SELECT 1 FROM lead WHERE id = NEW.lead_id AND merged_into <> id) BEGIN
  INSERT INTO _do_follow (lead_id) VALUES (NEW.lead_id);
END;

CREATE TRIGGER _explicit_attribution_of_a_merged_lead AFTER INSERT ON explicit_attribution
WHEN EXISTS (SELECT 1 FROM lead WHERE id = NEW.lead_id AND merged_into <> id) BEGIN
  INSERT INTO _do_follow (lead_id) VALUES (NEW.lead_id);
END;
