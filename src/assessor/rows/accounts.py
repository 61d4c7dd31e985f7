"""The tables of people and what they are let do, beside those of `schema` and `ledger`.

Nothing comes in, nothing is opened. The same tables in migrations are `migrations/versions/`; a test holds
that the two agree. Reading and writing is left to `users`, `sessions`, `tokens`, `cohorts`, `invitations`,
`audit` and `webhooks`.

    learners ── users ──< sessions, tokens, sign_in_links, identities, submission_keys
                  └──< memberships >── cohorts ──< assignments, invitations
    endpoints ──< deliveries
    audit_lines: on their own; they outlive whom they name

What opens something for whoever shows it (a cookie, a token, a link) is kept as its SHA-256 alone: who reads
the tables can use none of it.
"""

from __future__ import annotations

import sqlalchemy as sa

from assessor.rows import ledger
from assessor.rows.schema import Moment, Ranked

#: Of every table, those of `schema` and `ledger` among them.
metadata = ledger.metadata


def _sequence() -> sa.Column[int]:
    return sa.Column(
        "seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True
    )


#: `email` as it was written, `email_key` as it is compared. `password` is an Argon2 hash. `roles` is JSON.
users = sa.Table(
    "users",
    metadata,
    _sequence(),
    sa.Column("id", sa.String, nullable=False, unique=True),
    sa.Column("email", sa.String, nullable=False),
    sa.Column("email_key", sa.String, nullable=False, unique=True),
    sa.Column("name", sa.String, nullable=False),
    sa.Column("roles", sa.JSON, nullable=False),
    sa.Column("password", sa.String, nullable=True),
    # One account for each learner: who signs in is that person, on the command line too.
    sa.Column("learner_id", sa.ForeignKey("learners.id"), nullable=True, unique=True),
    sa.Column("active", sa.Boolean, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("signed_in_at", Moment, nullable=True),
)

#: `id` is the digest of the cookie.
sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("user_id", sa.ForeignKey("users.id"), nullable=False),
    sa.Column("csrf", sa.String, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("seen_at", Moment, nullable=False),
    sa.Column("expires_at", Moment, nullable=False),
    sa.Index(None, "user_id"),
)

sign_in_links = sa.Table(
    "sign_in_links",
    metadata,
    sa.Column("digest", sa.String, primary_key=True),
    sa.Column("user_id", sa.ForeignKey("users.id"), nullable=False),
    sa.Column("expires_at", Moment, nullable=False),
    sa.Column("used_at", Moment, nullable=True),
    sa.Index(None, "user_id"),
)

tokens = sa.Table(
    "tokens",
    metadata,
    _sequence(),
    sa.Column("id", sa.String, nullable=False, unique=True),
    sa.Column("digest", sa.String, nullable=False, unique=True),
    sa.Column("user_id", sa.ForeignKey("users.id"), nullable=False),
    sa.Column("name", sa.String, nullable=False),
    sa.Column("scopes", sa.JSON, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("expires_at", Moment, nullable=True),
    sa.Column("used_at", Moment, nullable=True),
    sa.Index(None, "user_id"),
)

#: Who somebody is at an OpenID provider.
identities = sa.Table(
    "identities",
    metadata,
    sa.Column("issuer", sa.String, primary_key=True),
    sa.Column("subject", sa.String, primary_key=True),
    sa.Column("user_id", sa.ForeignKey("users.id"), nullable=False),
    sa.Index(None, "user_id"),
)

#: What a client called a submission when it handed it in: the same again is the same submission.
submission_keys = sa.Table(
    "submission_keys",
    metadata,
    sa.Column("user_id", sa.ForeignKey("users.id"), primary_key=True),
    sa.Column("key", sa.String, primary_key=True),
    sa.Column("digest", sa.String, nullable=False),
    sa.Column("submission_id", sa.ForeignKey("submissions.id"), nullable=False),
    sa.Column("made_at", Moment, nullable=False),
)

cohorts = sa.Table(
    "cohorts",
    metadata,
    _sequence(),
    sa.Column("id", sa.String, nullable=False, unique=True),
    sa.Column("name", sa.String, nullable=False, unique=True),
    sa.Column("created_at", Moment, nullable=False),
)

memberships = sa.Table(
    "memberships",
    metadata,
    sa.Column("user_id", sa.ForeignKey("users.id"), primary_key=True),
    sa.Column("cohort_id", sa.ForeignKey("cohorts.id"), primary_key=True),
    sa.Column("role", sa.String, nullable=False),
    sa.Column("joined_at", Moment, nullable=False),
    sa.Index(None, "cohort_id"),
)

#: `queue_class` null: the task's own. `counts`: which of several results is the learner's.
assignments = sa.Table(
    "assignments",
    metadata,
    _sequence(),
    sa.Column("id", sa.String, nullable=False, unique=True),
    sa.Column("cohort_id", sa.ForeignKey("cohorts.id"), nullable=False),
    sa.Column("task_id", sa.String, nullable=False),
    sa.Column("title", sa.String, nullable=True),
    sa.Column("opens_at", Moment, nullable=True),
    sa.Column("due_at", Moment, nullable=True),
    sa.Column("queue_class", Ranked, nullable=True),
    sa.Column("counts", sa.String, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Index(None, "cohort_id"),
)

#: Links that let whoever has them join. The database itself lets no use be taken that is not there.
invitations = sa.Table(
    "invitations",
    metadata,
    sa.Column("digest", sa.String, primary_key=True),
    sa.Column("cohort_id", sa.ForeignKey("cohorts.id"), nullable=False),
    sa.Column("role", sa.String, nullable=False),
    sa.Column("uses_left", sa.Integer, nullable=True),
    sa.Column("expires_at", Moment, nullable=True),
    sa.Column("created_at", Moment, nullable=False),
    sa.CheckConstraint("uses_left IS NULL OR uses_left >= 0", name="uses_left"),
    sa.Index(None, "cohort_id"),
)

#: One line for each privileged act, written in the transaction of the act. `user_id` is null for whoever has
#: the command line. No foreign key: a line stays when the account goes.
audit_lines = sa.Table(
    "audit_lines",
    metadata,
    _sequence(),
    sa.Column("at", Moment, nullable=False),
    sa.Column("user_id", sa.String, nullable=True),
    sa.Column("act", sa.String, nullable=False),
    sa.Column("subject", sa.String, nullable=False),
    sa.Column("detail", sa.String, nullable=False),
    sa.Column("address", sa.String, nullable=False),
    sa.Index(None, "user_id"),
)

#: Where others want to be told. `secret` is kept as it is: each message is signed with it.
endpoints = sa.Table(
    "endpoints",
    metadata,
    _sequence(),
    sa.Column("id", sa.String, nullable=False, unique=True),
    sa.Column("url", sa.String, nullable=False),
    sa.Column("secret", sa.String, nullable=False),
    sa.Column("events", sa.JSON, nullable=False),
    sa.Column("active", sa.Boolean, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
)

#: One message to one endpoint. `learner_id` says whom it tells of, so that it goes when they are erased.
deliveries = sa.Table(
    "deliveries",
    metadata,
    _sequence(),
    sa.Column("id", sa.String, nullable=False, unique=True),
    sa.Column("endpoint_id", sa.ForeignKey("endpoints.id"), nullable=False),
    sa.Column("event", sa.String, nullable=False),
    sa.Column("payload", sa.LargeBinary, nullable=False),
    sa.Column("learner_id", sa.ForeignKey("learners.id"), nullable=True),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("next_at", Moment, nullable=True),
    sa.Column("status", sa.Integer, nullable=True),
    sa.Column("problem", sa.String, nullable=True),
    sa.Column("created_at", Moment, nullable=False),
    # What waits has a time at which it is tried; what is over has none.
    sa.CheckConstraint("(state = 'waiting') = (next_at IS NOT NULL)", name="next_at"),
    sa.Index(None, "state", "next_at"),
    sa.Index(None, "learner_id"),
    sa.Index(None, "endpoint_id", "seq"),
)
