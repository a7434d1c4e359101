"""bcc-relay: takes BCC copies and forwarded mail, and files each message on the right leads.

Four stages, each with one owner and one durable hand-over: *accept* (`capture`, `vault`), *file*
(`mail`, `attribution`, `work`), *relate* (the database itself, `store/schema`), *react* (the change
feed). ARCHITECTURE.md tells it on one page.
"""

__version__ = "0.1.0"
