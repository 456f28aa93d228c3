#!/run/xengraft-backend-sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Stands where xengraft starts its backend (XENGRAFT_BACKEND) and has the kernel's xen-blkback serve the frontend
# instead: the driver's real counterpart. Speaks dom0-tools/backend/parent.h with whoever started it. Called by
# t-blkback.sh, which puts a shell under the name above: xengraft ends only what is called a backend.
#
# The frontend stays where it is; the backend's directory is one of xen-blkback's kind
# (drivers/block/xen-blkback/xenbus.c) and holds the same `frontend`.

while [ $# -gt 0 ]; do
	case $1 in
	--path) path=$2; shift ;;
	--log) exec 2>>"$2"; shift ;;
	--parent-fd) [ "$2" = 3 ] || exit 2; shift ;;
	esac
	shift
done
[ "$(dd bs=1 count=1 <&3 2>/dev/null)" = g ] || exit 1

fail() { echo "error: $*" >&3; exit 1; }

front=$(xenstore-read "$path/frontend")
domid=$(xenstore-read "$path/frontend-id")
target=$(xenstore-read "$path/params")
[ -b "$target" ] || fail "$target is no block device"
# At most 19 letters with "vbd-" and the domain: the kernel's XEN_BUS_ID_SIZE.
name=x${path##*/}
back=/local/domain/0/backend/vbd/$domid/$name
xenstore-write "$back/frontend" "$front" "$back/frontend-id" "$domid" "$back/online" 1 "$back/state" 1 \
	"$back/mode" "$(xenstore-read "$path/mode")" "$back/dev" "$(xenstore-read "$path/dev")" "$back/hotplug-status" connected \
	"$back/physical-device" "$(stat -c %t:%T "$target")" || fail "xenstore"

# becomes NODE VALUE: within ten seconds
becomes()
{
	tries=200
	until [ "$(xenstore-read "$1" 2>/dev/null)" = "$2" ]; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || fail "$1 is '$(xenstore-read "$1")', not $2"
		usleep 50000
	done
}

becomes "$back/state" 2
echo "ready sectors=$(cat "/sys/class/block/${target##*/}/size") sector-size=512 feature-flush-cache=1" \
	"feature-max-indirect-segments=$(xenstore-read "$back/feature-max-indirect-segments" 2>/dev/null || echo 256)" \
	"multi-queue-max-queues=$(xenstore-read "$back/multi-queue-max-queues")" \
	"max-ring-page-order=$(xenstore-read "$back/max-ring-page-order")" >&3
becomes "$back/state" 4
[ "$(xenstore-read "$back/sectors")" = "$(cat "/sys/class/block/${target##*/}/size")" ] || fail "its size"
xenstore-write "$path/state" 4
echo connected >&3
exec 3>&-

while :; do
	case $(xenstore-read "$front/state" 2>/dev/null) in [1234]) usleep 100000 ;; *) break ;; esac
done
xenstore-rm "$back"
while [ -e "/sys/bus/xen-backend/devices/vbd-$domid-$name" ]; do usleep 50000; done
