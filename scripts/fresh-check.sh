#!/usr/bin/env bash
# The README's commands on a machine with nothing on it: makes an empty Debian in a folder, clones what is committed here
# into it, runs the commands, prints their times, removes it. Needs root. SUITE: another suite than bookworm; MIRROR:
# where its packages come from, as mmdebstrap takes it; COMMANDS: others than "make demo-check" and "make test", one a
# line. `make demo-check` stands for `make demo`, which waits for Ctrl-C.
source "$(dirname "$0")/common.sh"

[ "$(id -u)" -eq 0 ] || die "fresh-check makes a system of its own, for which it must run as root."
command -v mmdebstrap >/dev/null || die "fresh-check needs mmdebstrap: apt-get install mmdebstrap"
suite=${SUITE:-bookworm}
commands=${COMMANDS:-$'make demo-check\nmake test'}

# The packages come from where this machine gets its own, if it is of the same suite.
mirror=${MIRROR:-}
own=/etc/apt/sources.list.d/debian.sources
if [ -z "$mirror" ] && grep -q "^Suites:.*\b$suite\b" "$own" 2>/dev/null; then mirror=$own; fi

fresh=$(mktemp -d "${TMPDIR:-/var/tmp}/coatcheck-fresh.XXXXXX")
# What is mounted into it is mounted in a namespace that ends with the commands.
trap 'rm -rf --one-file-system "$fresh"' EXIT
say "fresh-check: an empty $suite in $fresh"
mmdebstrap --quiet --mode=root --variant=apt --include=ca-certificates,make,git "$suite" "$fresh" ${mirror:+"$mirror"}

# How this machine reaches the registries: names, and certificates of its own.
cp /etc/resolv.conf /etc/hosts "$fresh/etc/"
if compgen -G '/usr/local/share/ca-certificates/*.crt' >/dev/null; then
  cp /usr/local/share/ca-certificates/*.crt "$fresh/usr/local/share/ca-certificates/"
  chroot "$fresh" update-ca-certificates >/dev/null 2>&1
fi
git clone --quiet --no-hardlinks "$root" "$fresh/root/coatcheck"

settings=(HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8)
while IFS= read -r variable; do settings+=("$variable"); done < <(env | grep -E '^([a-zA-Z]+_proxy|[A-Z_]*(CERT|CA_BUNDLE)[A-Z_]*)=')

failed=0
report=""
while IFS= read -r command; do
  [ -n "$command" ] || continue
  say "fresh-check: $command"
  started=$SECONDS
  status=0
  # shellcheck disable=SC2016  # $0 and $1 are the inner shell's
  env -i "${settings[@]}" unshare --mount --pid --fork bash -c '
    mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && mount -t tmpfs tmpfs "$0/tmp" &&
      chroot "$0" bash -c "cd /root/coatcheck && $1"' "$fresh" "$command" </dev/null || status=$?
  [ "$status" -eq 0 ] || failed=1
  report+="$(printf '%-20s %s %5d s' "$command" "$([ "$status" -eq 0 ] && echo passed || echo "FAILED ($status)")" $((SECONDS - started)))"$'\n'
done <<<"$commands"

say "fresh-check: $suite"
printf '%s' "$report"
exit "$failed"
