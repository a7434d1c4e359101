"""The doctor: what of this machine, its names and its certificate keeps mail from coming, or lets in the wrong mail.

Each check is a pure judgement over facts that a thin edge gathers: `zone` and `names` (DNS), `certificate`, `door` and
`dialogue` (SMTP), `machine`, `neighbour` (a Postfix), `people`. `examination` has them all in order.
"""
