-- search.db: words to messages. Derived from relay.db, rebuilt at will, so it stands in a file of its own.
-- FTS5 as SQLite 3.40 reads it: no contentless_delete, no secure-delete. The text is stored with the index: measured
-- against a contentless one it costs a tenth of the time, and gives deletion of a single message (which a contentless
-- index of 3.40 cannot do without the old text), snippet() and highlight().

CREATE VIRTUAL TABLE message_search USING fts5 (
  subject,    -- decoded
  text,       -- the author's words, the forwarder's comment, what was quoted
  names,      -- display names, the author's first
  addresses,  -- the author's first
  file_names, -- of all parts
  tokenize = 'unicode61 remove_diacritics 2'
);

CREATE TABLE _search ( -- How far the index has come. Written in the same transaction as what it tells.
  name  TEXT PRIMARY KEY, -- 'feed_id', 'seq' (last change seen), 'walked' (last message.id of a rebuild), 'walk_to' (its end)
  value TEXT NOT NULL     -- its value
) WITHOUT ROWID;
