"""Learning, in the service: per organisation, from the conversations that pass by.

```
/v1/compress ─► pin: which policy this conversation has                  pins.py applied.py
             ─► after the answer: queue, bounded ─► observe ─► counts    learner.py evidence.py
counts       ─► a new version of the policy, if something changed        policies.py
organisations that want it ─► what k of them agree on, with noise        shared.py
```
Invariants: nothing here is waited for by a request but its pin, and that for a fraction of a second; the database gets
counts, names of tools and of fields that several conversations had, and digests with the organisation's key; never a
value. What `headroom learn` needs too is in headroom/learning, without dependencies.
"""
