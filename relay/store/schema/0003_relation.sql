-- Who keeps lead_message, when a CRM writes plain SQL and nobody else runs.
--
-- Two steps. lead_address, staff_address and the forms of addresses give _match (address -> lead); _match, message_address
-- and explicit_attribution give lead_message. Each step recomputes what a change may have touched from the facts as they
-- are now, so it is right whatever came before, and doing it twice is doing it once. Threads are the relay's: what may
-- have changed them goes into _unsettled (relay/store/relation.py).
--
-- Views whose name starts with _do_ are procedures: INSERT INTO _do_x runs the INSTEAD OF trigger below it. A trigger body
-- cannot be shared in any other way.
--
-- An outer INSERT OR REPLACE overrides every conflict clause in here, so nothing in here relies on one: rows are inserted
-- WHERE NOT EXISTS. A REPLACE deletes rows without any delete trigger (recursive_triggers off, the default): BEFORE
-- triggers note the row in _replaced, AFTER triggers act on it when it is really gone.

-- ---------------------------------------------------------------- step 1: which address stands for which lead

CREATE VIEW _address_match ( -- What _match must be: exact forms first, then without plus tag, staff never.
  address_id, -- address.id
  lead_id     -- lead.id (twice when a lead has two spellings of one address)
) AS
SELECT f.address_id, la.lead_id
  FROM _address_form f
  JOIN lead_address la ON la.address_key = f.form
 WHERE (f.rank = 0
        OR NOT EXISTS (SELECT 1 FROM _address_form e JOIN lead_address x ON x.address_key = e.form
                        WHERE e.address_id = f.address_id AND e.rank = 0))
   AND NOT EXISTS (SELECT 1 FROM _address_form s JOIN staff_address o ON o.address_key = s.form
                    WHERE s.address_id = f.address_id);

CREATE VIEW _do_match ( -- Procedure: make _match right for one address.
  address_id -- address.id
) AS SELECT NULL WHERE 0;

CREATE TRIGGER _do_match_now INSTEAD OF INSERT ON _do_match BEGIN
  DELETE FROM _match
   WHERE address_id = NEW.address_id
     AND NOT EXISTS (SELECT 1 FROM _address_match d WHERE d.address_id = NEW.address_id AND d.lead_id = _match.lead_id);
  INSERT INTO _match (address_id, lead_id)
  SELECT DISTINCT d.address_id, d.lead_id
    FROM _address_match d
   WHERE d.address_id = NEW.address_id
     AND NOT EXISTS (SELECT 1 FROM _match x WHERE x.address_id = NEW.address_id AND x.lead_id = d.lead_id);
END;

CREATE VIEW _do_match_key ( -- Procedure: the same for every address that can be typed so.
  form -- an address_key
) AS SELECT NULL WHERE 0;

CREATE TRIGGER _do_match_key_now INSTEAD OF INSERT ON _do_match_key BEGIN
  INSERT INTO _do_match (address_id) SELECT address_id FROM _address_form WHERE form = NEW.form;
END;

CREATE TRIGGER _address_form_insert AFTER INSERT ON _address_form
WHEN EXISTS (SELECT 1 FROM lead_address WHERE address_key = NEW.form)
  OR EXISTS (SELECT 1 FROM staff_address WHERE address_key = NEW.form) BEGIN
  INSERT INTO _do_match (address_id) VALUES (NEW.address_id);
END;

CREATE TRIGGER _address_form_delete AFTER DELETE ON _address_form BEGIN
  INSERT INTO _do_match (address_id) VALUES (OLD.address_id);
END;

CREATE TRIGGER _lead_address_before_insert BEFORE INSERT ON lead_address BEGIN
  DELETE FROM _replaced WHERE entity = 'lead_address';
  INSERT INTO _replaced (entity, old_id, lead_id, key)
  SELECT 'lead_address', id, lead_id, address_key FROM lead_address WHERE id = NEW.id;
END;

CREATE TRIGGER _lead_address_insert AFTER INSERT ON lead_address BEGIN
  INSERT INTO _do_match_key (form) SELECT key FROM _replaced WHERE entity = 'lead_address' AND key <> NEW.address_key;
  INSERT INTO change (entity, entity_id, op, lead_id)
  SELECT 'lead_address', NEW.id, 'delete', lead_id FROM _replaced WHERE entity = 'lead_address' AND lead_id <> NEW.lead_id;
  DELETE FROM _replaced WHERE entity = 'lead_address';
  INSERT INTO _do_match_key (form) VALUES (NEW.address_key);
END;

CREATE TRIGGER _lead_address_before_update BEFORE UPDATE OF id ON lead_address WHEN NEW.id <> OLD.id BEGIN
  DELETE FROM _replaced WHERE entity = 'lead_address';
  INSERT INTO _replaced (entity, old_id, lead_id, key)
  SELECT 'lead_address', id, lead_id, address_key FROM lead_address WHERE id = NEW.id;
END;

CREATE TRIGGER _lead_address_update AFTER UPDATE OF id, lead_id, address ON lead_address
WHEN NEW.lead_id <> OLD.lead_id OR NEW.address_key <> OLD.address_key OR NEW.id <> OLD.id BEGIN
  INSERT INTO _do_match_key (form)
  SELECT key FROM _replaced WHERE entity = 'lead_address' AND old_id = NEW.id AND NEW.id <> OLD.id;
  INSERT INTO _do_match_key (form) SELECT OLD.address_key WHERE OLD.address_key <> NEW.address_key;
  INSERT INTO _do_match_key (form) VALUES (NEW.address_key);
END;

CREATE TRIGGER _lead_address_delete AFTER DELETE ON lead_address BEGIN
  INSERT INTO _do_match_key (form) VALUES (OLD.address_key);
END;

CREATE TRIGGER _staff_address_before_insert BEFORE INSERT ON staff_address BEGIN
  DELETE FROM _replaced WHERE entity = 'staff_address';
  INSERT INTO _replaced (entity, old_id, key) SELECT 'staff_address', id, address_key FROM staff_address WHERE id = NEW.id;
END;

CREATE TRIGGER _staff_address_insert AFTER INSERT ON staff_address BEGIN
  INSERT INTO _do_match_key (form) SELECT key FROM _replaced WHERE entity = 'staff_address' AND key <> NEW.address_key;
  DELETE FROM _replaced WHERE entity = 'staff_address';
  INSERT INTO _do_match_key (form) VALUES (NEW.address_key);
END;

CREATE TRIGGER _staff_address_before_update BEFORE UPDATE OF id ON staff_address WHEN NEW.id <> OLD.id BEGIN
  DELETE FROM _replaced WHERE entity = 'staff_address';
  INSERT INTO _replaced (entity, old_id, key) SELECT 'staff_address', id, address_key FROM staff_address WHERE id = NEW.id;
END;

CREATE TRIGGER _staff_address_update AFTER UPDATE OF id, address ON staff_address
WHEN NEW.address_key <> OLD.address_key OR NEW.id <> OLD.id BEGIN
  INSERT INTO _do_match_key (form)
  SELECT key FROM _replaced WHERE entity = 'staff_address' AND old_id = NEW.id AND NEW.id <> OLD.id;
  INSERT INTO _do_match_key (form) SELECT OLD.address_key WHERE OLD.address_key <> NEW.address_key;
  INSERT INTO _do_match_key (form) VALUES (NEW.address_key);
END;

CREATE TRIGGER _staff_address_delete AFTER DELETE ON staff_address BEGIN
  INSERT INTO _do_match_key (form) VALUES (OLD.address_key);
END;

-- ---------------------------------------------------------------- step 2: an address comes to a lead, or leaves it

CREATE TRIGGER _match_insert AFTER INSERT ON _match
WHEN EXISTS (SELECT 1 FROM message_address WHERE address_id = NEW.address_id) BEGIN
  DELETE FROM lead_message
   WHERE lead_id = NEW.lead_id
     AND message_id IN (SELECT message_id FROM message_address WHERE address_id = NEW.address_id);
  INSERT INTO lead_message (lead_id, message_id, originated_at, role, deal_id, reason)
  SELECT NEW.lead_id, ma.message_id, ma.originated_at,
         -- the strongest role of all addresses of the lead; mostly it has this one only
         CASE WHEN (SELECT count(*) FROM _match WHERE lead_id = NEW.lead_id) = 1 THEN ma.role
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
  DELETE FROM _unsettled WHERE kind = 'address' AND subject_id = NEW.address_id;
  INSERT INTO _unsettled (kind, subject_id) VALUES ('address', NEW.address_id);
END;

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
  INSERT INTO _unrelated (originated_at, message_id)
  SELECT ma.originated_at, ma.message_id
    FROM message_address ma
   WHERE ma.address_id = OLD.address_id
     AND NOT EXISTS (SELECT 1 FROM lead_message x WHERE x.message_id = ma.message_id)
     AND NOT EXISTS (SELECT 1 FROM _unrelated u WHERE u.message_id = ma.message_id);
  DELETE FROM _unsettled WHERE kind = 'address' AND subject_id = OLD.address_id;
  INSERT INTO _unsettled (kind, subject_id) VALUES ('address', OLD.address_id);
END;

-- ---------------------------------------------------------------- step 2: a decision is made, changed or taken back

CREATE VIEW _do_decide ( -- Procedure: make lead_message right for one message and one lead (threads aside).
  message_id, -- message.id
  lead_id     -- lead.id
) AS SELECT NULL, NULL WHERE 0;

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
  INSERT INTO _unrelated (originated_at, message_id)
  SELECT m.originated_at, m.id
    FROM message m
   WHERE m.id = NEW.message_id
     AND NOT EXISTS (SELECT 1 FROM lead_message x WHERE x.message_id = m.id)
     AND NOT EXISTS (SELECT 1 FROM _unrelated u WHERE u.message_id = m.id);
  INSERT INTO _unsettled (kind, subject_id)
  SELECT 'message', NEW.message_id
   WHERE NOT EXISTS (SELECT 1 FROM _unsettled WHERE kind = 'message' AND subject_id = NEW.message_id);
END;

CREATE TRIGGER _explicit_attribution_before_insert BEFORE INSERT ON explicit_attribution BEGIN
  DELETE FROM _replaced WHERE entity = 'explicit_attribution';
  INSERT INTO _replaced (entity, old_id, lead_id, key)
  SELECT 'explicit_attribution', id, lead_id, message_id FROM explicit_attribution WHERE id = NEW.id;
END;

CREATE TRIGGER _explicit_attribution_insert AFTER INSERT ON explicit_attribution BEGIN
  INSERT INTO _do_decide (message_id, lead_id)
  SELECT CAST(key AS INTEGER), lead_id FROM _replaced WHERE entity = 'explicit_attribution';
  DELETE FROM _replaced WHERE entity = 'explicit_attribution';
  INSERT INTO _do_decide (message_id, lead_id) VALUES (NEW.message_id, NEW.lead_id);
END;

CREATE TRIGGER _explicit_attribution_before_update BEFORE UPDATE OF id ON explicit_attribution WHEN NEW.id <> OLD.id BEGIN
  DELETE FROM _replaced WHERE entity = 'explicit_attribution';
  INSERT INTO _replaced (entity, old_id, lead_id, key)
  SELECT 'explicit_attribution', id, lead_id, message_id FROM explicit_attribution WHERE id = NEW.id;
END;

CREATE TRIGGER _explicit_attribution_update
AFTER UPDATE OF id, message_id, lead_id, deal_id, verdict, reason ON explicit_attribution BEGIN
  INSERT INTO _do_decide (message_id, lead_id)
  SELECT CAST(key AS INTEGER), lead_id FROM _replaced
   WHERE entity = 'explicit_attribution' AND old_id = NEW.id AND NEW.id <> OLD.id;
  INSERT INTO _do_decide (message_id, lead_id)
  SELECT OLD.message_id, OLD.lead_id WHERE OLD.message_id <> NEW.message_id OR OLD.lead_id <> NEW.lead_id;
  INSERT INTO _do_decide (message_id, lead_id) VALUES (NEW.message_id, NEW.lead_id);
END;

CREATE TRIGGER _explicit_attribution_delete AFTER DELETE ON explicit_attribution BEGIN
  INSERT INTO _do_decide (message_id, lead_id) VALUES (OLD.message_id, OLD.lead_id);
END;

-- ---------------------------------------------------------------- dismissals: the list of unresolved mail

CREATE TRIGGER _dismissal_insert AFTER INSERT ON dismissal BEGIN
  DELETE FROM _unrelated WHERE message_id = NEW.message_id;
END;

CREATE TRIGGER _dismissal_update AFTER UPDATE OF message_id ON dismissal WHEN NEW.message_id <> OLD.message_id BEGIN
  INSERT INTO _unrelated (originated_at, message_id)
  SELECT m.originated_at, m.id FROM message m
   WHERE m.id = OLD.message_id AND NOT EXISTS (SELECT 1 FROM _unrelated u WHERE u.message_id = m.id);
  DELETE FROM _unrelated WHERE message_id = NEW.message_id;
END;

CREATE TRIGGER _dismissal_delete AFTER DELETE ON dismissal BEGIN
  INSERT INTO _unrelated (originated_at, message_id)
  SELECT m.originated_at, m.id FROM message m
   WHERE m.id = OLD.message_id AND NOT EXISTS (SELECT 1 FROM _unrelated u WHERE u.message_id = m.id);
END;

-- ---------------------------------------------------------------- leads and deals: merged, replaced, deleted

CREATE VIEW _do_move ( -- Procedure: everything of one lead goes to another. What the other has already is kept there.
  old_id, -- lead.id
  new_id  -- lead.id
) AS SELECT NULL, NULL WHERE 0;

CREATE TRIGGER _do_move_now INSTEAD OF INSERT ON _do_move BEGIN
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
  INSERT INTO change (entity, entity_id, op, lead_id) VALUES ('lead', NEW.old_id, 'merge', NEW.new_id);
END;

CREATE TRIGGER _lead_before_insert BEFORE INSERT ON lead BEGIN
  DELETE FROM _replaced WHERE entity = 'lead';
  INSERT INTO _replaced (entity, old_id) SELECT 'lead', id FROM lead WHERE external_id = NEW.external_id AND id <> NEW.id;
END;

CREATE TRIGGER _lead_insert AFTER INSERT ON lead BEGIN
  INSERT INTO _do_move (old_id, new_id)
  SELECT r.old_id, NEW.id FROM _replaced r
   WHERE r.entity = 'lead' AND r.old_id <> NEW.id AND NOT EXISTS (SELECT 1 FROM lead x WHERE x.id = r.old_id);
  DELETE FROM _replaced WHERE entity = 'lead';
  INSERT INTO _do_move (old_id, new_id) SELECT NEW.id, NEW.merged_into WHERE NEW.merged_into <> NEW.id;
  -- a CRM may write addresses before their lead
  DELETE FROM _unrelated WHERE message_id IN (SELECT message_id FROM lead_message WHERE lead_id = NEW.id);
END;

CREATE TRIGGER _lead_before_update BEFORE UPDATE OF id, external_id ON lead BEGIN
  DELETE FROM _replaced WHERE entity = 'lead';
  INSERT INTO _replaced (entity, old_id)
  SELECT 'lead', id FROM lead WHERE (external_id = NEW.external_id OR id = NEW.id) AND id <> OLD.id;
END;

CREATE TRIGGER _lead_renamed AFTER UPDATE OF id, external_id ON lead BEGIN
  INSERT INTO _do_move (old_id, new_id)
  SELECT r.old_id, NEW.id FROM _replaced r
   WHERE r.entity = 'lead' AND r.old_id <> NEW.id AND NOT EXISTS (SELECT 1 FROM lead x WHERE x.id = r.old_id);
  DELETE FROM _replaced WHERE entity = 'lead';
  INSERT INTO _do_move (old_id, new_id) SELECT OLD.id, NEW.id WHERE OLD.id <> NEW.id;
END;

CREATE TRIGGER _lead_merged AFTER UPDATE OF merged_into ON lead
WHEN NEW.merged_into <> NEW.id AND NEW.merged_into IS NOT OLD.merged_into BEGIN
  INSERT INTO _do_move (old_id, new_id) VALUES (NEW.id, NEW.merged_into);
END;

CREATE TRIGGER _lead_deleted AFTER DELETE ON lead BEGIN
  -- its mail waits for a person at once, not only when the relay has swept
  INSERT INTO _unrelated (originated_at, message_id)
  SELECT lm.originated_at, lm.message_id
    FROM lead_message lm
   WHERE lm.lead_id = OLD.id
     AND NOT EXISTS (SELECT 1 FROM lead_message x JOIN lead l ON l.id = x.lead_id WHERE x.message_id = lm.message_id)
     AND NOT EXISTS (SELECT 1 FROM dismissal d WHERE d.message_id = lm.message_id)
     AND NOT EXISTS (SELECT 1 FROM _unrelated u WHERE u.message_id = lm.message_id);
  INSERT INTO _unsettled (kind, subject_id)
  SELECT 'lead', OLD.id WHERE NOT EXISTS (SELECT 1 FROM _unsettled WHERE kind = 'lead' AND subject_id = OLD.id);
END;

CREATE TRIGGER _deal_before_insert BEFORE INSERT ON deal BEGIN
  DELETE FROM _replaced WHERE entity = 'deal';
  INSERT INTO _replaced (entity, old_id) SELECT 'deal', id FROM deal WHERE external_id = NEW.external_id AND id <> NEW.id;
END;

CREATE TRIGGER _deal_insert AFTER INSERT ON deal
WHEN EXISTS (SELECT 1 FROM _replaced WHERE entity = 'deal') BEGIN
  UPDATE explicit_attribution SET deal_id = NEW.id
   WHERE deal_id IN (SELECT r.old_id FROM _replaced r
                      WHERE r.entity = 'deal' AND r.old_id <> NEW.id AND NOT EXISTS (SELECT 1 FROM deal x WHERE x.id = r.old_id));
  DELETE FROM _replaced WHERE entity = 'deal';
END;

-- ---------------------------------------------------------------- messages (the relay's own writes)

CREATE TRIGGER _message_moved_in_time AFTER UPDATE OF originated_at ON message
WHEN NEW.originated_at <> OLD.originated_at BEGIN
  UPDATE message_address SET originated_at = NEW.originated_at WHERE message_id = NEW.id;
  UPDATE lead_message SET originated_at = NEW.originated_at WHERE message_id = NEW.id;
  UPDATE _unrelated SET originated_at = NEW.originated_at WHERE message_id = NEW.id;
END;

CREATE TRIGGER _message_moved_between_threads AFTER UPDATE OF thread_id, direction ON message
WHEN NEW.thread_id IS NOT OLD.thread_id OR NEW.direction <> OLD.direction BEGIN
  INSERT INTO _unsettled (kind, subject_id)
  SELECT 'thread', OLD.thread_id
   WHERE OLD.thread_id IS NOT NULL
     AND NOT EXISTS (SELECT 1 FROM _unsettled WHERE kind = 'thread' AND subject_id = OLD.thread_id);
  INSERT INTO _unsettled (kind, subject_id)
  SELECT 'message', NEW.id WHERE NOT EXISTS (SELECT 1 FROM _unsettled WHERE kind = 'message' AND subject_id = NEW.id);
END;

CREATE TRIGGER _message_deleted AFTER DELETE ON message BEGIN
  DELETE FROM lead_message WHERE message_id = OLD.id;
  DELETE FROM message_address WHERE message_id = OLD.id;
  DELETE FROM message_text WHERE message_id = OLD.id;
  DELETE FROM part WHERE message_id = OLD.id;
  DELETE FROM explicit_attribution WHERE message_id = OLD.id;
  DELETE FROM dismissal WHERE message_id = OLD.id;
  DELETE FROM _unrelated WHERE message_id = OLD.id;
  DELETE FROM _identity WHERE message_id = OLD.id;
  DELETE FROM _answer WHERE message_id = OLD.id;
  DELETE FROM _disputed_tag WHERE message_id = OLD.id;
  INSERT INTO _unsettled (kind, subject_id)
  SELECT 'thread', OLD.thread_id
   WHERE OLD.thread_id IS NOT NULL
     AND NOT EXISTS (SELECT 1 FROM _unsettled WHERE kind = 'thread' AND subject_id = OLD.thread_id);
END;
