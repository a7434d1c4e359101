"""Old mail: reading the mailboxes that other programs keep (mbox, Maildir, single files, exports in archives).

Streams: one message in memory at a time, the octets as they were received. Knows nothing of the vault or of leads.
"""
