"""SQLAlchemy over psycopg2: its pool and its reset, its batches, its stream, tables it looks up."""

import concurrent.futures

import sqlalchemy as sa
from report import ROUNDS, WORKERS, address, check, run, same
from sqlalchemy.orm import declarative_base, relationship, sessionmaker

Base = declarative_base()


class Author(Base):
    __tablename__ = "authors"
    id = sa.Column(sa.Integer, primary_key=True)
    name = sa.Column(sa.Text, nullable=False, unique=True)
    books = relationship("Book", back_populates="author", cascade="all, delete-orphan")


class Book(Base):
    __tablename__ = "books"
    id = sa.Column(sa.Integer, primary_key=True)
    title = sa.Column(sa.Text, nullable=False)
    tags = sa.Column(sa.ARRAY(sa.Text))
    author_id = sa.Column(sa.ForeignKey("authors.id"))
    author = relationship("Author", back_populates="books")


def engine(**more):
    here = address()
    return sa.create_engine(sa.engine.URL.create(
        "postgresql+psycopg2", here["user"], here["password"], here["host"], int(here["port"]),
        here["database"]), future=True, **more)


everyone = engine(pool_size=WORKERS, pool_pre_ping=True)
new_session = sessionmaker(everyone, future=True)


@check("values")
def values():
    Base.metadata.create_all(everyone)
    with new_session.begin() as session:
        session.add(Author(name="Grüße ☂", books=[Book(title="one", tags=["a", "b"]),
                                                   Book(title="two")]))
    with new_session() as session:
        author = session.scalars(sa.select(Author)).one()
        same(author.name, "Grüße ☂")
        same([(book.title, book.tags) for book in author.books],
             [("one", ["a", "b"]), ("two", None)])
        session.delete(author)
        session.commit()
        same(session.scalar(sa.select(sa.func.count()).select_from(Book)), 0)


@check("errors")
def errors():
    Base.metadata.create_all(everyone)
    with new_session() as session:
        for _ in range(3):
            session.add_all([Author(name="twice"), Author(name="twice")])
            try:
                session.commit()
            except sa.exc.IntegrityError as error:
                same(error.orig.pgcode, "23505")
                session.rollback()
            same(session.scalar(sa.text("SELECT 7")), 7)


@check("transaction")
def transaction():
    Base.metadata.create_all(everyone)
    with new_session.begin() as session:
        session.add(Author(name="kept"))
        try:
            with session.begin_nested():
                session.add(Author(name="kept"))
        except sa.exc.IntegrityError:
            pass
        session.add(Author(name="kept too"))
    with engine().connect().execution_options(isolation_level="SERIALIZABLE") as one:
        same(one.scalar(sa.text("SHOW transaction_isolation")), "serializable")
        same(one.scalars(sa.select(Author.name).order_by(Author.name)).all(), ["kept", "kept too"])
    with everyone.connect() as other:
        same(other.scalar(sa.text("SHOW transaction_isolation")), "read committed")


@check("batch")
def batch():
    table = sa.Table("batched", sa.MetaData(), sa.Column("n", sa.Integer, primary_key=True))
    table.create(everyone)
    with everyone.begin() as one:
        one.execute(table.insert(), [{"n": i} for i in range(2000)])
        same(one.scalar(sa.select(sa.func.count()).select_from(table)), 2000)


@check("server-side cursor")
def server_side_cursor():
    with everyone.connect() as one:
        found = one.execution_options(stream_results=True, max_row_buffer=100).execute(
            sa.text("SELECT generate_series(1, 1000)"))
        same(found.scalars().all(), list(range(1, 1001)))


@check("catalogue")
def catalogue():
    Base.metadata.create_all(everyone)
    seen = sa.MetaData()
    seen.reflect(everyone)
    same(sorted(seen.tables["books"].columns.keys()), ["author_id", "id", "tags", "title"])


@check("concurrency")
def concurrency():
    """Each takes a connection of its pool, a transaction at a time, and gives it back with reset."""
    table = sa.Table("done", sa.MetaData(), sa.Column("worker", sa.Integer))
    table.create(everyone)

    def work(worker):
        for turn in range(ROUNDS):
            with everyone.begin() as one:
                one.execute(table.insert().values(worker=worker))
                same(one.scalar(sa.select(sa.literal(worker * 1000 + turn))), worker * 1000 + turn)

    with concurrent.futures.ThreadPoolExecutor(WORKERS) as threads:
        list(threads.map(work, range(WORKERS)))
    with everyone.connect() as one:
        same(one.scalar(sa.select(sa.func.count()).select_from(table)), WORKERS * ROUNDS)


run("SQLAlchemy", sa.__version__)
