-- Tables of the contract database. Names without a leading underscore are the public contract (docs/schema.md is made
-- from the comments here); those with one are the relay's own. Any SQLite from 3.31 on must be able to open this:
-- no STRICT, no REFERENCES, no functions of ours, no virtual tables.
--
-- Times are UTC text 'YYYY-MM-DDTHH:MM:SS.mmmZ'. In tables that the relay alone writes they are checked.

-- ---------------------------------------------------------------- written by the CRM

CREATE TABLE lead ( -- A person or an organization that we talk to. The CRM writes it.
  id             INTEGER PRIMARY KEY AUTOINCREMENT, -- never given out twice
  external_id    TEXT UNIQUE,                       -- the CRM's own key; INSERT OR REPLACE by it keeps addresses, deals and decisions
  name           TEXT,                              -- as people call it
  organization   TEXT,                              -- leads of one organization may stand for each other when a tag is checked
  status         TEXT NOT NULL DEFAULT 'open',      -- 'open', else the CRM's own word
  owner_staff_id INTEGER,                           -- staff.id of who looks after it
  merged_into    INTEGER,                           -- lead.id; setting it moves addresses, deals and decisions there
  extra          TEXT,                              -- JSON, the CRM's own
  created_at     TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')), -- when the row was made
  updated_at     TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))  -- set by a trigger unless the writer sets it
);

CREATE TABLE lead_address ( -- An address of a lead. Adding one puts all old mail of that address on the lead, at once.
  id          INTEGER PRIMARY KEY AUTOINCREMENT, -- never given out twice
  lead_id     INTEGER NOT NULL,                  -- lead.id
  address     TEXT NOT NULL,                     -- as it was typed
  address_key TEXT GENERATED ALWAYS AS (lower(trim(address, char(9, 10, 13, 32, 160)))) STORED, -- what is compared: no blanks around it, lower case
  added_at    TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')), -- when the row was made
  UNIQUE (lead_id, address_key)
);
CREATE INDEX lead_address_by_key ON lead_address (address_key, lead_id);

CREATE TABLE staff ( -- Our people.
  id         INTEGER PRIMARY KEY AUTOINCREMENT, -- never given out twice
  name       TEXT,                              -- as colleagues know it
  role       TEXT NOT NULL DEFAULT 'rep',       -- 'rep', 'manager', 'shared' (a common mailbox), or the CRM's word
  manager_id INTEGER,                           -- staff.id
  left_at    TEXT                               -- when the person left; the addresses stay ours
);

CREATE TABLE staff_address ( -- An address of our people, inside or outside our domains. It never matches a lead.
  id          INTEGER PRIMARY KEY AUTOINCREMENT, -- never given out twice
  staff_id    INTEGER NOT NULL,                  -- staff.id
  address     TEXT NOT NULL,                     -- as it was typed
  address_key TEXT GENERATED ALWAYS AS (lower(trim(address, char(9, 10, 13, 32, 160)))) STORED, -- what is compared: no blanks around it, lower case
  UNIQUE (address_key)
);
CREATE INDEX staff_address_by_staff ON staff_address (staff_id);

CREATE TABLE deal ( -- Something we do with a lead: a deal, a ticket, a project.
  id          INTEGER PRIMARY KEY AUTOINCREMENT, -- never given out twice
  external_id TEXT UNIQUE,                       -- the CRM's own key
  lead_id     INTEGER,                           -- lead.id
  title       TEXT,                              -- as people call it
  kind        TEXT NOT NULL DEFAULT 'deal',      -- 'deal', 'ticket', 'project', or the CRM's word
  stage       TEXT,                              -- the CRM's word
  outcome     TEXT,                              -- 'won', 'lost', NULL while it is open
  opened_at   TEXT,                              -- mail before it does not belong to the deal
  closed_at   TEXT,                              -- mail after it does not belong to the deal
  created_at  TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')), -- when the row was made
  updated_at  TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')), -- set by a trigger unless the writer sets it
  opened_key  TEXT GENERATED ALWAYS AS (strftime('%Y-%m-%dT%H:%M:%fZ', opened_at)) VIRTUAL, -- opened_at in our form, whatever an ORM wrote; NULL: not a time
  closed_key  TEXT GENERATED ALWAYS AS (strftime('%Y-%m-%dT%H:%M:%fZ', closed_at)) VIRTUAL  -- closed_at in our form, whatever an ORM wrote; NULL: not a time
);
CREATE INDEX deal_by_lead ON deal (lead_id);

-- ---------------------------------------------------------------- written by both

CREATE TABLE explicit_attribution ( -- A decision that beats every rule: this message is, or is not, on this lead.
  id         INTEGER PRIMARY KEY AUTOINCREMENT, -- never given out twice
  message_id INTEGER NOT NULL,                  -- message.id
  lead_id    INTEGER NOT NULL,                  -- lead.id
  deal_id    INTEGER,                           -- deal.id it belongs to
  verdict    TEXT NOT NULL DEFAULT 'attach' CHECK (verdict IN ('attach', 'detach')), -- on the lead, or off it whatever else says so
  reason     TEXT NOT NULL DEFAULT 'person' CHECK (reason IN ('person', 'address-tag', 'subject-tag', 'import')), -- where the decision came from
  decided_by INTEGER,                           -- staff.id, NULL: a program
  decided_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')), -- when it was decided
  UNIQUE (message_id, lead_id)
);
CREATE INDEX explicit_attribution_by_lead ON explicit_attribution (lead_id);

CREATE TABLE dismissal ( -- A message that a person took from the unresolved list: it belongs to no lead.
  message_id   INTEGER NOT NULL UNIQUE, -- message.id
  dismissed_by INTEGER,                 -- staff.id, NULL: a program
  dismissed_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')) -- when
);

CREATE TABLE never_log ( -- Mail that must not be kept.
  id       INTEGER PRIMARY KEY AUTOINCREMENT,    -- never given out twice
  pattern  TEXT NOT NULL,                        -- an address, '*.domain' or '@domain'
  mode     TEXT NOT NULL DEFAULT 'drop-message' CHECK (mode IN ('drop-message', 'drop-party')), -- drop the message, or only that party
  staff_id INTEGER,                              -- staff.id it holds for, NULL: everybody
  added_by INTEGER,                              -- staff.id, NULL: a program
  added_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')) -- when
);

-- ---------------------------------------------------------------- kept by the relay: the relation

CREATE TABLE lead_message ( -- Which message is on which lead. Kept by triggers and by the relay; read it, join it, never write it.
  lead_id       INTEGER NOT NULL, -- lead.id (a deleted lead's rows are swept later: join lead, or use lead_timeline)
  message_id    INTEGER NOT NULL, -- message.id
  originated_at TEXT NOT NULL,    -- message.originated_at, so that a timeline is one index range
  role          TEXT CHECK (role IN ('from', 'sender', 'reply-to', 'to', 'cc', 'bcc')), -- the strongest role of the lead's addresses, NULL when none is a party
  deal_id       INTEGER,          -- deal.id it belongs to, NULL: none
  reason        TEXT NOT NULL CHECK (reason IN ('address', 'thread', 'person', 'address-tag', 'subject-tag', 'import')), -- why it is on the lead
  PRIMARY KEY (lead_id, originated_at, message_id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX lead_message_by_message ON lead_message (message_id, lead_id);
CREATE INDEX lead_message_by_date ON lead_message (originated_at, message_id);

-- ---------------------------------------------------------------- written by the relay

CREATE TABLE message ( -- One mail, however often it was handed in.
  id                  INTEGER PRIMARY KEY AUTOINCREMENT, -- never given out twice; message_id everywhere else
  internet_message_id TEXT,             -- the Message-ID field of RFC 5322 without angle brackets, NULL when it has none
  thread_id           INTEGER,          -- thread.id
  direction           TEXT NOT NULL CHECK (direction IN ('incoming', 'outgoing', 'internal', 'unknown')), -- seen from us
  direction_reason    TEXT NOT NULL DEFAULT '', -- short name of the rule that decided the direction
  automatic           TEXT CHECK (automatic IN ('auto-reply', 'bounce', 'list', 'bulk', 'calendar')), -- NULL: a person wrote it
  subject             TEXT NOT NULL DEFAULT '', -- decoded, one line
  author_address      TEXT,             -- address.address of the From field, NULL when none could be read
  author_name         TEXT NOT NULL DEFAULT '', -- display name of the author
  staff_id            INTEGER,          -- staff.id of our person on it
  originated_at       TEXT NOT NULL CHECK (originated_at GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9]Z'), -- when it was written; timelines are in this order
  date_source         TEXT NOT NULL DEFAULT 'header' CHECK (date_source IN ('header', 'forwarded', 'received')), -- where originated_at comes from
  received_at         TEXT NOT NULL CHECK (received_at GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9]Z'), -- when the relay first took it
  size                INTEGER NOT NULL DEFAULT 0, -- octets as received
  snippet             TEXT NOT NULL DEFAULT '', -- first words of the author's own text, plain
  attachment_count    INTEGER NOT NULL DEFAULT 0, -- real attachments, not images in the text
  visibility          TEXT NOT NULL DEFAULT 'all' CHECK (visibility IN ('all', 'responsible', 'withdrawn')), -- who may see it
  status              TEXT NOT NULL DEFAULT 'filed' CHECK (status IN ('filed', 'unparsed')), -- unparsed: kept, but could not be read
  defects             TEXT NOT NULL DEFAULT '[]', -- JSON list of short names: what was wrong with it
  parser              TEXT NOT NULL DEFAULT ''  -- version of the reading that made this row
);
CREATE INDEX message_by_date ON message (originated_at, id);
CREATE INDEX message_by_thread ON message (thread_id);
CREATE INDEX message_by_internet_message_id ON message (internet_message_id);

CREATE TABLE message_text ( -- What a message says. Everything but html is plain text and must be escaped when shown.
  message_id INTEGER PRIMARY KEY,      -- message.id
  subject    TEXT NOT NULL DEFAULT '', -- decoded, one line
  text       TEXT NOT NULL DEFAULT '', -- the author's own words
  quoted     TEXT NOT NULL DEFAULT '', -- what the author quoted
  html       TEXT NOT NULL DEFAULT '', -- sanitised, remote images removed; '' when the mail had none
  note       TEXT NOT NULL DEFAULT ''  -- the comment of the colleague who forwarded it
);

CREATE TABLE address ( -- Every address seen on a message, once.
  id      INTEGER PRIMARY KEY AUTOINCREMENT, -- never given out twice
  address TEXT NOT NULL UNIQUE,              -- canonical: lower case, domain as A-labels
  domain  TEXT NOT NULL                      -- what stands right of the @
);

CREATE TABLE message_address ( -- Who is on a message: one row per address, with its strongest role. Capture addresses are left out.
  message_id    INTEGER NOT NULL, -- message.id
  address_id    INTEGER NOT NULL, -- address.id
  originated_at TEXT NOT NULL,    -- message.originated_at, so that an address's mail is one index range
  role          TEXT NOT NULL CHECK (role IN ('from', 'sender', 'reply-to', 'to', 'cc', 'bcc')), -- strongest first
  display_name  TEXT NOT NULL DEFAULT '', -- as this message gives it
  position      INTEGER NOT NULL DEFAULT 0, -- order in the message, strongest roles first
  PRIMARY KEY (address_id, originated_at, message_id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX message_address_by_message ON message_address (message_id, address_id);

CREATE TABLE part ( -- Everything in a message that is not its body text.
  id         INTEGER PRIMARY KEY AUTOINCREMENT, -- never given out twice
  message_id INTEGER NOT NULL,         -- message.id
  position   INTEGER NOT NULL,         -- order in the message
  media_type TEXT NOT NULL,            -- lower case, as in 'application/pdf'
  filename   TEXT NOT NULL DEFAULT '', -- decoded, without any path; '' when none
  content_id TEXT NOT NULL DEFAULT '', -- without angle brackets; '' when none
  size       INTEGER NOT NULL DEFAULT 0, -- decoded octets
  digest     TEXT NOT NULL,            -- blob.digest
  kind       TEXT NOT NULL CHECK (kind IN ('attachment', 'inline', 'signature')) -- attachment: what a person attached
);
CREATE INDEX part_by_message ON part (message_id, position);
CREATE INDEX part_by_digest ON part (digest);

CREATE TABLE blob ( -- Decoded content of parts, each stored once.
  digest  TEXT NOT NULL UNIQUE, -- sha256 of the content, hexadecimal
  content BLOB NOT NULL         -- decoded octets
);

CREATE TABLE envelope ( -- One accepted copy of a message: who handed it in, when and how.
  id           INTEGER PRIMARY KEY AUTOINCREMENT, -- never given out twice
  vault_id     TEXT NOT NULL,              -- the id in the 250 reply, 'EPOCH-N'
  position     INTEGER NOT NULL DEFAULT 0, -- 0; 0..n-1 when one mail carried several originals
  message_id   INTEGER NOT NULL,           -- message.id
  route        TEXT NOT NULL CHECK (route IN ('bcc', 'forward', 'attached', 'redirect', 'journal', 'direct', 'import')), -- how it came
  reverse_path TEXT NOT NULL DEFAULT '',   -- envelope sender (RFC 5321), '' is the null one
  client       TEXT NOT NULL DEFAULT '',   -- IP address and name of the connecting host
  tls          TEXT NOT NULL DEFAULT '',   -- protocol and cipher, '' without TLS
  admitted_by  TEXT NOT NULL DEFAULT '',   -- the rule that let it in
  staff_id     INTEGER,                    -- staff.id of who handed it in, NULL: unknown
  received_at  TEXT NOT NULL CHECK (received_at GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9]Z'), -- when it was accepted
  evidence     TEXT NOT NULL DEFAULT '',   -- by what the forwarded original was found: 'attached', 'html-title', 'text-block' ...; '' for a copy
  UNIQUE (vault_id, position)
);
CREATE INDEX envelope_by_message ON envelope (message_id);
CREATE INDEX envelope_by_date ON envelope (received_at, id);
CREATE INDEX envelope_by_staff ON envelope (staff_id, received_at);

CREATE TABLE envelope_recipient ( -- The capture addresses that a copy was sent to.
  envelope_id  INTEGER NOT NULL, -- envelope.id
  forward_path TEXT NOT NULL,    -- as the client said it in RCPT TO; secret tokens are shown as 'me-...'
  PRIMARY KEY (envelope_id, forward_path) ON CONFLICT IGNORE
) WITHOUT ROWID;

CREATE TABLE thread ( -- Messages that belong together by Message-ID, In-Reply-To and References.
  id           INTEGER PRIMARY KEY AUTOINCREMENT, -- never given out twice
  base_subject TEXT NOT NULL DEFAULT ''           -- the subject without reply and forward prefixes
);

CREATE TABLE message_alias ( -- Two messages that turned out to be one: the old id, and the one that stayed.
  old_id     INTEGER PRIMARY KEY, -- a message.id that is no more
  message_id INTEGER NOT NULL     -- message.id
);
CREATE INDEX message_alias_by_message ON message_alias (message_id);

CREATE TABLE change ( -- The change feed: read WHERE seq > ?, keep your own cursor. No personal data in it.
  seq       INTEGER PRIMARY KEY AUTOINCREMENT, -- grows with every commit, never given out twice
  at        TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')) CHECK (at GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9]Z'), -- when
  entity    TEXT NOT NULL,                     -- name of the table
  entity_id INTEGER NOT NULL,                  -- its id (message_id for a dismissal)
  op        TEXT NOT NULL CHECK (op IN ('insert', 'update', 'delete', 'merge')), -- merge: entity_id was merged into another, see lead_id or message_alias
  lead_id   INTEGER                            -- lead to read again; NULL for a message: ask lead_message
);

CREATE TABLE audit ( -- What was done to the data and by whom. Append-only: triggers refuse anything else.
  id           INTEGER PRIMARY KEY AUTOINCREMENT, -- never given out twice
  at           TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')) CHECK (at GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9]Z'), -- when
  actor        TEXT NOT NULL,              -- 'staff:ID', 'command', 'relay', or the CRM's word
  action       TEXT NOT NULL,              -- a verb, as in 'attach', 'erase'
  subject_kind TEXT NOT NULL DEFAULT '',   -- name of the table it was done to
  subject_id   INTEGER,                    -- its id
  detail       TEXT NOT NULL DEFAULT '{}'  -- JSON
);

-- ---------------------------------------------------------------- the relay's own

CREATE TABLE _relay ( -- Facts about this database: feed id, cursors, marks.
  name  TEXT PRIMARY KEY, -- what
  value TEXT              -- its value
) WITHOUT ROWID;

CREATE TABLE _company_domain ( -- Our own domains, as configured; the filer writes them at start.
  domain TEXT PRIMARY KEY -- lower case, A-labels
) WITHOUT ROWID;

CREATE TABLE _address_form ( -- Every spelling under which a CRM may have typed an address. Written by the filer with the address.
  form       TEXT NOT NULL,    -- compared with lead_address.address_key and staff_address.address_key
  address_id INTEGER NOT NULL, -- address.id
  rank       INTEGER NOT NULL CHECK (rank IN (0, 1)), -- 0: the address itself (A-labels, U-labels); 1: without its plus tag
  PRIMARY KEY (form, address_id)
) WITHOUT ROWID;
CREATE INDEX _address_form_by_address ON _address_form (address_id, rank);

CREATE TABLE _match ( -- Which address stands for which lead, after ranks and staff addresses: the middle step of lead_message.
  address_id INTEGER NOT NULL, -- address.id
  lead_id    INTEGER NOT NULL, -- lead.id
  PRIMARY KEY (address_id, lead_id)
) WITHOUT ROWID;
CREATE INDEX _match_by_lead ON _match (lead_id, address_id);

CREATE TABLE _unrelated ( -- Messages that had no lead when last looked at: a superset of the unresolved ones, so that these are found at once.
  originated_at TEXT NOT NULL,    -- message.originated_at
  message_id    INTEGER NOT NULL, -- message.id
  PRIMARY KEY (originated_at, message_id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX _unrelated_by_message ON _unrelated (message_id);

CREATE TABLE _unsettled ( -- What a trigger could not finish and the relay will: which threads to look at again, which leads to sweep.
  kind       TEXT NOT NULL CHECK (kind IN ('address', 'message', 'thread', 'lead')), -- what changed
  subject_id INTEGER NOT NULL, -- its id
  at         TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')), -- when
  reached_at TEXT NOT NULL DEFAULT '',   -- of an address: originated_at of the last of its messages looked at
  reached_id INTEGER NOT NULL DEFAULT 0, -- of an address: message.id of it
  PRIMARY KEY (kind, subject_id)
) WITHOUT ROWID;

CREATE TABLE _replaced ( -- Rows that INSERT OR REPLACE is about to delete in silence; read and emptied by the next trigger.
  entity  TEXT NOT NULL,    -- name of the table
  old_id  INTEGER NOT NULL, -- id of the row
  lead_id INTEGER,          -- its lead
  key     TEXT,             -- its address_key or message_id
  PRIMARY KEY (entity, old_id)
) WITHOUT ROWID;

CREATE TABLE _reference ( -- Every Message-ID seen or referred to, and its thread. Rows without a message are ghosts.
  internet_message_id TEXT NOT NULL,    -- without angle brackets
  base_subject        TEXT NOT NULL,    -- an id joins a thread only under the same base subject
  thread_id           INTEGER NOT NULL, -- thread.id
  message_id          INTEGER,          -- message.id, NULL: not seen yet
  PRIMARY KEY (internet_message_id, base_subject)
) WITHOUT ROWID;
CREATE INDEX _reference_by_thread ON _reference (thread_id);

CREATE TABLE _answer ( -- What an incoming message answers (In-Reply-To), to find mail of ours that never reached us.
  message_id          INTEGER PRIMARY KEY, -- message.id
  internet_message_id TEXT NOT NULL        -- without angle brackets
);

-- One row at the end per message: an index over every fingerprint would cost filing into a large store a tenth.
CREATE TABLE _identity ( -- By what two copies of one message are recognised, besides the Message-ID, which is not unique.
  message_id  INTEGER PRIMARY KEY, -- message.id
  fingerprint TEXT NOT NULL,       -- sha256 over author, subject and words
  nameless    INTEGER NOT NULL     -- 1: the message has no Message-ID and is looked up by its fingerprint
);
CREATE INDEX _identity_nameless ON _identity (fingerprint) WHERE nameless;

CREATE TABLE _vault_outcome ( -- What became of every accepted mail: filing twice is filing once.
  epoch   TEXT NOT NULL,    -- first half of the vault id
  number  INTEGER NOT NULL, -- second half
  outcome TEXT NOT NULL CHECK (outcome IN ('filed', 'dropped', 'unparsed', 'forgotten')), -- what became of it
  at      TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')), -- when
  PRIMARY KEY (epoch, number)
) WITHOUT ROWID;

CREATE TABLE _disputed_tag ( -- Tags that named a lead which is not among the parties. Empty until tags are read.
  message_id INTEGER NOT NULL, -- message.id
  tag        TEXT NOT NULL,    -- as it was written
  lead_id    INTEGER,          -- lead.id it named, NULL: none
  PRIMARY KEY (message_id, tag)
) WITHOUT ROWID;

CREATE TABLE _address_health ( -- What bounces and auto-replies said about an address. Empty until they are read.
  address_id    INTEGER PRIMARY KEY, -- address.id
  bounced_at    TEXT,                -- last permanent bounce
  bounce_reason TEXT,                -- its words
  absent_until  TEXT,                -- end of an absence
  left_at       TEXT                 -- when an auto-reply said that the person left
);

INSERT INTO _relay (name, value) VALUES ('feed_id', lower(hex(randomblob(8))));
