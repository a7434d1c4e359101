-- Old mail that was imported: what is here need not be brought again.

-- ---------------------------------------------------------------- written by the relay

CREATE TABLE _imported ( -- Every imported mail that was filed, by its octets, so that the same mailbox again brings only what is new.
  digest BLOB PRIMARY KEY -- sha256 of the mail without the fields that mailboxes change (labels, flags)
) WITHOUT ROWID;
