"""What agents use of the outputs of their tools, and which fields can therefore be left out.

```
conversation ─► outputs, and what was said after them          conversation.py
output       ─► fields and their values                        fields.py
value        ─► was it said again?                             values.py
             ─► observations: flags per tool, structure, field signals.py
             ─► evidence: counts per field                     evidence.py
             ─► policy: which fields are dropped, and why      policy.py
```
Plain Python without dependencies: `headroom learn` and the service (cloud/learning) share it. Invariant: only
flags and counts leave signals.py; values never do.
"""
