"""Brings an older database to the present tables, with Alembic.

The version of a database is a whole number. SQLite keeps it in the file's header (``user_version``), where it
can be read without Alembic, so a database that is up to date never loads it. `upgrade` is the only place that
does; it hands the transaction to ``env.py``, which runs what ``versions`` holds, in order.

A change to the tables takes three steps, and a test fails as long as one is missing:

1. change `voxgate.storage.tables`, and raise its ``SCHEMA_VERSION``;
2. add ``versions/v0002_what_it_does.py``, whose ``revision`` is the new version in four digits;
3. never change a revision that was released.

There are no downgrades: a copy of the file is kept instead (see `voxgate.storage.upgrade`).
"""
