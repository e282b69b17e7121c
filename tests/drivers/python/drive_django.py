"""Django over psycopg2: its migrations, atomic blocks, server-side cursors of iterator()."""

import concurrent.futures

import django
from django.conf import settings
from report import ROUNDS, WORKERS, address, check, run, same

here = address()
DATABASE = {"ENGINE": "django.db.backends.postgresql", "HOST": here["host"], "PORT": here["port"],
            "USER": here["user"], "PASSWORD": here["password"], "NAME": here["database"],
            "CONN_MAX_AGE": 600, "TIME_ZONE": None}
settings.configure(DATABASES={"default": DATABASE}, USE_TZ=True, TIME_ZONE="Europe/Berlin",
                   INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth"],
                   DEFAULT_AUTO_FIELD="django.db.models.AutoField")
django.setup()

from django.contrib.auth.models import Group, User  # noqa: E402  models need the settings
from django.core.management import call_command  # noqa: E402
from django.db import IntegrityError, connection, transaction  # noqa: E402
from django.utils import timezone  # noqa: E402


def tables():
    call_command("migrate", verbosity=0)
    User.objects.all().delete()


@check("migrations")
def migrations():
    """DDL in transactions, and the catalogue read again."""
    tables()
    call_command("migrate", "auth", "zero", verbosity=0)
    tables()
    same("auth_user" in connection.introspection.table_names(), True)


@check("values")
def values():
    tables()
    moment = timezone.now()
    user = User.objects.create_user("Grüße ☂", password="secret", last_login=moment)
    user.groups.add(Group.objects.create(name="one"), Group.objects.create(name="two"))
    found = User.objects.prefetch_related("groups").get(groups__name="one")
    same((found.username, found.last_login, found.is_staff, found.check_password("secret")),
         ("Grüße ☂", moment, False, True))
    same(sorted(group.name for group in found.groups.all()), ["one", "two"])


@check("errors")
def errors():
    tables()
    for _ in range(3):
        try:
            with transaction.atomic():
                User.objects.create(username="twice")
                User.objects.create(username="twice")
        except IntegrityError as error:
            same(error.__cause__.pgcode, "23505")
        same(User.objects.count(), 0)


@check("transaction")
def atomic_blocks():
    tables()
    with transaction.atomic():
        User.objects.create(username="kept")
        try:
            with transaction.atomic():
                User.objects.create(username="kept")
        except IntegrityError:
            pass
        same(User.objects.select_for_update().get().username, "kept")
    same(User.objects.count(), 1)


@check("batch")
def batch():
    tables()
    User.objects.bulk_create([User(username=f"user {i}") for i in range(500)], batch_size=100)
    same(User.objects.filter(username__startswith="user").count(), 500)


@check("server-side cursor")
def server_side_cursor():
    tables()
    User.objects.bulk_create([User(username=f"user {i}") for i in range(500)])
    with transaction.atomic():
        same(len({user.username for user in User.objects.iterator(chunk_size=50)}), 500)


@check("concurrency")
def concurrency():
    """A connection of its own in each thread."""
    tables()

    def work(worker):
        try:
            for turn in range(ROUNDS):
                with transaction.atomic():
                    User.objects.create(username=f"{worker}/{turn}")
                    same(User.objects.filter(username__startswith=f"{worker}/").count(), turn + 1)
        finally:
            connection.close()

    with concurrent.futures.ThreadPoolExecutor(WORKERS) as threads:
        list(threads.map(work, range(WORKERS)))
    same(User.objects.count(), WORKERS * ROUNDS)


@check("cursor with hold")
def cursor_with_hold():
    """iterator() outside of a transaction declares its cursor WITH HOLD."""
    tables()
    User.objects.bulk_create([User(username=f"user {i}") for i in range(20)])
    # The rest is read while another one has a transaction, and with it the server that is free.
    one = User.objects.order_by("id").iterator(chunk_size=5)
    first = next(one)
    with concurrent.futures.ThreadPoolExecutor(1) as thread:
        thread.submit(hold_a_transaction_while, lambda: same(len(list(one)), 19)).result()
    same(first.username, "user 0")


def hold_a_transaction_while(body):
    try:
        with transaction.atomic():
            same(User.objects.count(), 20)
            body()
    finally:
        connection.close()


run("Django", django.get_version())
