#!/bin/bash
# Builds twice, in two folders and on two dates, and compares the bytes.
#
#   reproducible-test.sh          the tools and the initramfs (seconds)
#   reproducible-test.sh --whole  the whole image, kernel included, with two empty caches (minutes)
#
# The second build runs from a copy of this folder under another path, with other file times, another umask, another
# time zone, and a date some days on (a preloaded library moves the clock of everything that the build runs).
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cat > "$work/later.c" <<'C'
/* Moves the clock that a program reads on by 40 days and some hours. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/time.h>
#include <time.h>
enum { LATER = 40 * 86400 + 12345 };
int clock_gettime(clockid_t id, struct timespec *t)
{
	int (*real)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
	int status = real(id, t);
	if (id == CLOCK_REALTIME)
		t->tv_sec += LATER;
	return status;
}
time_t time(time_t *t)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	if (t)
		*t = now.tv_sec;
	return now.tv_sec;
}
int gettimeofday(struct timeval *t, void *zone)
{
	struct timespec now;
	(void)zone;
	clock_gettime(CLOCK_REALTIME, &now);
	t->tv_sec = now.tv_sec;
	t->tv_usec = now.tv_nsec / 1000;
	return 0;
}
C
gcc -shared -fPIC -O2 -o "$work/later.so" "$work/later.c"
today=$(date +%F)
later=$(LD_PRELOAD=$work/later.so date +%F)
[ "$today" != "$later" ] || { echo 'the date could not be moved'; exit 1; }

copy="$work/some where else/recipe"
mkdir -p "${copy%/*}"
cp -r "$HERE" "$copy"
find "$copy" -exec touch -d '2001-02-03 04:05:06' {} +

sums() { (cd "$1" && find . -type f | sort | xargs sha256sum); }

if [ "${1:-}" = --whole ]; then
  first=$(VIRTIOFS_LAB_CACHE=$work/a "$HERE/build.sh" | tail -1)
  # The packages, but nothing that was built: apt takes the archive's lists for expired on the later date.
  mkdir "$work/b"
  cp -r "$work/a/apt" "$work/a/debs" "$work/b/"
  second=$(umask 077 && TZ=Asia/Tokyo LD_PRELOAD=$work/later.so VIRTIOFS_LAB_CACHE=$work/b "$copy/build.sh" | tail -1)
else
  first=$("$HERE/build.sh" --initramfs-only "$work/a" | tail -1)
  second=$(umask 077 && TZ=Asia/Tokyo LD_PRELOAD=$work/later.so "$copy/build.sh" --initramfs-only "$work/b" | tail -1)
fi
sums "$first" > "$work/first"
sums "$second" > "$work/second"
if ! diff "$work/first" "$work/second"; then
  echo "not reproducible: $today in $HERE and $later in $copy gave different bytes"
  exit 1
fi
echo "reproducible: $(wc -l < "$work/first") files, the same on $today and on $later"
