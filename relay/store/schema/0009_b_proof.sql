-- Where mail came from: what was proved of each copy that was handed in by somebody without full trust.

-- ---------------------------------------------------------------- written by the relay

CREATE TABLE envelope_proof ( -- What was found out about where a copy came from, when it came. None for copies of those with full trust (admitted_by 'network', 'lmtp', 'deliver', 'import').
  envelope_id   INTEGER PRIMARY KEY,   -- envelope.id
  trust         TEXT NOT NULL CHECK (trust IN ('proved', 'vouched', 'address only')), -- what that is worth: the author's domain or password stands for it, a server that is trusted does, or whoever knew a secret address
  also          TEXT NOT NULL DEFAULT '[]', -- further rules that held beside admitted_by, a JSON list
  host          TEXT NOT NULL DEFAULT '',   -- name of the client by DNS that leads back to its address, '' for none
  account       TEXT NOT NULL DEFAULT '',   -- who logged in (SMTP AUTH), '' for nobody
  spf           TEXT NOT NULL,              -- result of SPF (RFC 7208): 'pass', 'fail', 'softfail', 'neutral', 'none', 'temperror', 'permerror'
  spf_domain    TEXT NOT NULL DEFAULT '',   -- the domain that was asked: of the reverse-path, or what the client called itself
  spf_aligned   INTEGER NOT NULL DEFAULT 0, -- 1: it is the author's
  dmarc         TEXT NOT NULL,              -- result of DMARC (RFC 7489) for the author's domain: 'pass', 'fail', 'none', 'temperror', 'permerror'
  dmarc_domain  TEXT NOT NULL DEFAULT '',   -- where its record was found, '' for none
  dmarc_policy  TEXT NOT NULL DEFAULT '',   -- what it asks for: 'none', 'quarantine', 'reject'; '' without a record
  arc           TEXT NOT NULL,              -- result of the ARC chain (RFC 8617): 'pass', 'fail', 'none', 'temperror'
  arc_sealer    TEXT NOT NULL DEFAULT '',   -- domain of the newest seal, '' for none
  arc_said      TEXT NOT NULL DEFAULT '[]', -- what that sealer says had passed: a JSON list of [method, domain]
  upstream      TEXT NOT NULL DEFAULT '',   -- the server of ours whose own results are believed (authserv-id), '' for none
  upstream_said TEXT NOT NULL DEFAULT '[]', -- what it says had passed: a JSON list of [method, domain]
  dns_faults    TEXT NOT NULL DEFAULT '[]'  -- what DNS did not answer, a JSON list ('dkim example.org')
);

CREATE TABLE envelope_signature ( -- The DKIM signatures (RFC 6376) of a copy whose origin was looked at, as they were when it came.
  envelope_id INTEGER NOT NULL,      -- envelope.id
  position    INTEGER NOT NULL,      -- from 0; those of the author's organisation first
  domain      TEXT NOT NULL,         -- who signed, d=
  selector    TEXT NOT NULL,         -- the name of its key, s=
  algorithm   TEXT NOT NULL,         -- how it was signed, a=
  bits        INTEGER NOT NULL,      -- size of an RSA key, 0: unknown or none
  result      TEXT NOT NULL,         -- 'pass', 'fail', 'policy' (it verifies, and something that is asked for is missing), 'temperror', 'permerror', 'neutral', 'none'
  aligned     INTEGER NOT NULL,      -- 1: its domain is the author's, or of the same organisation
  why         TEXT NOT NULL,         -- a short name when it is not 'pass'
  signed_at   TEXT,                  -- when, by its own word or the Date that it signs; NULL: it does not tell
  PRIMARY KEY (envelope_id, position)
) WITHOUT ROWID;

CREATE TABLE envelope_owner ( -- Whose personal capture addresses a copy was sent to; the addresses themselves are shown nowhere.
  envelope_id INTEGER NOT NULL, -- envelope.id
  staff_id    INTEGER NOT NULL, -- staff.id
  seen        INTEGER NOT NULL DEFAULT 0, -- 1: a personal address stood in the mail where outsiders read it
  PRIMARY KEY (envelope_id, staff_id)
) WITHOUT ROWID;
CREATE INDEX envelope_owner_seen ON envelope_owner (staff_id) WHERE seen = 1;

CREATE TRIGGER envelope_proof_goes AFTER DELETE ON envelope BEGIN
  DELETE FROM envelope_proof WHERE envelope_id = OLD.id;
  DELETE FROM envelope_signature WHERE envelope_id = OLD.id;
  DELETE FROM envelope_owner WHERE envelope_id = OLD.id;
END;
