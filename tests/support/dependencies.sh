# The Debian packages pgweir needs, in one place, and their installation: sourced by ./run and
# ./test (and so by .ci/run). Nothing is fetched from anywhere but the machine's apt sources.
# shellcheck shell=bash

# To build pgweir and its tests, and to run it in front of a PostgreSQL. postgresql is Debian's
# current major version: its programs are under /usr/lib/postgresql/.
packages_to_run=(
  g++ cmake ninja-build pkg-config
  libuv1-dev libssl-dev libidn-dev libspdlog-dev libtomlplusplus-dev libcli11-dev
  libgtest-dev librapidcheck-dev libpq-dev python3
  postgresql
)

# What the whole suite needs beside that.
# shellcheck disable=SC2034  # ./test uses it
packages_to_test=(
  "${packages_to_run[@]}"
  binutils clang-19 libclang-rt-19-dev clang-format-19 shellcheck
  pgbouncer valgrind
)

# The clients of tests/drivers that every ./test runs; psql and pgbench come with PostgreSQL.
packages_to_drive=(
  python3-psycopg python3-asyncpg
  openjdk-17-jdk-headless libpostgresql-jdbc-java
)
# What node is there may come from elsewhere than Debian, whose npm would not go with it.
if ! { command -v node && command -v npm; } > /dev/null; then
  packages_to_drive+=(nodejs npm)
fi

# The rest of them: ./test --drivers all
# shellcheck disable=SC2034  # ./test uses it
packages_to_drive_all=(
  python3-psycopg2 python3-pg8000 python3-sqlalchemy python3-greenlet python3-django
  golang-go golang-github-lib-pq-dev golang-github-jackc-pgx-v4-dev
  cargo librust-tokio-postgres-dev
  php-cli php-pgsql libdbd-pg-perl ruby ruby-pg ruby-activerecord
  libpqxx-dev odbc-postgresql python3-pyodbc
)

say() { printf '\n==> %s\n' "$*"; }
fail() {
  printf '\n%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# install_packages NAME... installs those that are missing, and says so first.
install_packages() {
  command -v apt-get > /dev/null ||
    fail "there is no apt-get: this command is for Debian 12. Elsewhere, install by hand what" \
      "these packages hold, and use the CMake presets: $*"

  local missing=() package
  for package in "$@"; do
    [[ $(dpkg-query -W -f='${db:Status-Status}' "$package" 2> /dev/null) == installed ]] ||
      missing+=("$package")
  done
  if ((${#missing[@]} == 0)); then
    say "Debian packages: nothing is missing"
    return
  fi

  say "Debian packages: installing ${missing[*]}"
  local as_root=(env DEBIAN_FRONTEND=noninteractive)
  if ((EUID != 0)); then
    command -v sudo > /dev/null ||
      fail "installing needs root: there is no sudo. As root: apt-get install ${missing[*]}"
    as_root=(sudo "${as_root[@]}")
  fi
  local apt=("${as_root[@]}" apt-get -o DPkg::Lock::Timeout=300)

  # A shell of its own, so that what is made for the installation goes with it, at Ctrl-C as well.
  (
    trap '((${#made[@]} == 0)) || "${as_root[@]}" rm -f "${made[@]}"' EXIT
    trap 'exit 130' INT TERM

    # Nothing that is installed shall start by itself: Debian's packages would make and start a
    # PostgreSQL, and a PgBouncer on our port. Where the machine has an opinion already, it stands.
    no_cluster=/etc/postgresql-common/createcluster.d/pgweir.conf
    no_start=/usr/sbin/policy-rc.d
    made=()
    if [[ ! -e /usr/share/postgresql-common ]]; then
      made+=("$no_cluster")
      "${as_root[@]}" mkdir -p "${no_cluster%/*}"
      echo 'create_main_cluster = false' | "${as_root[@]}" tee "$no_cluster" > /dev/null
    fi
    if [[ ! -e $no_start ]]; then
      made+=("$no_start")
      printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$no_start" > /dev/null
      "${as_root[@]}" chmod 755 "$no_start"
    fi

    apt-cache show "${missing[@]}" > /dev/null 2>&1 || "${apt[@]}" update
    # A list of packages that is too old names files that are gone: then once more with a new one.
    "${apt[@]}" install -y --no-install-recommends "${missing[@]}" ||
      { "${apt[@]}" update && "${apt[@]}" install -y --no-install-recommends "${missing[@]}"; }
  ) || fail "apt-get could not install ${missing[*]}: its message stands above"
}
