"""Health: what is seen of the relay (`sight`), what it means (`judgement`), and how monitoring hears of it.

`status`, the metrics and the loopback listener all tell the same observation. It is quick whatever the size of
the store, never writes, and says what this user may not see instead of failing. What only the running daemon
knows (`figures`) it leaves in a small file beside relay.db every few seconds.
"""
