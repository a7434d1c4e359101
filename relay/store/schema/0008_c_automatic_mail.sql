-- What automatic mail says of addresses: what bounced, who is away, who left. And contact: mail that people wrote.
--
-- Reports are stored word for word, message by message; what holds of an address is made of them (_stated_health) and
-- kept in _address_health by triggers, so that it is the same in whatever order mail comes, is read again, or goes.

-- ---------------------------------------------------------------- the relay's own

CREATE TABLE _delivery_report ( -- What a report of a mail system says of one address.
  message_id INTEGER NOT NULL, -- message.id of the report
  address    TEXT NOT NULL,    -- canonical; it may be on no message
  about      TEXT,             -- Message-ID of the mail that the report is about, NULL: it does not say
  ours       INTEGER NOT NULL, -- 1: the returned header says that one of us wrote that mail
  action     TEXT NOT NULL,    -- 'failed', 'delayed', 'delivered', 'relayed', 'expanded' (RFC 3464), '' unknown
  permanent  INTEGER NOT NULL, -- 1: later mail will fail too
  reason     TEXT NOT NULL,    -- status and words of the mail system, one line
  PRIMARY KEY (message_id, address)
) WITHOUT ROWID;
CREATE INDEX _delivery_report_by_address ON _delivery_report (address);
CREATE INDEX _delivery_report_by_about ON _delivery_report (about);

CREATE TABLE _absence ( -- What an automatic answer says of its author.
  message_id   INTEGER PRIMARY KEY, -- message.id of the answer
  address      TEXT NOT NULL,       -- canonical, of its author
  absent_until TEXT,                -- the day that it names, as a time (midnight UTC); NULL: none
  has_left     INTEGER NOT NULL     -- 1: the author is said to have left
);
CREATE INDEX _absence_by_address ON _absence (address);

CREATE VIEW _permanent_bounce ( -- Bounces that are believed: of a mail of ours to that address which is here.
  address_id, -- address.id
  bounced_at, -- when the report was written
  reason,     -- its words
  message_id  -- message.id of the report
) AS
SELECT a.id, b.originated_at, r.reason, r.message_id
  FROM address a
 CROSS JOIN _delivery_report r ON r.address = a.address
 CROSS JOIN message b ON b.id = r.message_id
 WHERE r.permanent = 1
   AND b.automatic = 'bounce'
   AND CASE WHEN r.about IS NOT NULL
       THEN EXISTS (SELECT 1 FROM message m CROSS JOIN message_address p ON p.message_id = m.id AND p.address_id = a.id
                     WHERE m.internet_message_id = r.about AND m.direction = 'outgoing' AND p.role IN ('to', 'cc', 'bcc'))
       -- without an id: one of us wrote it, and to this address in the ten days before (mail systems give up after five)
       ELSE r.ours = 1
        AND EXISTS (SELECT 1 FROM message_address p JOIN message m ON m.id = p.message_id
                     WHERE p.address_id = a.id AND p.role IN ('to', 'cc', 'bcc') AND m.direction = 'outgoing'
                       AND p.originated_at >= strftime('%Y-%m-%dT%H:%M:%fZ', b.originated_at, '-10 days')
                       AND p.originated_at <= strftime('%Y-%m-%dT%H:%M:%fZ', b.originated_at, '+1 hour'))
       END;

CREATE VIEW _standing_bounce ( -- Those of them that no person has written after, from that address.
  address_id, -- address.id
  bounced_at, -- when the report was written
  reason      -- its words
) AS
SELECT b.address_id, b.bounced_at, b.reason
  FROM _permanent_bounce b
 WHERE NOT EXISTS (SELECT 1 FROM message_address w JOIN message p ON p.id = w.message_id
                    WHERE w.address_id = b.address_id AND w.originated_at > b.bounced_at AND w.role = 'from'
                      AND p.automatic IS NULL AND p.direction = 'incoming');

CREATE VIEW _standing_absence ( -- Automatic answers of an address outside that say something of its owner, and that no person has written after.
  address_id,   -- address.id
  at,           -- when the answer was written
  absent_until, -- the day that it names, NULL: none
  has_left      -- 1: its author is said to have left
) AS
SELECT a.id, b.originated_at, n.absent_until, n.has_left
  FROM address a
 CROSS JOIN _absence n ON n.address = a.address
 CROSS JOIN message b ON b.id = n.message_id
 WHERE b.automatic = 'auto-reply'
   AND b.direction = 'incoming'
   AND NOT EXISTS (SELECT 1 FROM message_address w JOIN message p ON p.id = w.message_id
                    WHERE w.address_id = a.id AND w.originated_at > b.originated_at AND w.role = 'from'
                      AND p.automatic IS NULL AND p.direction = 'incoming');

CREATE VIEW _stated_health ( -- What _address_health must be. Ask by address_id: an aggregate over all would read all addresses.
  address_id,    -- address.id
  bounced_at,    -- last permanent bounce
  bounce_reason, -- its words
  absent_until,  -- end of an absence, by the newest answer that names a day
  left_at        -- when an automatic answer first said that the person left
) AS
SELECT a.id,
       (SELECT max(b.bounced_at) FROM _standing_bounce b WHERE b.address_id = a.id),
       (SELECT b.reason FROM _standing_bounce b WHERE b.address_id = a.id ORDER BY b.bounced_at DESC, b.reason DESC LIMIT 1),
       (SELECT n.absent_until FROM _standing_absence n WHERE n.address_id = a.id AND n.absent_until IS NOT NULL
         ORDER BY n.at DESC, n.absent_until DESC LIMIT 1),
       (SELECT min(n.at) FROM _standing_absence n WHERE n.address_id = a.id AND n.has_left = 1)
  FROM address a
 WHERE EXISTS (SELECT 1 FROM _standing_bounce b WHERE b.address_id = a.id)
    OR EXISTS (SELECT 1 FROM _standing_absence n WHERE n.address_id = a.id);

CREATE VIEW _do_health ( -- Procedure: make _address_health right for one address.
  address_id -- address.id
) AS SELECT NULL WHERE 0;

CREATE TRIGGER _do_health_now INSTEAD OF INSERT ON _do_health BEGIN
  DELETE FROM _address_health
   WHERE address_id = NEW.address_id
     AND NOT EXISTS (SELECT 1 FROM _stated_health s WHERE s.address_id = NEW.address_id);
  UPDATE _address_health
     SET (bounced_at, bounce_reason, absent_until, left_at)
       = (SELECT s.bounced_at, s.bounce_reason, s.absent_until, s.left_at FROM _stated_health s WHERE s.address_id = NEW.address_id)
   WHERE address_id = NEW.address_id
     AND NOT EXISTS (SELECT 1 FROM _stated_health s
                      WHERE s.address_id = NEW.address_id
                        AND s.bounced_at IS _address_health.bounced_at AND s.bounce_reason IS _address_health.bounce_reason
                        AND s.absent_until IS _address_health.absent_until AND s.left_at IS _address_health.left_at);
  INSERT INTO _address_health (address_id, bounced_at, bounce_reason, absent_until, left_at)
  SELECT s.address_id, s.bounced_at, s.bounce_reason, s.absent_until, s.left_at
    FROM _stated_health s
   WHERE s.address_id = NEW.address_id
     AND NOT EXISTS (SELECT 1 FROM _address_health h WHERE h.address_id = NEW.address_id);
END;

CREATE TRIGGER _delivery_report_comes AFTER INSERT ON _delivery_report BEGIN
  INSERT INTO _do_health (address_id) SELECT id FROM address WHERE address = NEW.address;
END;

CREATE TRIGGER _delivery_report_goes AFTER DELETE ON _delivery_report BEGIN
  INSERT INTO _do_health (address_id) SELECT id FROM address WHERE address = OLD.address;
END;

CREATE TRIGGER _absence_comes AFTER INSERT ON _absence BEGIN
  INSERT INTO _do_health (address_id) SELECT id FROM address WHERE address = NEW.address;
END;

CREATE TRIGGER _absence_goes AFTER DELETE ON _absence BEGIN
  INSERT INTO _do_health (address_id) SELECT id FROM address WHERE address = OLD.address;
END;

CREATE VIEW _spoken_of ( -- Addresses of which automatic mail says something, whether it is believed or not.
  address_id -- address.id
) AS
SELECT a.id
  FROM address a
 WHERE EXISTS (SELECT 1 FROM _delivery_report r WHERE r.address = a.address)
    OR EXISTS (SELECT 1 FROM _absence n WHERE n.address = a.address);

-- New mail is the filer's to look through, a batch at a time (relay/store/spoken.py): a trigger on every party would cost
-- filing a twentieth. What changes or goes later is noticed here.

CREATE TRIGGER _spoken_of_moves AFTER UPDATE OF originated_at, role ON message_address
WHEN EXISTS (SELECT 1 FROM _spoken_of s WHERE s.address_id = NEW.address_id) BEGIN
  INSERT INTO _do_health (address_id) VALUES (NEW.address_id);
END;

CREATE TRIGGER _spoken_of_goes AFTER DELETE ON message_address
WHEN EXISTS (SELECT 1 FROM _spoken_of s WHERE s.address_id = OLD.address_id) BEGIN
  INSERT INTO _do_health (address_id) VALUES (OLD.address_id);
END;

CREATE TRIGGER _message_read_otherwise AFTER UPDATE OF internet_message_id, direction, automatic, originated_at ON message
WHEN NEW.internet_message_id IS NOT OLD.internet_message_id OR NEW.direction <> OLD.direction
  OR NEW.automatic IS NOT OLD.automatic OR NEW.originated_at <> OLD.originated_at BEGIN
  INSERT INTO _do_health (address_id)
  SELECT ma.address_id FROM message_address ma
   WHERE ma.message_id = NEW.id AND EXISTS (SELECT 1 FROM _spoken_of s WHERE s.address_id = ma.address_id);
  INSERT INTO _do_health (address_id)
  SELECT a.id FROM _delivery_report r JOIN address a ON a.address = r.address WHERE r.message_id = NEW.id;
END;

CREATE TRIGGER _automatic_message_deleted AFTER DELETE ON message BEGIN
  DELETE FROM _delivery_report WHERE message_id = OLD.id;
  DELETE FROM _absence WHERE message_id = OLD.id;
END;

CREATE TRIGGER _address_spoken_of_goes AFTER DELETE ON address BEGIN
  DELETE FROM _address_health WHERE address_id = OLD.id;
END;

-- ---------------------------------------------------------------- written by the relay

ALTER TABLE address ADD COLUMN bounced_at TEXT /* when mail of ours to it last failed for good; NULL: never, or a person has written from it since */;

-- The feed: that lead is to be read again. No CRM has written anything from which it could know.

CREATE TRIGGER _address_health_comes AFTER INSERT ON _address_health BEGIN
  UPDATE address SET bounced_at = NEW.bounced_at WHERE id = NEW.address_id AND bounced_at IS NOT NEW.bounced_at;
  INSERT INTO change (entity, entity_id, op, lead_id)
  SELECT 'lead_address', la.id, 'update', la.lead_id
    FROM _address_form f JOIN lead_address la ON la.address_key = f.form
   WHERE f.address_id = NEW.address_id AND f.rank = 0;
END;

CREATE TRIGGER _address_health_changes AFTER UPDATE ON _address_health BEGIN
  UPDATE address SET bounced_at = NEW.bounced_at WHERE id = NEW.address_id AND bounced_at IS NOT NEW.bounced_at;
  INSERT INTO change (entity, entity_id, op, lead_id)
  SELECT 'lead_address', la.id, 'update', la.lead_id
    FROM _address_form f JOIN lead_address la ON la.address_key = f.form
   WHERE f.address_id = NEW.address_id AND f.rank = 0;
END;

CREATE TRIGGER _address_health_goes AFTER DELETE ON _address_health BEGIN
  UPDATE address SET bounced_at = NULL WHERE id = OLD.address_id AND bounced_at IS NOT NULL;
  INSERT INTO change (entity, entity_id, op, lead_id)
  SELECT 'lead_address', la.id, 'update', la.lead_id
    FROM _address_form f JOIN lead_address la ON la.address_key = f.form
   WHERE f.address_id = OLD.address_id AND f.rank = 0;
END;

-- ---------------------------------------------------------------- for CRMs

CREATE VIEW lead_address_health ( -- Addresses of leads of which automatic mail says something. Ask by lead_id or for all.
  lead_id,         -- lead.id
  lead_address_id, -- lead_address.id
  address,         -- as the CRM wrote it
  bounced_at,      -- when mail of ours to it last failed for good, NULL: it did not, since a person last wrote from it
  bounce_reason,   -- what the mail system said: plain text of a stranger, one line
  absent_until,    -- the day that an automatic answer names (midnight UTC), NULL: none; it may have passed
  left_at          -- when an automatic answer said that the person left, NULL: none did
) AS
SELECT la.lead_id, la.id, la.address, h.bounced_at, h.bounce_reason, h.absent_until, h.left_at
  FROM lead_address la
 CROSS JOIN _address_form f ON f.form = la.address_key AND f.rank = 0 -- CROSS JOIN: begin with the lead
 CROSS JOIN _address_health h ON h.address_id = f.address_id
 WHERE +la.lead_id IN (SELECT id FROM lead)
   AND EXISTS (SELECT 1 FROM _match x WHERE x.address_id = f.address_id AND x.lead_id = la.lead_id);

CREATE VIEW lead_contact ( -- When we last heard from a lead, and it from us: mail that people wrote. Automatic, internal and withdrawn mail is left out. Ask by lead_id for a few columns; counts read all mail of the lead.
  lead_id,           -- lead.id
  last_incoming_at,  -- the lead last wrote, NULL: never
  last_outgoing_at,  -- we last wrote to it, NULL: never
  last_contact_at,   -- the later of both
  first_incoming_at, -- the lead first wrote
  first_outgoing_at, -- we first wrote to it
  incoming_count,    -- messages from it
  outgoing_count     -- messages to it
) AS
SELECT l.id,
       (SELECT lm.originated_at FROM lead_message lm CROSS JOIN message m ON m.id = lm.message_id
         WHERE lm.lead_id = l.id
           AND CASE WHEN lm.role IN ('to', 'cc', 'bcc') OR m.automatic IS NOT NULL OR m.visibility = 'withdrawn' THEN 0
                    ELSE m.direction = 'incoming' END
         ORDER BY lm.originated_at DESC, lm.message_id DESC LIMIT 1),
       (SELECT lm.originated_at FROM lead_message lm CROSS JOIN message m ON m.id = lm.message_id
         WHERE lm.lead_id = l.id
           AND CASE WHEN lm.message_id < 0 OR m.automatic IS NOT NULL OR m.visibility = 'withdrawn' THEN 0
                    ELSE m.direction = 'outgoing' END
         ORDER BY lm.originated_at DESC, lm.message_id DESC LIMIT 1),
       (SELECT lm.originated_at FROM lead_message lm CROSS JOIN message m ON m.id = lm.message_id
         WHERE lm.lead_id = l.id
           AND CASE WHEN m.automatic IS NOT NULL OR m.visibility = 'withdrawn' THEN 0
                    WHEN lm.role IN ('to', 'cc', 'bcc') THEN m.direction = 'outgoing'
                    ELSE m.direction IN ('incoming', 'outgoing') END
         ORDER BY lm.originated_at DESC, lm.message_id DESC LIMIT 1),
       (SELECT lm.originated_at FROM lead_message lm CROSS JOIN message m ON m.id = lm.message_id
         WHERE lm.lead_id = l.id
           AND CASE WHEN lm.role IN ('to', 'cc', 'bcc') OR m.automatic IS NOT NULL OR m.visibility = 'withdrawn' THEN 0
                    ELSE m.direction = 'incoming' END
         ORDER BY lm.originated_at, lm.message_id LIMIT 1),
       (SELECT lm.originated_at FROM lead_message lm CROSS JOIN message m ON m.id = lm.message_id
         WHERE lm.lead_id = l.id
           AND CASE WHEN lm.message_id < 0 OR m.automatic IS NOT NULL OR m.visibility = 'withdrawn' THEN 0
                    ELSE m.direction = 'outgoing' END
         ORDER BY lm.originated_at, lm.message_id LIMIT 1),
       (SELECT count(*) FROM lead_message lm CROSS JOIN message m ON m.id = lm.message_id
         WHERE lm.lead_id = l.id
           AND CASE WHEN lm.role IN ('to', 'cc', 'bcc') OR m.automatic IS NOT NULL OR m.visibility = 'withdrawn' THEN 0
                    ELSE m.direction = 'incoming' END),
       (SELECT count(*) FROM lead_message lm CROSS JOIN message m ON m.id = lm.message_id
         WHERE lm.lead_id = l.id
           AND CASE WHEN lm.message_id < 0 OR m.automatic IS NOT NULL OR m.visibility = 'withdrawn' THEN 0
                    ELSE m.direction = 'outgoing' END)
  FROM lead l;
