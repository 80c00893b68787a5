"""Judging a model: what is asked, how answers are scored, and the pure rules that promote or reject.

`tables` reads the shipped and the team's item files; `scorers` are rules over one answer; `canaries` and `challenges`
generate and score; `margins` and `texts` make score requests and turn scores into figures; `statistics` and `gate`
decide. Nothing here knows of files other than the item files, of the database, or of how a model is served.
"""
