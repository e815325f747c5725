"""The W3C Reconciliation Service API, 0.2 and 1.0 (a draft): how OpenRefine asks whom a row of a table means.

`docs/reconciliation.md` says how it is used, and what was decided where the specification leaves it open.
"""
