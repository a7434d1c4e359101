-- What a forward says about its original, word for word: a program may read what we could not.

-- ---------------------------------------------------------------- written by the relay

CREATE TABLE envelope_original ( -- What the copy of a forwarded message says about its original, word for word. None for other copies.
  envelope_id  INTEGER PRIMARY KEY,     -- envelope.id
  written_date TEXT NOT NULL DEFAULT '' -- the original's date as the forward writes it, in any language
);

CREATE TRIGGER envelope_original_goes AFTER DELETE ON envelope BEGIN
  DELETE FROM envelope_original WHERE envelope_id = OLD.id;
END;
