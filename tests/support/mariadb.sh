#!/bin/sh
# A private MariaDB server for tests: own data directory below $TMPDIR, UNIX socket only, no accounts, nothing
# durable. Works as root and as any user; needs only the package mariadb-server-core.
#
#   mariadb.sh run [--own] COMMAND...   run COMMAND with POSTERN_TEST_MARIADB=socket; one server for all that runs
#                                       inside, a further one for COMMAND alone with --own (it may kill it)
#   mariadb.sh start DIR                start (again) the server of DIR, until killed by its DIR/pid
#
# Without mariadbd, COMMAND runs without the variable: its MariaDB half counts as skipped.
set -u
self=$(cd "$(dirname "$0")" && pwd)/$(basename "$0")
PATH=$PATH:/usr/sbin:/usr/local/sbin

# start DIR [PREFIX...]: returns when the server answers
start() {
	dir=$1
	shift
	mkdir -p "$dir/data"
	: >"$dir/log"
	rm -f "$dir/sock"
	user=
	[ "$(id -u)" != 0 ] || user=--user=root
	# Tables of accounts are not created: --skip-grant-tables does without, which saves the slow install step.
	"$@" mariadbd --no-defaults $user --datadir="$dir/data" --socket="$dir/sock" --pid-file="$dir/pid" \
		--skip-networking --skip-grant-tables --skip-log-bin --performance-schema=off --max-connections=60 \
		--innodb-log-file-size=4M --innodb-buffer-pool-size=16M --innodb-flush-log-at-trx-commit=2 --innodb-flush-method=nosync --sync-frm=0 \
		--innodb-use-native-aio=0 --innodb-temp-data-file-path=ibtmp1:4M:autoextend \
		--tmpdir="$dir" --character-set-server=latin1 >>"$dir/log" 2>&1 </dev/null &
	pid=$!
	n=0
	until grep -q 'ready for connections' "$dir/log" && [ -S "$dir/sock" ]; do
		n=$((n + 1))
		if [ $n -gt 600 ] || ! kill -0 $pid 2>/dev/null; then
			echo "mariadb.sh: mariadbd did not start:" >&2
			tail -n 20 "$dir/log" >&2
			return 1
		fi
		sleep 0.05
	done
}

finish() {
	if [ -s "$dir/pid" ]; then
		kill -KILL "$(cat "$dir/pid")" 2>/dev/null
	fi
	rm -rf "$dir"
}

case ${1-} in
start)
	start "$2"
	;;
run)
	shift
	own=
	if [ "${1-}" = --own ]; then
		own=1
		shift
	fi
	if [ -n "${POSTERN_TEST_MARIADB-}" ] && [ -z "$own" ]; then
		exec "$@"
	fi
	if ! command -v mariadbd >/dev/null; then
		echo "mariadb.sh: no mariadbd here (package mariadb-server-core): the MariaDB half is skipped" >&2
		unset POSTERN_TEST_MARIADB
		exec "$@"
	fi
	dir=$(mktemp -d "${TMPDIR:-/tmp}/postern-mariadb.XXXXXX") || exit 1
	trap finish EXIT
	trap 'exit 143' INT TERM HUP
	# The server must not outlive this script, however that ends.
	leash=
	! command -v setpriv >/dev/null || leash='setpriv --pdeathsig KILL'
	start "$dir" $leash || exit 1
	POSTERN_TEST_MARIADB=$dir/sock POSTERN_TEST_MARIADB_DIR=$dir POSTERN_TEST_MARIADB_SH=$self "$@"
	exit $?
	;;
*)
	echo "usage: mariadb.sh run [--own] COMMAND... | start DIR" >&2
	exit 2
	;;
esac
