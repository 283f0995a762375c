#!/bin/sh
# Installs what the black-box tests need (`make setup`), or only says what is
# missing (`--require`, used by `make test`).
#   setup.sh PYTHON VENV LOCK STAMP [VENV LOCK STAMP]...
#   setup.sh --require VENV LOCK STAMP [VENV LOCK STAMP]...
set -eu

has() { command -v "$1" >/dev/null 2>&1; }

# PostgreSQL's server programs: on the PATH, or where Debian puts them. The fault tests run servers
# of their own with them, and look in the same places.
has_postgresql() {
    for server in "$(command -v postgres || true)" /usr/lib/postgresql/*/bin/postgres; do
        [ -x "$server" ] || continue
        folder=$(dirname "$(readlink -f "$server")")
        [ -x "$folder/initdb" ] && [ -x "$folder/pg_basebackup" ] && return 0
    done
    return 1
}

# The transaction pooler that the gateway has to refuse. Debian keeps it where only root looks.
has_pgbouncer() { has pgbouncer || [ -x /usr/sbin/pgbouncer ]; }

# The Python environment holds exactly what the lock file names.
environment_complete() { cmp -s "$1" "$2"; }

require() {
    missing=0
    while [ $# -ge 3 ]; do
        if ! environment_complete "$2" "$3"; then
            echo "missing: the Python environment $1 with the packages of $2." >&2
            missing=1
        fi
        shift 3
    done
    if ! has strace; then
        echo "missing: strace, with which a test sees that an answer waits for the disk." >&2
        missing=1
    fi
    if ! has_postgresql; then
        echo "missing: PostgreSQL's server programs (initdb, postgres, pg_basebackup), which the fault tests run." >&2
        missing=1
    fi
    if ! has_pgbouncer; then
        echo "missing: pgbouncer, the transaction pooler that a fault test puts before PostgreSQL." >&2
        missing=1
    fi
    if [ "$missing" = 1 ]; then
        echo "get it:  make setup" >&2
        exit 2
    fi
}

# Python can make a virtual environment (Debian packs that part apart).
has_venv() { "$1" -c 'import ensurepip, venv' >/dev/null 2>&1; }

# Debian's package makes and starts a server on the usual port unless it is told otherwise before.
# The tests run servers of their own, so nothing is left running here. A server that is there
# already is another matter, and stays as it is.
forbid_server_of_the_package() {
    settings=/etc/postgresql-common/createcluster.d
    mkdir -p "$settings"
    echo 'create_main_cluster = false' >"$settings/no-server-at-installation.conf"
}

# Debian's package of the pooler starts one, and has it started with the machine. Where no policy
# says yet what an installation may start, this one does, and only while it is installed. Where there
# is one, it decides, and what it lets start is ended again below.
forbid_pooler_of_the_package() {
    policy=/usr/sbin/policy-rc.d
    [ ! -e "$policy" ] || return 0
    trap 'rm -f "$policy"' EXIT
    trap 'exit 130' INT TERM
    printf '#!/bin/sh\ncase " $*" in *" pgbouncer"*) exit 101 ;; esac\nexit 104\n' >"$policy"
    chmod 755 "$policy"
}

stop_pooler_of_the_package() {
    invoke-rc.d pgbouncer stop || true
    update-rc.d pgbouncer disable || systemctl disable pgbouncer.service
}

install_debian_packages() {
    python=$1 wanted=
    has strace || wanted="$wanted strace"
    # The C compiler builds SQLite into the binary.
    has cc || wanted="$wanted gcc libc6-dev"
    has_postgresql || wanted="$wanted postgresql"
    has_pgbouncer || wanted="$wanted pgbouncer"
    has "$python" || wanted="$wanted python3"
    has_venv "$python" || wanted="$wanted python3-venv"
    [ -n "$wanted" ] || return 0
    if ! has apt-get; then
        echo "missing:$wanted. Install them with this system's package manager." >&2
        exit 2
    fi
    if [ "$(id -u)" != 0 ]; then
        echo "missing:$wanted. Only root can install Debian packages." >&2
        echo "get it:  sudo apt-get update && sudo apt-get install --yes$wanted" >&2
        exit 2
    fi
    has_postgresql || forbid_server_of_the_package
    had_pooler=no
    if has_pgbouncer; then had_pooler=yes; else forbid_pooler_of_the_package; fi
    apt-get update
    # The list of packages is meant to be split into words.
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends $wanted
    [ "$had_pooler" = yes ] || stop_pooler_of_the_package
}

check_python_version() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
        echo "missing: Python 3.11 or newer; $1 is $("$1" --version 2>&1)." >&2
        echo "get it:  make setup PYTHON=/path/to/python3.11" >&2
        exit 2
    }
}

install_environment() {
    python=$1 venv=$2 lock=$3 stamp=$4
    if environment_complete "$lock" "$stamp"; then
        return 0
    fi
    rm -f "$stamp"
    "$python" -m venv --clear "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$lock"
    cp "$lock" "$stamp"
}

if [ "$1" = --require ]; then
    shift
    require "$@"
    exit 0
fi
python=$1
shift
install_debian_packages "$python"
check_python_version "$python"
while [ $# -ge 3 ]; do
    install_environment "$python" "$1" "$2" "$3"
    shift 3
done
if ! has cargo; then
    echo "missing: a Rust toolchain (cargo). Install Rust as its own pages tell." >&2
    exit 2
fi
echo "setup: complete"
