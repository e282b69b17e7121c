# The Debian packages pgweir needs, in one place, and their installation: sourced by ./run and
# ./test (and so by .ci/run). Nothing is fetched from anywhere but the machine's apt sources.
# shellcheck shell=bash

# To build pgweir and its tests, and to run it in front of a PostgreSQL. postgresql is Debian's
# current major version: its programs are under /usr/lib/postgresql/.
packages_to_run=(
  g++ cmake ninja-build pkg-config
  libuv1-dev libssl-dev libidn-dev libspdlog-dev libtomlplusplus-dev
  libgtest-dev librapidcheck-dev libpq-dev
  postgresql
)

# What the whole suite needs beside that.
# shellcheck disable=SC2034  # ./test uses it
packages_to_test=(
  "${packages_to_run[@]}"
  binutils python3 clang-19 clang-format-19 shellcheck
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

  # Debian's package would start a PostgreSQL of its own on installation. Where postgresql-common
  # was not there before, tell it not to for the length of this installation.
  local no_cluster=/etc/postgresql-common/createcluster.d/pgweir.conf
  if [[ ! -e /usr/share/postgresql-common ]]; then
    "${as_root[@]}" mkdir -p "${no_cluster%/*}"
    echo 'create_main_cluster = false' | "${as_root[@]}" tee "$no_cluster" > /dev/null
  fi

  apt-cache show "${missing[@]}" > /dev/null 2>&1 || "${apt[@]}" update
  # A list of packages that is too old names files that are gone: then once more with a new one.
  local status=0
  "${apt[@]}" install -y --no-install-recommends "${missing[@]}" ||
    { "${apt[@]}" update && "${apt[@]}" install -y --no-install-recommends "${missing[@]}"; } ||
    status=$?
  "${as_root[@]}" rm -f "$no_cluster"
  ((status == 0)) || fail "apt-get could not install ${missing[*]}: its message stands above"
}
