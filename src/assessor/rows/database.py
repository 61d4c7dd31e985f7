"""One open database: its engine, its migrations, its transactions.

Comes in: a SQLAlchemy URL. Goes out: connections inside a transaction, for `leases`, `learners` and
`store`. Everything that is particular to one kind of database (SQLite's pragmas, PostgreSQL's lock around
migrations) is in this file; the SQL elsewhere is the same on both.

A SQLite database is a file of mode 0600 in WAL mode with its `-wal` and `-shm` beside it.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import sqlalchemy as sa

from assessor.errors import StoreFault
from assessor.rows import schema

_BUSY_S = 10
_READ = "assessor_read"

#: Any number does, as long as every process that migrates a PostgreSQL database takes the same one.
_MIGRATION_LOCK = 7_463_001


class Database:
    """An open database; made by `open`. Threads may share it, and a forked child may go on using it."""

    def __init__(self, engine: sa.Engine, *, shown: str) -> None:
        self._engine = engine
        self._shown = shown
        self._pid = os.getpid()
        self._watching: sqlite3.Connection | None = None
        self._watch_lock = threading.Lock()
        self._texts: dict[sa.Select[Any], tuple[str, tuple[str, ...]]] = {}
        #: Of the process that this one was forked from.
        self._parents: list[sqlite3.Connection] = []

    @classmethod
    def open(cls, url: str) -> Self:
        """The database at this URL, made or brought up to date first where needed.

        Raises:
            StoreFault: the URL is none, the database cannot be opened, or a newer version of this system
                made it. The text shows the URL without its password.
        """
        try:
            parsed = sa.make_url(url)
        except sa.exc.ArgumentError as error:
            raise StoreFault(
                "store: expected a database URL such as sqlite:////path/to/store.sqlite or "
                "postgresql+psycopg://host/name, got text that is none"
            ) from error
        shown = parsed.render_as_string(hide_password=True)
        try:
            engine = _engine(parsed)
        except (ImportError, sa.exc.SQLAlchemyError, OSError) as error:
            raise StoreFault(f"store {shown}: cannot be opened: {error}") from error
        opened = cls(engine, shown=shown)
        try:
            opened._migrate()
        except BaseException:
            engine.dispose()
            raise
        return opened

    def close(self) -> None:
        """Let go of all connections."""
        if self._watching is not None and os.getpid() == self._pid:
            self._watching.close()
            self._watching = None
        self._engine.dispose(close=os.getpid() == self._pid)

    @property
    def url(self) -> str:
        """The URL without its password."""
        return self._shown

    @property
    def file(self) -> Path | None:
        """The file of a SQLite database, or None for any other."""
        name = self._engine.url.database
        return Path(name) if self._engine.dialect.name == "sqlite" and name else None

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A transaction that may write: all of it is kept, or nothing when the body raises.

        Raises:
            StoreFault: the database refused, or was busy for longer than 10 s.
        """
        self._after_fork()
        try:
            with self._engine.begin() as connection:
                yield connection
        except sa.exc.SQLAlchemyError as error:
            raise self._fault(error, "cannot be written") from error

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A transaction that sees one state of the database and never waits for writers.

        Raises:
            StoreFault: the database refused.
        """
        self._after_fork()
        try:
            with self._engine.connect().execution_options(**{_READ: True}) as connection:
                yield connection
        except sa.exc.SQLAlchemyError as error:
            raise self._fault(error, "cannot be read") from error

    def version(self) -> int | None:
        """The same for as long as nobody, this process or another, has written; None: that is not told.

        It takes microseconds, and SQLite alone tells it. Ask before reading what it is to stand for.

        Raises:
            StoreFault: the database cannot be read.
        """
        found = self._watch("PRAGMA data_version", ())
        return None if found is None else int(found[0])

    def peek(self, query: sa.Select[Any], **values: str) -> tuple[Any, ...] | None:
        """The first row of a query as SQLite keeps it, in microseconds and without waiting for anybody.

        It is for telling whether a row is as it was: no column's type is made of it. None where there is no
        such row, or the database is none of SQLite.

        Args:
            query: a constant: its text is made once.
            **values: what its bound parameters stand for.

        Raises:
            StoreFault: the database cannot be read.
        """
        if self.file is None:
            return None
        if query not in self._texts:
            made = query.compile(dialect=self._engine.dialect)
            self._texts[query] = str(made), tuple(made.positiontup or ())
        text, names = self._texts[query]
        return self._watch(text, tuple(values[name] for name in names))

    def _watch(self, text: str, values: tuple[str, ...]) -> tuple[Any, ...] | None:
        if self.file is None:
            return None
        self._after_fork()
        try:
            with self._watch_lock:
                if self._watching is None:
                    # One that never writes: what it tells of changes is of all others'.
                    self._watching = sqlite3.connect(
                        self.file, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
                    )
                found: tuple[Any, ...] | None = self._watching.execute(text, values).fetchone()
                return found
        except sqlite3.Error as error:
            raise StoreFault(f"store {self._shown}: cannot be read: {error}") from error

    def scrub(self) -> None:
        """Leave no copy of deleted rows in SQLite's write-ahead log. Waits for readers at most 10 s."""
        if self.file is not None:
            connection = sqlite3.connect(self.file, timeout=_BUSY_S)
            try:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            except sqlite3.Error as error:
                raise StoreFault(f"store {self._shown}: its log cannot be emptied: {error}") from error
            finally:
                connection.close()

    def _after_fork(self) -> None:
        # A connection that two processes use garbles both; the parent's are left alone, not closed.
        if self._pid != os.getpid():
            self._engine.dispose(close=False)
            self._watch_lock = threading.Lock()
            if self._watching is not None:
                self._parents.append(self._watching)
                self._watching = None
            self._pid = os.getpid()

    def _fault(self, error: sa.exc.SQLAlchemyError, what: str) -> StoreFault:
        cause = error.orig if isinstance(error, sa.exc.DBAPIError) and error.orig else error
        return StoreFault(f"store {self._shown}: {what}: {cause}")

    def _revision(self, connection: sa.Connection) -> str | None:
        if not sa.inspect(connection).has_table("alembic_version"):
            return None
        found: str | None = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
        return found

    def _migrate(self) -> None:
        with self.reading() as connection:
            if self._revision(connection) == schema.REVISION:
                return
        # Alembic takes longer to import than all the rest of a short command.
        from assessor.rows import migrations

        with self.writing() as connection:
            # Two processes that open at once: the second waits here, then finds nothing left to do.
            if connection.dialect.name == "postgresql":
                connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
            found = self._revision(connection)
            if found is not None and found not in migrations.revisions():
                raise StoreFault(
                    f"store {self._shown}: expected a database of revision {schema.REVISION} or older, "
                    f"got {found}: a newer version of assessor made it"
                )
            migrations.upgrade(connection)


def file_of(url: str) -> Path | None:
    """The file of a SQLite database, by its URL, or None for any other, and for a URL that is none."""
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError:
        return None  # said by `open`, in words
    sqlite = parsed.get_backend_name() == "sqlite"
    return Path(parsed.database).absolute() if sqlite and parsed.database else None


def _engine(url: sa.URL) -> sa.Engine:
    if url.get_backend_name() != "sqlite":
        return sa.create_engine(url, pool_pre_ping=True)
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise OSError("expected the path of a file: several processes share the store")
    file = Path(url.database)
    file.parent.mkdir(parents=True, exist_ok=True)
    # Names and salts are in it: made before SQLite would, with nothing for others. Only where it is new: to
    # close a descriptor of a database drops all locks that this process holds on it (fcntl(2)), another
    # process then takes itself for the last one and removes the log that this one goes on writing to.
    with contextlib.suppress(FileExistsError):
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    engine = sa.create_engine(url, connect_args={"timeout": _BUSY_S, "isolation_level": None})
    sa.event.listen(engine, "connect", _set_up_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _set_up_sqlite(connection: Any, _record: Any) -> None:
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "secure_delete=ON",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: sa.Connection) -> None:
    # A writer takes the lock at once: one that read first and then wanted to write could only fail.
    reads = connection.get_execution_options().get(_READ, False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
