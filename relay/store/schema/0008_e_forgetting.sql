-- Taking back: what is to be removed from other files too, and by what a mail that was taken back is known when it comes again.

CREATE TABLE _tombstone ( -- Mail that was taken back: keyed hashes by which a copy of it is known, and nothing else.
  mark TEXT PRIMARY KEY, -- HMAC-SHA256 over one of its traits (relay/attribution/tombstone.py), hexadecimal
  at   TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')) -- when it was taken back
) WITHOUT ROWID;

CREATE TABLE _erasure ( -- What was removed here and is still to be overwritten elsewhere; a row goes when that is done.
  kind     TEXT NOT NULL CHECK (kind IN ('mail', 'content', 'log', 'search')), -- mail: in the vault; content: blob, once more; log: the write-ahead log; search: search.db
  subject  TEXT NOT NULL, -- the vault id, the digest, or ''
  asked_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')), -- when
  PRIMARY KEY (kind, subject)
) WITHOUT ROWID;

CREATE TABLE _forgotten_original ( -- Mail that carried several originals, some of which were taken back: read again, it brings no new message.
  vault_id TEXT PRIMARY KEY -- 'EPOCH-N'
) WITHOUT ROWID;

CREATE TABLE _cut_thread ( -- Conversations out of which a message was taken: what it alone had joined stays together, and no mail tells why.
  thread_id INTEGER PRIMARY KEY -- thread.id
);

CREATE TRIGGER _cut_thread_goes AFTER DELETE ON thread BEGIN
  DELETE FROM _cut_thread WHERE thread_id = OLD.id;
END;

CREATE INDEX _vault_outcome_forgotten ON _vault_outcome (at) WHERE outcome = 'forgotten';
