"""A stand-in for Amazon Redshift: a PostgreSQL behind a proxy that speaks, refuses and loads as Redshift does.

As in Redshift: start-up and passwords, what the server says of itself, names folded to lower case, backslashes that escape; DISTSTYLE,
DISTKEY, SORTKEY, ENCODE, IDENTITY and what the system's views say of them (empty tables are not in SVV_TABLE_INFO); VARCHAR counted in
bytes, SUPER, VARBYTE, the limits of types; keys that nobody enforces; views that bind late; the limits of ALTER TABLE and MERGE;
TRUNCATE that commits; snapshot isolation, with error 1023 where two transactions write the same row; roles and groups; COPY of Parquet
with its strictness, in the client's transaction; the Data API. What only PostgreSQL can do is refused, as far as `refusals` knows it.

Not as in Redshift:
- Types of expressions are PostgreSQL's: AVG of whole numbers has decimals, decimals are divided to another scale, and a text that a
  query computes is VARCHAR(65535) in the table that is made of it.
- A late-binding view is read with the rights of its reader, not its owner, and only by a name with its schema.
- Locks are those of rows, not of tables; transactions in a cycle of reads and writes are not found, as under snapshot isolation.
- SUPER prints with blanks behind commas and colons; its navigation by dots, QUALIFY, TOP, UNPIVOT, external tables, datashares,
  UNLOAD, and COPY of anything but Parquet are missing. Materialized views are PostgreSQL's.
- Errors of COPY and of refused statements have Redshift's codes and form; where AWS documents no text, the words are the stand-in's.
- Nothing is distributed or compressed: layouts are kept and told, and have no effect.
- No TLS, and passwords only: neither IAM nor a secret's ARN is looked at.
"""

from tests.standins.redshift.service import DATABASE, PASSWORD, USER, Redshift, redshift, redshift_beside
from tests.standins.redshift.statements import Statement, Statements

__all__ = ["DATABASE", "PASSWORD", "USER", "Redshift", "Statement", "Statements", "redshift", "redshift_beside"]
