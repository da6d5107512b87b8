#!/bin/sh
# Installs AIVillage from this folder on a machine that needs neither the internet nor Node: tar and gzip unpacked it,
# and a POSIX shell with coreutils does the rest. Running it again repairs what is damaged, and changes nothing else; running
# that of a newer bundle upgrades.
set -eu
umask 022

usage() {
  cat <<'USAGE'
usage: ./install.sh [--prefix DIR] [--system] [--service] [--downgrade]
       ./install.sh --check
       ./install.sh --rollback [--prefix DIR] [--system]
       ./install.sh --uninstall [--prefix DIR] [--system]

  --prefix DIR   where to: DIR/lib/aivillage and DIR/bin/village; by default ~/.local
  --system       for everybody on the machine: /usr/local unless a prefix is given; needs root
  --service      keep the daemon running: `village service install` (with --system: of the machine)
  --check        check this bundle and this machine, and install nothing
  --rollback     go back to the version that was there before the last upgrade
  --downgrade    install although a newer version is there
  --uninstall    remove the program; keys, models and knowledge in ~/.aivillage stay
USAGE
}

say() { printf '%s\n' "$*"; }
fail() {
  printf 'install.sh: %s\n' "$1" >&2
  [ $# -lt 2 ] || printf '  %s\n' "$2" >&2
  exit 1
}

action=install
prefix=
system=no
service=no
downgrade=no
while [ $# -gt 0 ]; do
  case $1 in
    --prefix)
      [ $# -ge 2 ] && [ -n "$2" ] || fail '--prefix takes a folder'
      prefix=$2
      shift
      ;;
    --prefix=?*) prefix=${1#--prefix=} ;;
    --system) system=yes ;;
    --service) service=yes ;;
    --check) action=check ;;
    --rollback) action=rollback ;;
    --downgrade) downgrade=yes ;;
    --uninstall) action=uninstall ;;
    -h | --help)
      usage
      exit 0
      ;;
    *)
      usage >&2
      exit 2
      ;;
  esac
  shift
done

here=$(cd -- "$(dirname -- "$0")" && pwd -P)
if [ "$system" = yes ]; then
  [ "$(id -u)" = 0 ] || fail '--system needs root' 'Run it with sudo, or leave --system out to install for yourself alone.'
  prefix=${prefix:-/usr/local}
else
  prefix=${prefix:-${HOME:?is not set: give --prefix}/.local}
fi
case $prefix in
  /*) ;;
  *) prefix=$(pwd -P)/$prefix ;;
esac
# It is written into a script between single quotes.
case $prefix in
  *"'"* | *'
'*) fail "the prefix $prefix has a quote or a line break in it" 'Choose another --prefix.' ;;
esac
library=$prefix/lib/aivillage
program=$prefix/bin/village
manual=$prefix/share/man/man1/village.1
marker='# Written by install.sh of AIVillage.'

# The value of a key of bundle.env; it is read, never run.
value() { sed -n "s/^$1=//p" "$here/bundle.env" | head -n 1; }

is_ours() { [ -f "$program" ] && grep -qF "$marker" "$program"; }

# Whether the folder `$1` is a version that install.sh put there: what else lies beside it is somebody else's.
is_version() { [ ! -L "$1" ] && [ -f "$1/bundle.env" ] && [ -f "$1/SHA256SUMS" ]; }

check_platform() {
  platform=$(value PLATFORM)
  case $(uname -s)-$(uname -m) in
    Linux-x86_64 | Linux-amd64) machine=linux-x64 ;;
    Linux-aarch64 | Linux-arm64) machine=linux-arm64 ;;
    *) machine=$(uname -s)-$(uname -m) ;;
  esac
  [ "$machine" = "$platform" ] ||
    fail "this bundle is for $platform, and this machine is $machine" "Get the bundle of $machine, or make it: npm run bundle -- --platform $machine"
  needed=$(value GLIBC)
  found=$(getconf GNU_LIBC_VERSION 2>/dev/null | sed 's/^glibc //') || found=
  [ -n "$found" ] ||
    fail 'this system has no GNU C library' 'Debian, Ubuntu, Fedora and their relatives have it; Alpine has not: use a container there.'
  older=$(printf '%s\n%s\n' "$needed" "$found" | sort -t. -k1,1n -k2,2n | head -n 1)
  [ "$older" = "$needed" ] ||
    fail "this system has glibc $found, and the bundle needs $needed or newer" 'Debian 12, Ubuntu 22.04 and anything newer will do.'
}

check_files() {
  cd "$here"
  [ -f SHA256SUMS ] && [ -f bundle.env ] || fail 'this is no bundle' 'Run install.sh from the folder that was unpacked.'
  odd=$(find . ! -type f ! -type d | head -n 1)
  [ -z "$odd" ] || fail "$odd is neither a file nor a folder" 'Unpack the bundle again.'
  listed=$(($(wc -l <SHA256SUMS)))
  there=$(($(find . -type f ! -path ./SHA256SUMS ! -path ./install.sh | wc -l)))
  [ "$listed" = "$there" ] ||
    fail "the bundle holds $there files, and its list has $listed" 'Unpack it again, into an empty folder.'
  sha256sum -c --quiet --strict SHA256SUMS >/dev/null 2>&1 ||
    fail "a file is damaged: $(sha256sum -c --quiet SHA256SUMS 2>/dev/null | head -n 1)" 'Copy the bundle again, and compare its own SHA-256 with the one you were given.'
}

check_runs() {
  said=$("$here/runtime/bin/node" --version 2>&1) ||
    fail "its Node does not run here: $(printf '%s' "$said" | head -n 1)" 'Install the C++ library of your distribution: libstdc++6 on Debian and Ubuntu, libstdc++ on Fedora.'
}

nearest_folder() {
  folder=$1
  while [ ! -d "$folder" ]; do folder=$(dirname -- "$folder"); done
  printf '%s' "$folder"
}

check_space() {
  at=$(nearest_folder "$library")
  [ -w "$at" ] || fail "$at cannot be written" 'Give another --prefix, or run it with sudo and --system.'
  free=$(df -Pk "$at" | awk 'NR == 2 { print $4 }')
  wanted=$(($(value SIZE_KIB) + $(value SIZE_KIB) / 20))
  [ "$free" -ge "$wanted" ] ||
    fail "$at has $((free / 1024)) MiB free, and $((wanted / 1024)) MiB are needed" 'Make room, or give a --prefix on another disk.'
}

# The version of a folder, `1.2.3-…` without what follows.
number() { printf '%s' "${1%%-*}"; }

is_older() {
  [ "$(number "$1")" != "$(number "$2")" ] &&
    [ "$(printf '%s\n%s\n' "$(number "$1")" "$(number "$2")" | sort -t. -k1,1n -k2,2n -k3,3n | head -n 1)" = "$(number "$1")" ]
}

# An older program does not read the data of a newer one, and knows no way back for them: only the newer one does.
check_order() {
  [ "$downgrade" = no ] && [ -n "$current" ] && is_older "$version" "$current" || return 0
  fail "AIVillage $(number "$current") is installed, and this bundle is the older $(number "$version")" "Its data may be newer than this program reads: stop the daemon, run \`$program upgrade --roll-back\` first if it was upgraded, then call install.sh with --downgrade."
}

# Moves the link `$1` to `$2` in one step: a daemon that starts meanwhile finds the old version or the new one.
point() {
  ln -s "$2" "$1.new.$$"
  mv -fT "$1.new.$$" "$1"
}

# What an installer that was killed left: its process is in the name.
sweep() {
  [ -d /proc/self ] || return 0
  for left in "$library"/.new.* "$library"/current.new.* "$library"/previous.new.* "$program".new.*; do
    [ -e "$left" ] || [ -L "$left" ] || continue
    case ${left##*.} in
      *[!0-9]*) ;;
      *) [ -d "/proc/${left##*.}" ] || rm -rf "$left" ;;
    esac
  done
}

write_program() {
  mkdir -p "$prefix/bin" "${manual%/*}"
  if [ -e "$program" ] && ! is_ours; then
    fail "$program is there and is not ours" 'Move it away, or give another --prefix.'
  fi
  {
    say '#!/bin/sh'
    say "$marker"
    say "root='$library/current'"
    # Compiled code is run: it lies where only this user can write.
    say 'if [ -n "${HOME:-}" ]; then'
    say '  : "${NODE_COMPILE_CACHE:=${XDG_CACHE_HOME:-$HOME/.cache}/aivillage}"'
    say '  export NODE_COMPILE_CACHE'
    say 'fi'
    say "exec \"\$root/runtime/bin/node\" $(value NODE_FLAGS) \"\$root/app/dist/node/main.js\" \"\$@\""
  } >"$program.new.$$"
  chmod 755 "$program.new.$$"
  mv -f "$program.new.$$" "$program"
  ln -sfn "$library/current/app/docs/village.1" "$manual"
}

install() {
  check_files
  check_platform
  check_runs
  version=$(value VERSION)-$(sha256sum SHA256SUMS | cut -c 1-12)
  current=$(readlink "$library/current" 2>/dev/null || true)
  check_order
  sweep
  # Also after a power cut in the middle of an installation: a copy that is not whole is made again.
  if [ -d "$library/$version" ] && (cd "$library/$version" && sha256sum -c --quiet --strict SHA256SUMS >/dev/null 2>&1); then
    say "AIVillage $(value VERSION) is in $library already"
  else
    check_space
    mkdir -p "$library"
    trap 'rm -rf "$library/.new.$$"' EXIT
    trap 'exit 130' INT TERM HUP
    cp -R "$here/." "$library/.new.$$"
    # What was unpacked under a strict umask is as strict, and with --system others run it.
    chmod -R u=rwX,go=rX "$library/.new.$$"
    rm -rf "${library:?}/$version"
    mv -T "$library/.new.$$" "$library/$version"
  fi
  write_program
  if [ "$current" != "$version" ]; then
    # A daemon that runs still reads files of the version before, and --rollback goes back to it; older ones go. This link
    # comes first: cut off between the two, the next run finds `current` as it was, and does both again.
    [ -z "$current" ] || point "$library/previous" "$current"
    point "$library/current" "$version"
  fi
  previous=$(readlink "$library/previous" 2>/dev/null || true)
  for folder in "$library"/*-*/; do
    name=$(basename -- "$folder")
    [ "$name" = "$version" ] || [ "$name" = "$previous" ] || ! is_version "${folder%/}" || rm -rf "${library:?}/$name"
  done
  "$program" --version >/dev/null || fail "$program does not run" 'Tell us what it says: it is a fault of this bundle.'
  say "AIVillage $(value VERSION) is installed: $program"
  [ -z "$current" ] || [ "$current" = "$version" ] ||
    say 'A daemon that runs goes on with the version before until it is started again.'
  if [ "$service" = yes ]; then
    if [ "$system" = yes ]; then "$program" service install --system; else "$program" service install; fi
  else
    say "Start it with: $program start"
  fi
  case :${PATH:-}: in
    *":$prefix/bin:"*) ;;
    *) say "$prefix/bin is not in your PATH: add it, or call $program" ;;
  esac
}

rollback() {
  previous=$(readlink "$library/previous" 2>/dev/null || true)
  current=$(readlink "$library/current" 2>/dev/null || true)
  [ -n "$previous" ] && [ -d "$library/$previous" ] ||
    fail 'there is no version to go back to' 'It is kept from one upgrade to the next.'
  point "$library/current" "$previous"
  point "$library/previous" "$current"
  here=$library/$previous
  write_program
  say "AIVillage $(value VERSION) is in use again; start the daemon anew"
  say "Where it refuses the data because $(number "$current") has upgraded them: call --rollback once more, run \`$program upgrade --roll-back\`, and come back."
}

uninstall() {
  installed=$(readlink "$library/current" 2>/dev/null || true)
  { [ -n "$installed" ] && is_version "$library/$installed"; } || is_ours ||
    fail "there is no AIVillage in $prefix" 'Give the --prefix that it was installed with.'
  if is_ours; then
    if [ "$system" = yes ]; then unit=/etc/systemd/system/village.service; else unit=${XDG_CONFIG_HOME:-${HOME:-}/.config}/systemd/user/village.service; fi
    if [ -f "$unit" ] && grep -qF "$library/" "$unit"; then
      if [ "$system" = yes ]; then "$program" service uninstall --system; else "$program" service uninstall; fi
    fi
    rm -f "$program"
  fi
  case $(readlink "$manual" 2>/dev/null || true) in
    "$library"/*) rm -f "$manual" ;;
  esac
  for folder in "$library"/*-*/; do
    ! is_version "${folder%/}" || rm -rf "${folder%/}"
  done
  rm -rf "$library/current" "$library/previous" "$library"/current.new.* "$library"/previous.new.* "$library"/.new.*
  [ ! -d "$library" ] || rmdir "$library" 2>/dev/null ||
    say "$library stays: there is something in it that is not of AIVillage"
  say 'AIVillage is removed; what the daemon kept (by default ~/.aivillage) is still there'
}

case $action in
  check)
    check_files
    check_platform
    check_runs
    say "The bundle of AIVillage $(value VERSION) is whole and runs here"
    ;;
  *) "$action" ;;
esac
