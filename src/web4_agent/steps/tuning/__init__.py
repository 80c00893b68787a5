"""Trying retrieval policies: questions with known answers, what a policy comes to on them, and which to try.

    known_items   questions made from a journal, and the journal without their words
    questions     those and what people thought of real answers, each in one half
    figures       what was shown for a question, in figures; two policies held against each other
    choose        the search for the best policy on the half to tune on

Pure: knows no store, no ledger and no clock.
"""
