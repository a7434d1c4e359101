-- Reading old mail again: mail of which only facts are kept gets its text when a lead appears, whoever writes the lead and
-- however. Triggers notice it, the filer reads the vault (relay/work/rereading.py).

CREATE TABLE _facts_only ( -- Messages of which nothing of the body is kept ([filing] unknown = "facts").
  message_id INTEGER PRIMARY KEY -- message.id
);

CREATE TABLE _read_again ( -- Messages that the filer is to read again from the vault, oldest first.
  message_id INTEGER PRIMARY KEY -- message.id
);

CREATE TRIGGER _facts_only_related AFTER INSERT ON lead_message
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
