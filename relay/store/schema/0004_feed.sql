-- The change feed, updated_at, and the audit that can only grow.
--
-- A row of the feed names what changed and never says what it contained. Updates that change nothing write nothing.
-- updated_at triggers carry UPDATE OF lists: without one they would call themselves for ever under recursive_triggers.

CREATE TRIGGER _lead_feed_insert AFTER INSERT ON lead BEGIN
  INSERT INTO change (entity, entity_id, op, lead_id) VALUES ('lead', NEW.id, 'insert', NEW.id);
END;

CREATE TRIGGER _lead_feed_update AFTER UPDATE OF external_id, name, organization, status, owner_staff_id, merged_into, extra ON lead
WHEN NEW.external_id IS NOT OLD.external_id OR NEW.name IS NOT OLD.name
   OR NEW.organization IS NOT OLD.organization OR NEW.status IS NOT OLD.status
   OR NEW.owner_staff_id IS NOT OLD.owner_staff_id OR NEW.merged_into IS NOT OLD.merged_into
   OR NEW.extra IS NOT OLD.extra BEGIN
  INSERT INTO change (entity, entity_id, op, lead_id) VALUES ('lead', NEW.id, 'update', NEW.id);
END;

CREATE TRIGGER _lead_feed_delete AFTER DELETE ON lead BEGIN
  INSERT INTO change (entity, entity_id, op, lead_id) VALUES ('lead', OLD.id, 'delete', OLD.id);
END;

CREATE TRIGGER _lead_address_feed_insert AFTER INSERT ON lead_address BEGIN
  INSERT INTO change (entity, entity_id, op, lead_id) VALUES ('lead_address', NEW.id, 'insert', NEW.lead_id);
END;

CREATE TRIGGER _lead_address_feed_update AFTER UPDATE OF lead_id, address ON lead_address
WHEN NEW.lead_id IS NOT OLD.lead_id OR NEW.address IS NOT OLD.address BEGIN
  INSERT INTO change (entity, entity_id, op, lead_id)
  SELECT 'lead_address', OLD.id, 'update', OLD.lead_id WHERE OLD.lead_id IS NOT NEW.lead_id;
  INSERT INTO change (entity, entity_id, op, lead_id) VALUES ('lead_address', NEW.id, 'update', NEW.lead_id);
END;

CREATE TRIGGER _lead_address_feed_delete AFTER DELETE ON lead_address BEGIN
  INSERT INTO change (entity, entity_id, op, lead_id) VALUES ('lead_address', OLD.id, 'delete', OLD.lead_id);
END;

CREATE TRIGGER _staff_feed_insert AFTER INSERT ON staff BEGIN
  INSERT INTO change (entity, entity_id, op, lead_id) VALUES ('staff', NEW.id, 'insert', NULL);
END;

CREATE TRIGGER _staff_feed_update AFTER UPDATE OF name, role, manager_id, left_at ON staff
WHEN NEW.name IS NOT OLD.name OR NEW.role IS NOT OLD.role OR NEW.manager_id IS NOT OLD.manager_id
   OR NEW.left_at IS NOT OLD.left_at BEGIN
  INSERT INTO change (entity, entity_id, op, lead_id) VALUES ('staff', NEW.id, 'update', NULL);
END;

CREATE TRIGGER _staff_feed_delete AFTER DELETE ON staff BEGIN
  INSERT INTO change (entity, entity_id, op, lead_id) VALUES ('staff', OLD.id, 'delete', NULL);
END;

CREATE TRIGGER _staff_address_feed_insert AFTER INSERT ON staff_address BEGIN
  INSERT INTO change (entity, entity_id, op, lead_id) VALUES ('staff_address', NEW.id, 'insert', NULL);
END;

CREATE TRIGGER _staff_address_feed_update AFTER UPDATE OF staff_id, address ON staff_address
WHEN NEW.staff_id IS NOT OLD.staff_id OR NEW.address IS NOT OLD.address BEGIN
  INSERT INTO change (entity, entity_id, op, lead_id) VALUES ('staff_address', NEW.id, 'update', NULL);
END;

CREATE TRIGGER _staff_address_feed_delete AFTER DELETE ON staff_address BEGIN
  INSERT INTO change (entity, entity_id, op, lead_id) VALUES ('staff_address', OLD.id, 'delete', NULL);
END;

CREATE TRIGGER _deal_feed_insert AFTER INSERT ON deal BEGIN
  INSERT INTO change (entity, entity_id, op, lead_id) VALUES ('deal', NEW.id, 'insert', NEW.lead_id);
END;

CREATE TRIGGER _deal_feed_update AFTER UPDATE OF external_id, lead_id, title, kind, stage, outcome, opened_at, closed_at ON deal
WHEN NEW.external_id IS NOT OLD.external_id OR NEW.lead_id IS NOT OLD.lead_id OR NEW.title IS NOT OLD.title
   OR NEW.kind IS NOT OLD.kind OR NEW.stage IS NOT OLD.stage OR NEW.outcome IS NOT OLD.outcome
   OR NEW.opened_at IS NOT OLD.opened_at OR NEW.closed_at IS NOT OLD.closed_at BEGIN
  INSERT INTO change (entity, entity_id, op, lead_id)
  SELECT 'deal', OLD.id, 'update', OLD.lead_id WHERE OLD.lead_id IS NOT NEW.lead_id;
  INSERT INTO change (entity, entity_id, op, lead_id) VALUES ('deal', NEW.id, 'update', NEW.lead_id);
END;

CREATE TRIGGER _deal_feed_delete AFTER DELETE ON deal BEGIN
  INSERT INTO change (entity, entity_id, op, lead_id) VALUES ('deal', OLD.id, 'delete', OLD.lead_id);
END;

CREATE TRIGGER _explicit_attribution_feed_insert AFTER INSERT ON explicit_attribution BEGIN
  INSERT INTO change (entity, entity_id, op, lead_id) VALUES ('explicit_attribution', NEW.id, 'insert', NEW.lead_id);
END;

CREATE TRIGGER _explicit_attribution_feed_update AFTER UPDATE OF message_id, lead_id, deal_id, verdict, reason ON explicit_attribution
WHEN NEW.message_id IS NOT OLD.message_id OR NEW.lead_id IS NOT OLD.lead_id OR NEW.deal_id IS NOT OLD.deal_id
   OR NEW.verdict IS NOT OLD.verdict OR NEW.reason IS NOT OLD.reason BEGIN
  INSERT INTO change (entity, entity_id, op, lead_id)
  SELECT 'explicit_attribution', OLD.id, 'update', OLD.lead_id WHERE OLD.lead_id IS NOT NEW.lead_id;
  INSERT INTO change (entity, entity_id, op, lead_id) VALUES ('explicit_attribution', NEW.id, 'update', NEW.lead_id);
END;

CREATE TRIGGER _explicit_attribution_feed_delete AFTER DELETE ON explicit_attribution BEGIN
  INSERT INTO change (entity, entity_id, op, lead_id) VALUES ('explicit_attribution', OLD.id, 'delete', OLD.lead_id);
END;

CREATE TRIGGER _dismissal_feed_insert AFTER INSERT ON dismissal BEGIN
  INSERT INTO change (entity, entity_id, op, lead_id) VALUES ('dismissal', NEW.message_id, 'insert', NULL);
END;

CREATE TRIGGER _dismissal_feed_update AFTER UPDATE OF message_id ON dismissal
WHEN NEW.message_id IS NOT OLD.message_id BEGIN
  INSERT INTO change (entity, entity_id, op, lead_id) VALUES ('dismissal', NEW.message_id, 'update', NULL);
END;

CREATE TRIGGER _dismissal_feed_delete AFTER DELETE ON dismissal BEGIN
  INSERT INTO change (entity, entity_id, op, lead_id) VALUES ('dismissal', OLD.message_id, 'delete', NULL);
END;

CREATE TRIGGER _never_log_feed_insert AFTER INSERT ON never_log BEGIN
  INSERT INTO change (entity, entity_id, op, lead_id) VALUES ('never_log', NEW.id, 'insert', NULL);
END;

CREATE TRIGGER _never_log_feed_update AFTER UPDATE OF pattern, mode, staff_id ON never_log
WHEN NEW.pattern IS NOT OLD.pattern OR NEW.mode IS NOT OLD.mode OR NEW.staff_id IS NOT OLD.staff_id BEGIN
  INSERT INTO change (entity, entity_id, op, lead_id) VALUES ('never_log', NEW.id, 'update', NULL);
END;

CREATE TRIGGER _never_log_feed_delete AFTER DELETE ON never_log BEGIN
  INSERT INTO change (entity, entity_id, op, lead_id) VALUES ('never_log', OLD.id, 'delete', NULL);
END;

CREATE TRIGGER _message_feed_insert AFTER INSERT ON message BEGIN
  INSERT INTO change (entity, entity_id, op, lead_id) VALUES ('message', NEW.id, 'insert', NULL);
END;

CREATE TRIGGER _message_feed_update AFTER UPDATE OF internet_message_id, thread_id, direction, automatic, subject, author_address, author_name, staff_id, originated_at, snippet, attachment_count, visibility, status, defects, parser ON message
WHEN NEW.internet_message_id IS NOT OLD.internet_message_id OR NEW.thread_id IS NOT OLD.thread_id
   OR NEW.direction IS NOT OLD.direction OR NEW.automatic IS NOT OLD.automatic
   OR NEW.subject IS NOT OLD.subject OR NEW.author_address IS NOT OLD.author_address
   OR NEW.author_name IS NOT OLD.author_name OR NEW.staff_id IS NOT OLD.staff_id
   OR NEW.originated_at IS NOT OLD.originated_at OR NEW.snippet IS NOT OLD.snippet
   OR NEW.attachment_count IS NOT OLD.attachment_count OR NEW.visibility IS NOT OLD.visibility
   OR NEW.status IS NOT OLD.status OR NEW.defects IS NOT OLD.defects OR NEW.parser IS NOT OLD.parser BEGIN
  INSERT INTO change (entity, entity_id, op, lead_id) VALUES ('message', NEW.id, 'update', NULL);
END;

CREATE TRIGGER _message_feed_delete AFTER DELETE ON message BEGIN
  INSERT INTO change (entity, entity_id, op, lead_id) VALUES ('message', OLD.id, 'delete', NULL);
END;

CREATE TRIGGER _message_alias_feed_insert AFTER INSERT ON message_alias BEGIN
  INSERT INTO change (entity, entity_id, op, lead_id) VALUES ('message', NEW.old_id, 'merge', NULL);
END;

-- ---------------------------------------------------------------- updated_at

CREATE TRIGGER _lead_touch AFTER UPDATE OF external_id, name, organization, status, owner_staff_id, merged_into, extra ON lead
WHEN NEW.updated_at IS OLD.updated_at BEGIN
  UPDATE lead SET updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE id = NEW.id;
END;

CREATE TRIGGER _deal_touch AFTER UPDATE OF external_id, lead_id, title, kind, stage, outcome, opened_at, closed_at ON deal
WHEN NEW.updated_at IS OLD.updated_at BEGIN
  UPDATE deal SET updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE id = NEW.id;
END;

-- ---------------------------------------------------------------- the audit only grows

CREATE TRIGGER _audit_no_update BEFORE UPDATE ON audit BEGIN
  SELECT RAISE(ABORT, 'audit is append-only');
END;

CREATE TRIGGER _audit_no_delete BEFORE DELETE ON audit BEGIN
  SELECT RAISE(ABORT, 'audit is append-only');
END;

-- INSERT OR REPLACE would delete the old row without any delete trigger
CREATE TRIGGER _audit_no_replace BEFORE INSERT ON audit WHEN EXISTS (SELECT 1 FROM audit WHERE id = NEW.id) BEGIN
  SELECT RAISE(ABORT, 'audit is append-only');
END;
