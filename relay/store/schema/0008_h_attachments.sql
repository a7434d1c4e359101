-- What parts could do, and pictures that return: logos of signatures, told by the same content again and again from one
-- author. Messages that were filed before have neither until they are read again (`bcc-relay refile`).

-- ---------------------------------------------------------------- written by the relay

ALTER TABLE part ADD COLUMN danger TEXT NOT NULL DEFAULT '' /* what it could do to who opens it: 'disguised', 'program', 'script', 'shortcut', 'disk-image', 'macros', 'active-page', 'packed-program', 'locked'; '' when nothing is known against it (docs/attachments.md) */;

-- ---------------------------------------------------------------- the relay's own

-- Which parts can be a logo is decided in relay/attribution/logo.py; counting is done here, so that it holds whoever
-- removes a message and in whatever order mail comes. No count is kept: three rows of an index say it, however many.

CREATE TABLE _picture ( -- Parts that are logos if they return: small pictures. Three messages of one author with the same content make all of them 'signature'.
  part_id    INTEGER PRIMARY KEY, -- part.id
  message_id INTEGER NOT NULL,    -- message.id
  digest     TEXT NOT NULL,       -- part.digest
  author     TEXT NOT NULL,       -- message.author_address
  kind       TEXT NOT NULL        -- part.kind as its message alone has it
);
CREATE INDEX _picture_by_author ON _picture (digest, author, message_id);

CREATE TRIGGER _picture_returns AFTER INSERT ON _picture
WHEN (SELECT count(*) FROM (SELECT DISTINCT message_id FROM _picture WHERE digest = NEW.digest AND author = NEW.author LIMIT 3)) = 3
 AND ((SELECT kind FROM part WHERE id = NEW.part_id) <> 'signature'
      OR (SELECT count(*) FROM (SELECT DISTINCT message_id FROM _picture WHERE digest = NEW.digest AND author = NEW.author LIMIT 4)) = 3) BEGIN
  UPDATE part SET kind = 'signature' WHERE id = NEW.part_id AND kind <> 'signature';
  -- the third message: those before it too
  UPDATE part SET kind = 'signature'
   WHERE kind <> 'signature'
     AND id IN (SELECT part_id FROM _picture
                 WHERE digest = NEW.digest AND author = NEW.author
                   AND (SELECT count(*) FROM (SELECT DISTINCT message_id FROM _picture WHERE digest = NEW.digest AND author = NEW.author LIMIT 4)) = 3);
END;

CREATE TRIGGER _picture_goes AFTER DELETE ON _picture
WHEN NOT EXISTS (SELECT 1 FROM _picture WHERE digest = OLD.digest AND author = OLD.author AND message_id = OLD.message_id)
 AND (SELECT count(*) FROM (SELECT DISTINCT message_id FROM _picture WHERE digest = OLD.digest AND author = OLD.author LIMIT 3)) = 2 BEGIN
  UPDATE part SET kind = (SELECT x.kind FROM _picture x WHERE x.part_id = part.id)
   WHERE id IN (SELECT part_id FROM _picture WHERE digest = OLD.digest AND author = OLD.author);
END;

CREATE TRIGGER _part_goes AFTER DELETE ON part BEGIN
  DELETE FROM _picture WHERE part_id = OLD.id;
END;

-- the message says how many attachments it has; that it changed is told in either case
CREATE TRIGGER _part_kind_changes AFTER UPDATE OF kind ON part WHEN NEW.kind <> OLD.kind BEGIN
  INSERT INTO change (entity, entity_id, op)
  SELECT 'message', NEW.message_id, 'update' WHERE (NEW.kind = 'attachment') = (OLD.kind = 'attachment');
  UPDATE message SET attachment_count = attachment_count + (NEW.kind = 'attachment') - (OLD.kind = 'attachment')
   WHERE id = NEW.message_id AND (NEW.kind = 'attachment') <> (OLD.kind = 'attachment');
END;
