-- Reading old mail again: mail of which only facts are kept gets its text when a lead appears, whoever writes the lead and
-- however. Triggers notice it, the filer reads the vault (relay/work/rereading.py).

CREATE TABLE _facts_only ( -- Messages of which nothing of the body is kept ([filing] unknown = "facts").
  message_id INTEGER PRIMARY KEY -- message.id
);

CREATE TABLE _read_again ( -- Messages that the filer is to read again from the vault, oldest first.
  message_id INTEGER PRIMARY KEY -- message.id
);

-- Not a trigger on lead_message: it would cost every row of every message a look. An address comes to a lead once, a
-- decision is made once; what threads bring is the relay's own to notice (relay/store/relation.py).

CREATE TRIGGER _facts_only_matched AFTER INSERT ON _match WHEN EXISTS (SELECT 1 FROM _facts_only) BEGIN
  INSERT INTO _read_again (message_id)
  SELECT ma.message_id
    FROM message_address ma
   WHERE ma.address_id = NEW.address_id
     AND EXISTS (SELECT 1 FROM _facts_only f WHERE f.message_id = ma.message_id)
     AND NOT EXISTS (SELECT 1 FROM _read_again r WHERE r.message_id = ma.message_id);
END;

CREATE TRIGGER _facts_only_decided AFTER INSERT ON explicit_attribution
WHEN EXISTS (SELECT 1 FROM _facts_only WHERE message_id = NEW.message_id) BEGIN
  INSERT INTO _read_again (message_id)
  SELECT NEW.message_id WHERE NOT EXISTS (SELECT 1 FROM _read_again WHERE message_id = NEW.message_id);
END;

CREATE TRIGGER _facts_only_decided_anew AFTER UPDATE OF message_id, lead_id, verdict ON explicit_attribution
WHEN EXISTS (SELECT 1 FROM _facts_only WHERE message_id = NEW.message_id) BEGIN
  INSERT INTO _read_again (message_id)
  SELECT NEW.message_id WHERE NOT EXISTS (SELECT 1 FROM _read_again WHERE message_id = NEW.message_id);
END;

-- a CRM may write addresses before their lead
CREATE TRIGGER _facts_only_lead AFTER INSERT ON lead BEGIN
  INSERT INTO _read_again (message_id)
  SELECT lm.message_id
    FROM lead_message lm
   WHERE lm.lead_id = NEW.id
     AND EXISTS (SELECT 1 FROM _facts_only f WHERE f.message_id = lm.message_id)
     AND NOT EXISTS (SELECT 1 FROM _read_again r WHERE r.message_id = lm.message_id);
END;

CREATE TRIGGER _facts_only_deleted AFTER DELETE ON message BEGIN
  DELETE FROM _facts_only WHERE message_id = OLD.id;
  DELETE FROM _read_again WHERE message_id = OLD.id;
END;
