#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# push, pull, export, import: against Debian's docker-registry on the loopback, and read by skopeo.
set -u
# shellcheck source=tests/unit/says.sh
. "${srcdir:-.}/tests/unit/says.sh"
repo=$PWD/driver-repo/cli/xengraft-repo
driver=$PWD/guest-stubs/drivers/blkif-virtual.o
[ -x "$repo" ] && [ -r "$driver" ] || { echo "not built: $repo, $driver"; exit 99; }
command -v docker-registry >/dev/null || { echo "docker-registry is not installed"; exit 77; }
export XENGRAFT_REMOTE="$PWD/driver-repo/cli/xengraft-repo-remote"
work=$(mktemp -d) || exit 99
pids=''
# shellcheck disable=SC2086 # a list of numbers
trap 'kill $pids 2>/dev/null; rm -rf "$work"' EXIT
cd "$work" || exit 99
export HOME="$work" XDG_RUNTIME_DIR="$work"
unset REGISTRY_AUTH_FILE XENGRAFT_FAULT http_proxy https_proxy

# registry NAME [AUTH]: a registry of its own, on a port that is free; sets $port.
registry()
{
	tries=0
	while [ $tries -lt 20 ]; do
		port=$((20000 + ($$ * 7 + tries * 131 + ${#pids} * 17) % 30000))
		printf 'version: 0.1\nlog: { level: error, accesslog: { disabled: true } }\nstorage: { filesystem: { rootdirectory: %s/%s } }\nhttp: { addr: "127.0.0.1:%s" }\n' \
			"$work" "$1" $port >"$1.yml"
		[ $# = 1 ] || printf 'auth: { htpasswd: { realm: lab, path: %s } }\n' "$2" >>"$1.yml"
		docker-registry serve "$1.yml" >"$1.log" 2>&1 &
		pid=$!
		waited=0
		while kill -0 $pid 2>/dev/null && [ $waited -lt 100 ]; do
			if grep -qi ":$(printf %04X $port) 00000000:0000 0A" /proc/net/tcp; then
				pids="$pids $pid"
				return 0
			fi
			waited=$((waited + 1))
			sleep 0.1
		done
		kill $pid 2>/dev/null
		tries=$((tries + 1))
	done
	echo "no registry came up: $(cat "$1.log")"
	exit 99
}

# Three hosts of a pool: the first one signs, the others trust its key.
mkdir images none
cp "$driver" images/
host() { export XENGRAFT_REPO="$work/repo$1" XENGRAFT_CONFDIR="$work/etc$1" XENGRAFT_IMAGES="$work/$2"; }
host 1 images
says 0 "1 packaged image" "$repo" init
image=$("$repo" list | awk 'NR == 2 { print $1 }')
sum=$(sha256sum "$driver" | cut -d' ' -f1)
name=$("$repo" resolve --device xen-blkif --json | sed -n '/"driver"/,$s/.*"name": "\(.*\)".*/\1/p' | tr ' ' - |
	head -n 1)
for n in 2 3 4; do
	host $n none
	says 0 "0 packaged images" "$repo" init
	[ $n = 4 ] || says 0 "is trusted" "$repo" trust etc1/keys.d/host.pub --name pool
done

# A folder.
host 1 images
says 1 "which images" "$repo" export layout
says 0 "sent" "$repo" export layout --all
host 2 none
says 1 "is no OCI image layout" "$repo" import images
says 1 "there is no 'nothing' there" "$repo" import layout nothing
says 0 "added" "$repo" import layout "$name"
says 0 "was there" "$repo" import layout
says 0 "signed by pool" "$repo" show "$image"
host 4 none
says 1 "it is left out" "$repo" import layout
says 0 "added" "$repo" import layout --all
says 1 "which is not trusted here" "$repo" verify
host 3 none
blob=layout/blobs/sha256/$sum
cp "$blob" good
printf x | dd of="$blob" bs=1 seek=900 conv=notrunc 2>/dev/null
says 1 "what was to be $image is" "$repo" import layout
head -c 900 good >"$blob"
says 1 "what was to be $image is 900 bytes" "$repo" import layout
rm "$blob"
says 1 "No such file" "$repo" import layout
says 0 "" "$repo" list
[ "$(echo "$out" | wc -l)" = 1 ] || fail "a damaged layout left something: $out"

# A registry.
registry one
one=$port
address=http://127.0.0.1:$one/pool/images
host 1 images
says 0 "sent" "$repo" push "$address" --all
says 0 "sent" "$repo" push "$address" "$image"
says 0 '"what": "sent"' "$repo" push "$address:other" "$image" --json
host 3 none
says 1 "there is no 'x' there" "$repo" pull "$address" x
says 1 "manifest unknown" "$repo" pull "$address:nothing"
says 1 "is no address" "$repo" pull "http://127.0.0.1/UPPER"
says 1 "which registry" "$repo" pull
# What broke off goes on; what is wrong is thrown away.
head -c 1000 "$driver" >"repo3/tmp/part-$sum"
says 0 "added" "$repo" pull "$address"
cmp "$driver" repo3/blobs/sha256/*/"$sum" || fail "resumed download"
says 0 "1 images, 0 damaged, 0 that may not" "$repo" verify
[ -z "$(ls repo3/tmp)" ] || fail "left in tmp: $(ls repo3/tmp)"
"$repo" remove "$image"
head -c 1000 /dev/urandom >"repo3/tmp/part-$sum"
says 1 "what was to be $image" "$repo" pull "$address"
says 0 "added" "$repo" pull "$address:$name"
"$repo" remove "$image"

if command -v skopeo >/dev/null; then
	says 0 "application/vnd.oci.image.index.v1+json" skopeo inspect --raw --tls-verify=false \
		"docker://${address#http://}"
	says 0 "application/vnd.xengraft.image.v1" skopeo inspect --raw --tls-verify=false \
		"docker://${address#http://}:$name"
	says 0 "" skopeo copy --quiet --src-tls-verify=false "docker://${address#http://}:$name" oci:copied:x
	says 0 "added" "$repo" import copied
	"$repo" remove "$image"
	says 0 "" skopeo copy --quiet --all --src-tls-verify=false "docker://${address#http://}" oci:copied-all:x
	says 0 "added" "$repo" import copied-all
	"$repo" remove "$image"
	host 1 images
	says 0 "sent" "$repo" export layout2 --all
	says 0 "" skopeo copy --quiet --dest-tls-verify=false "oci:layout2:$name" \
		"docker://127.0.0.1:$one/pool/theirs:x"
	host 3 none
	says 0 "added" "$repo" pull "http://127.0.0.1:$one/pool/theirs:x"
	"$repo" remove "$image"
else
	echo "skopeo is not installed: its opinion was not asked"
fi

# Mirrors: one that is not there, one with wrong bytes, one that has it.
registry two
two=$port
host 1 images
says 0 "sent" "$repo" push "http://127.0.0.1:$two/pool/images" --all
printf x | dd of="$(echo one/docker/registry/v2/blobs/sha256/*/"$sum"/data)" bs=1 seek=900 conv=notrunc 2>/dev/null
host 3 none
says 1 "what was to be $image" "$repo" pull "$address"
printf 'mirror http://127.0.0.1:1/pool/images\nmirror %s\nmirror http://127.0.0.1:%s/pool/images\n' "$address" $two \
	>etc3/repo.conf
says 0 "added" "$repo" pull
says 0 "1 images, 0 damaged, 0 that may not" "$repo" verify

# A registry that wants a name and a password.
if perl -e 1 2>/dev/null; then
	perl -e 'print "operator:", crypt("secret", "\$2y\$05\$abcdefghijklmnopqrstuu"), "\n"' >htpasswd
	registry three "$work/htpasswd"
	host 1 images
	closed=http://127.0.0.1:$port/pool/images
	says 1 "status 401" "$repo" push "$closed" --all
	mkdir -p .docker
	printf '{"auths": {"127.0.0.1:%s": {"auth": "%s"}}}' $port "$(printf operator:wrong | base64)" \
		>.docker/config.json
	says 1 "status 401" "$repo" push "$closed" --all
	printf '{"auths": {"127.0.0.1:%s": {"auth": "%s"}}}' $port "$(printf operator:secret | base64)" \
		>.docker/config.json
	says 0 "sent" "$repo" push "$closed" --all
	says 0 "was there" "$repo" pull "$closed"
fi
exit $failed
