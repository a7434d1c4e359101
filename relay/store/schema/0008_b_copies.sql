-- One message, however it came: a forward that a client copied into a text has lost its Message-ID, and is found again by
-- author and subject. And what each colleague said who handed a message in.

-- ---------------------------------------------------------------- written by the relay

CREATE TABLE envelope_note ( -- What a colleague wrote above the copy that they handed in; who that was is envelope.staff_id. None for most copies.
  envelope_id INTEGER PRIMARY KEY, -- envelope.id
  note        TEXT NOT NULL        -- plain text; message_text.note has the notes of all copies, in the order in which these came
);

CREATE TRIGGER envelope_note_goes AFTER DELETE ON envelope BEGIN
  DELETE FROM envelope_note WHERE envelope_id = OLD.id;
END;

-- ---------------------------------------------------------------- the relay's own

-- Of forwards only: an index over every message would cost filing a tenth.
CREATE TABLE _forwarded ( -- Messages that are known from a forward's text only, until their original comes.
  message_id   INTEGER PRIMARY KEY, -- message.id
  author       TEXT NOT NULL,       -- message.author_address
  base_subject TEXT NOT NULL        -- thread.base_subject
);
CREATE INDEX _forwarded_by_author ON _forwarded (author, base_subject, message_id);

CREATE TRIGGER _forwarded_goes AFTER DELETE ON message BEGIN
  DELETE FROM _forwarded WHERE message_id = OLD.id;
END;

-- Mail that was filed before: its notes stand at the first copy that can have brought one, the rest is read again.
INSERT INTO _forwarded (message_id, author, base_subject)
SELECT m.id, m.author_address, coalesce(t.base_subject, '')
  FROM message m LEFT JOIN thread t ON t.id = m.thread_id
 WHERE m.internet_message_id IS NULL
   AND m.author_address IS NOT NULL
   AND m.id IN (SELECT message_id FROM envelope
                 WHERE route = 'forward' OR evidence GLOB 'text-*' OR evidence GLOB 'html-*');

INSERT INTO envelope_note (envelope_id, note)
SELECT min(e.id), x.note
  FROM envelope e JOIN message_text x ON x.message_id = e.message_id
 WHERE e.route IN ('forward', 'attached') AND x.note <> ''
 GROUP BY e.message_id;

INSERT INTO _read_again (message_id)
SELECT e.message_id
  FROM envelope_note n JOIN envelope e ON e.id = n.envelope_id
 WHERE (SELECT count(*) FROM envelope o WHERE o.message_id = e.message_id AND o.route IN ('forward', 'attached')) > 1
   AND e.message_id NOT IN (SELECT message_id FROM _read_again);
