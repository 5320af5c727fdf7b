#!/bin/bash
# Builds the guest image (kernel, initramfs, BIOS files, manifest) from Debian packages into the cache, once per
# recipe, and prints the path of its folder as the last line of standard output. Progress goes to standard error.
#
#   build.sh [--stock] [--refresh] [--initramfs-only DIR]
#
#   --stock               the kernel without our patches (an image of its own, compiled in the same tree)
#   --refresh             look at the archive again, where this recipe was built before with the versions of that day
#   --initramfs-only DIR  only the tools and the initramfs, into DIR, past the cache of images
#
# The cache is $VIRTIOFS_LAB_CACHE, else $XDG_CACHE_HOME/virtiofs-lab, else ~/.cache/virtiofs-lab.
set -euo pipefail
export LC_ALL=C
umask 022

# One group, so that bash has read the whole script before it does anything: it may be edited while it runs.
{

case ${BASH_SOURCE[0]} in */*) HERE=$(cd "${BASH_SOURCE[0]%/*}/" && pwd) ;; *) HERE=$PWD ;; esac
RECIPE=$HERE
CACHE=${VIRTIOFS_LAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/virtiofs-lab}
JOBS=$(nproc 2>/dev/null || echo 2)

# Recommended kernel command line; what each word is for stands in README.md.
CMDLINE='console=ttyS0 tsc=reliable'

say() { printf 'guest image: %s\n' "$*" >&2; }
fail() {
  printf 'guest image: %s\n' "$*" >&2
  exit 1
}
no_way() {
  fail "$* The image can be built in a container instead: 'docker build -t virtiofs-lab-guest guest-images && docker run --rm -v \"$CACHE\":/cache virtiofs-lab-guest' on any machine with Docker fills the same cache."
}

# shellcheck source=cache.sh
. "$HERE/cache.sh"
# shellcheck source=kernel.sh
. "$HERE/kernel.sh"

arguments=("$@")
flavour=lab refresh= only_initramfs=
while [ $# -gt 0 ]; do
  case $1 in
    --stock) flavour=stock ;;
    --refresh) refresh=yes ;;
    --initramfs-only) only_initramfs=${2:?--initramfs-only needs a folder} && shift ;;
    -h | --help) sed -n '2,/^set -/{/^#/s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}" && exit ;;
    *) fail "unknown option '$1' (see --help)" ;;
  esac
  shift
done

# --- the cache --------------------------------------------------------------------------------------------------

basics=$(missing_basics) ||
  fail "This machine has no $basics, without which a guest image cannot be looked for. Install them (coreutils, findutils, grep)."

case $CACHE in
  /*[[:space:]:]*) fail "the kernel cannot be compiled below a path with spaces or colons ($CACHE): set VIRTIOFS_LAB_CACHE" ;;
  /*) ;;
  *) fail "the cache's path is not absolute: $CACHE" ;;
esac

# Ends with the finished image, where there is one and none was asked to be made.
use_finished() {
  if [ -z "$refresh$only_initramfs" ] && finished_image; then exit; fi
}
# What is left where nothing can be built here: the image that the recipe gave elsewhere, as in a container.
take_from_elsewhere() {
  local folder
  [ -z "$refresh$only_initramfs" ] && folder=$(finished_image any) || return 0
  say "$* Taking the image that this recipe gave elsewhere."
  printf '%s\n' "$folder"
  exit
}
cannot_build() {
  take_from_elsewhere "$*"
  no_way "$*"
}

# An image that was built from this recipe needs neither the archive nor a compiler.
identify
use_finished

# --- the machine ------------------------------------------------------------------------------------------------

# sudo may ask for a password where there is a terminal to ask on.
has_terminal() { { : < /dev/tty; } 2>/dev/null; }
may_install() {
  [ "$(id -u)" = 0 ] || { command -v sudo >/dev/null && { has_terminal || sudo -n true 2>/dev/null; }; }
}
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; elif has_terminal; then sudo "$@"; else sudo -n "$@"; fi
}

if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
  cannot_build 'This machine has no apt: building the guest image needs Debian 12 (or a system like it).'
fi
if [ "$(dpkg --print-architecture)" != amd64 ]; then
  cannot_build "The guest image is compiled on amd64; this machine is $(dpkg --print-architecture)."
fi

missing=()
command -v gcc >/dev/null || missing+=(gcc)
command -v ld >/dev/null || missing+=(binutils)
command -v make >/dev/null || missing+=(make)
[ -e /usr/include/x86_64-linux-gnu/sys/cdefs.h ] || missing+=(libc6-dev)
command -v xz >/dev/null || missing+=(xz-utils)
command -v flock >/dev/null || missing+=(util-linux)
if [ ${#missing[@]} -gt 0 ]; then
  if ! may_install; then
    cannot_build "Compiling the guest kernel needs ${missing[*]}, and this user may not install packages. Have 'apt-get install ${missing[*]}' run."
  fi
  say "installing on this machine: ${missing[*]}"
  { as_root apt-get update && as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"; } >&2 ||
    cannot_build "apt-get could not install ${missing[*]}."
fi

folders=("$CACHE"/{debs,packages,images,images/stamps})
if ! mkdir -p "${folders[@]}" 2>/dev/null || [ ! -w "$CACHE" ]; then
  take_from_elsewhere "The cache $CACHE cannot be written."
  fail "The cache $CACHE cannot be written: make it this user's, or set VIRTIOFS_LAB_CACHE to another folder."
fi
exec 9> "$CACHE/lock"
if ! flock --nonblock 9; then
  say 'another build is running; waiting for it'
  flock 9
  use_finished
fi
work=$(mktemp -d "$CACHE/work.XXXXXX")
trap 'rm -rf "$work"' EXIT
# Whatever else is there was left by a run that was killed: the lock is ours.
find "$CACHE" -maxdepth 1 -name 'work.*' ! -path "$work" -exec rm -rf {} +

# From here on everything is made from a copy, so that an edit in the meantime cannot get into an image that is named
# after the files as they were.
RECIPE=$work/recipe
mkdir "$RECIPE"
(cd "$HERE" && cp -r "${INPUTS[@]}" "$RECIPE/")
before=$recipe
identify
if [ "$recipe" != "$before" ]; then
  say 'the recipe has changed meanwhile; starting again'
  rm -rf "$work"
  exec 9>&-
  exec bash "$HERE/build.sh" "${arguments[@]}"
fi

# --- packages: downloaded and unpacked, never installed ---------------------------------------------------------

gcc_major=$(gcc -dumpversion)
gcc_major=${gcc_major%%.*}
declare -A PACKAGES=(
  [amd64]="flex bison m4 libsigsegv2 bc libreadline8 patch lz4 libc6-dev-i386 lib32gcc-$gcc_major-dev seabios linux-source-6.12"
  [i386]='busybox-static bash-static ncurses-base'
)

# apt with a state of its own for one architecture: the machine's lists and architectures stay as they are, and no
# rights are needed.
apt_for() {
  local arch=$1 state=$CACHE/apt/$1
  shift
  mkdir -p "$state/lists/partial" "$state/archives/partial"
  : > "$state/status"
  cat > "$state/apt.conf" <<CONF
Dir::State "$state";
Dir::State::status "$state/status";
Dir::Cache "$state";
Dir::Cache::archives "$state/archives";
APT::Architecture "$arch";
APT::Architectures { "$arch"; };
APT::Get::List-Cleanup "false";
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "2";
CONF
  APT_CONFIG=$state/apt.conf apt-get "$@"
}

# One line a package of architecture $1: its file name in debs/ (name_version_arch.deb).
package_files() {
  local arch=$1 wanted=() name
  for name in ${PACKAGES[$arch]}; do
    if [ "$name" = linux-source-6.12 ] && APT_CONFIG=$CACHE/apt/$arch/apt.conf apt-cache show "$name=$TESTED_LINUX" >/dev/null 2>&1; then
      name=$name=$TESTED_LINUX
    fi
    wanted+=("$name")
  done
  apt_for "$arch" download --print-uris "${wanted[@]}" | cut -d ' ' -f 2
}

fetch() {
  local arch file
  for arch in amd64 i386; do
    if [ -n "$refresh" ] || ! apt_for "$arch" download --print-uris ${PACKAGES[$arch]} >/dev/null 2>&1; then
      say "reading the package lists for $arch"
      # An archive in the middle of an update fails for one list; what matters is whether the packages are there.
      apt_for "$arch" update > "$work/apt-update.log" 2>&1 || true
    fi
    if ! package_files "$arch" > "$work/files.$arch" 2> "$work/apt.log"; then
      cat "$work/apt-update.log" "$work/apt.log" >&2 2>/dev/null || true
      cannot_build "The archive that apt is set up for does not have all of: ${PACKAGES[$arch]} ($arch); apt's words are above."
    fi
    local todo=()
    while IFS= read -r file; do
      [ -e "$CACHE/debs/$file" ] || todo+=("$file")
    done < "$work/files.$arch"
    if [ ${#todo[@]} -gt 0 ]; then
      say "downloading ${todo[*]}"
      mkdir -p "$work/debs"
      local names=()
      for file in "${todo[@]}"; do
        local version=${file#*_}
        version=${version%_*}
        names+=("${file%%_*}=${version//%3a/:}")
      done
      (cd "$work/debs" && apt_for "$arch" download "${names[@]}" > "$work/apt.log" 2>&1) || {
        cat "$work/apt.log" >&2
        take_from_elsewhere 'A package could not be downloaded.'
        fail 'a package could not be downloaded; apt'\''s words are above'
      }
      mv "$work/debs"/* "$CACHE/debs/"
    fi
  done
  cat "$work/files.amd64" "$work/files.i386" > "$work/files"
}

# unpack NAME: the folder with the contents of package NAME.
unpack() {
  local file
  file=$(grep "^$1_" "$work/files")
  if [ ! -d "$CACHE/packages/$file" ]; then
    dpkg-deb --extract "$CACHE/debs/$file" "$work/unpacking"
    mv "$work/unpacking" "$CACHE/packages/$file"
  fi
  printf '%s\n' "$CACHE/packages/$file"
}
version_of() {
  local file
  file=$(grep "^$1_" "$work/files")
  file=${file#*_}
  file=${file%_*}
  printf '%s\n' "${file//%3a/:}"
}

fetch
linux_version=$(version_of linux-source-6.12)
libc_headers=$(dpkg-query --show --showformat='${Version}' libc6-dev)
{
  printf '%s\n' "$compiler" "libc6-dev $libc_headers"
  for name in linux-source-6.12 bash-static busybox-static libc6-dev-i386 seabios; do
    printf '%s\n' "$name $(version_of "$name")"
  done
} | say_untested

versions=$(printf '%s\n' "$compiler" "libc6-dev $libc_headers" "$(sort "$work/files")")
kernel_key=$({
  hash_of_files kernel.sh kernel.config patches
  printf '%s\n' "$compiler"
  grep -E '^(linux-source|flex|bison|m4|bc|lz4)' "$work/files" | sort
} | hash_of_input)
key=$(printf '%s\n' "$recipe" "$flavour" "$versions" | hash_of_input)
image=$CACHE/images/$key

for tool in flex bison m4 bc patch lz4; do
  PATH=$(unpack "$tool")/usr/bin:$PATH
done
export PATH
BISON_PKGDATADIR=$(unpack bison)/usr/share/bison
M4=$(unpack m4)/usr/bin/m4
LD_LIBRARY_PATH=$(unpack libsigsegv2)/usr/lib/x86_64-linux-gnu:$(unpack libreadline8)/lib/x86_64-linux-gnu
export BISON_PKGDATADIR M4 LD_LIBRARY_PATH

# --- tools and initramfs ----------------------------------------------------------------------------------------

# compile32 OUTPUT ARGUMENT...: a static i386 program (or an object, with -c), from the unpacked 32-bit C library.
compile32() {
  local libc gcc_files headers output=$1
  shift
  libc=$(unpack libc6-dev-i386)
  gcc_files=$(unpack "lib32gcc-$gcc_major-dev")/usr/lib/gcc/x86_64-linux-gnu/$gcc_major/32
  headers=/usr/include/x86_64-linux-gnu
  gcc -m32 -march=i686 -O2 -std=gnu11 -Wall -Wextra -Wno-sign-compare -Werror -static -no-pie -fno-pie \
    -ffile-prefix-map="$RECIPE"=. -Wl,--build-id=none -s \
    -isystem "$libc/usr/include" -idirafter "$headers" -B"$libc/usr/lib32/" -B"$gcc_files/" \
    -L"$libc/usr/lib32" -L"$gcc_files" -o "$output" "$@"
}

# compile_tools FILE: our programs in one, which share the C library (0.7 MB of each); argv[0] says which one is meant.
compile_tools() {
  local source name symbol objects=()
  printf '#include <string.h>\n#include <stdio.h>\n' > "$work/tools.c"
  for source in "$RECIPE"/tools/*.c; do
    name=${source##*/} name=${name%.c}
    symbol=${name//-/_}_main
    compile32 "$work/$name.o" -c -Dmain="$symbol" "$source"
    # What one calls its functions is no matter of the others.
    objcopy --keep-global-symbol="$symbol" "$work/$name.o"
    objects+=("$work/$name.o")
    printf 'int %s(int argc, char **argv);\n' "$symbol" >> "$work/tools.c"
  done
  cat >> "$work/tools.c" <<'C'
int main(int argc, char **argv)
{
	const char *slash = strrchr(argv[0], '/'), *name = slash ? slash + 1 : argv[0];

C
  for source in "$RECIPE"/tools/*.c; do
    name=${source##*/} name=${name%.c}
    printf '\tif (!strcmp(name, "%s"))\n\t\treturn %s_main(argc, argv);\n' "$name" "${name//-/_}" >> "$work/tools.c"
  done
  printf '\tfprintf(stderr, "%%s: no such tool\\n", name);\n\treturn 127;\n}\n' >> "$work/tools.c"
  compile32 "$1" "$work/tools.c" "${objects[@]}"
}

# The kernel's own program that writes an initramfs from a list. Finding one file in the source archive takes seconds,
# so it is kept.
gen_init_cpio() {
  local source
  source=$(unpack linux-source-6.12)/gen_init_cpio.c
  if [ ! -e "$source" ]; then
    tar --extract --file="${source%/*}/usr/src/linux-source-6.12.tar.xz" --to-stdout --occurrence=1 \
      --wildcards '*/usr/gen_init_cpio.c' > "$work/gen_init_cpio.c"
    mv "$work/gen_init_cpio.c" "$source"
  fi
  gcc -O2 -o "$work/gen_init_cpio" "$source"
}

# initramfs FILE: what the guest finds as its root file system.
initramfs() {
  local root=$work/root source name busybox
  say 'building the tools and the initramfs'
  rm -rf "$root"
  mkdir -p "$root"/{bin,sbin,usr/bin,usr/sbin,dev,proc,sys,tmp,run,mnt/lab,root,etc}
  cp -r "$RECIPE/rootfs/." "$root/"
  busybox=$(unpack busybox-static)/bin/busybox
  cp "$busybox" "$root/bin/busybox"
  cp "$(unpack bash-static)/bin/bash-static" "$root/bin/bash"
  # What bash's line editing has to know of the terminal.
  for name in x/xterm-256color x/xterm l/linux v/vt100 d/dumb; do
    mkdir -p "$root/lib/terminfo/${name%/*}"
    cp "$(unpack ncurses-base)/lib/terminfo/$name" "$root/lib/terminfo/$name"
  done
  compile_tools "$root/bin/lab-tools"
  chmod 755 "$root"/init "$root"/bin/* "$root"/etc/lab/{console,login,shutdown}

  gen_init_cpio
  # The list rather than the folder decides owner, mode and time, so that nothing of this machine gets in.
  {
    (cd "$root" && find . -mindepth 1 \( -type d -printf 'dir /%P 755 0 0\n' \) -o \
      \( -type f -perm -u+x -printf "file /%P $root/%P 755 0 0\n" \) -o \
      \( -type f -printf "file /%P $root/%P 644 0 0\n" \))
    "$busybox" --list | while IFS= read -r name; do
      [ -e "$root/bin/$name" ] || printf 'slink /bin/%s busybox 777 0 0\n' "$name"
    done
    for source in "$RECIPE"/tools/*.c; do
      name=${source##*/}
      printf 'slink /bin/%s lab-tools 777 0 0\n' "${name%.c}"
    done
    for name in init reboot poweroff halt getty; do
      printf 'slink /sbin/%s ../bin/busybox 777 0 0\n' "$name"
    done
    printf 'nod /dev/console 600 0 0 c 5 1\n'
  } | sort -k 2,2 -u > "$work/list"
  # Not compressed: the guest would have to undo that at an emulator's speed.
  "$work/gen_init_cpio" -t 1767225600 "$work/list" > "$1"
}

if [ -n "$only_initramfs" ]; then
  mkdir -p "$only_initramfs"
  initramfs "$only_initramfs/initramfs.cpio"
  cp "$work/root/bin/lab-tools" "$only_initramfs/"
  cd "$only_initramfs" && pwd
  exit
fi

# --- the image --------------------------------------------------------------------------------------------------

file_entry() { # NAME FILE: one member of the manifest's "files"
  printf '    "%s": { "name": "%s", "size": %d, "sha256": "%s" }' \
    "$1" "$2" "$(stat --format=%s "$work/image/$2")" "$(sha256sum < "$work/image/$2" | cut -d ' ' -f 1)"
}

manifest() {
  printf '{\n  "schema": 1,\n  "key": "%s",\n  "stock": %s,\n' "$key" "$([ "$flavour" = stock ] && echo true || echo false)"
  printf '  "cmdline": "%s",\n  "files": {\n' "$CMDLINE"
  file_entry kernel bzImage && printf ',\n'
  file_entry initrd initramfs.cpio && printf ',\n'
  file_entry bios bios.bin && printf ',\n'
  file_entry vgabios vgabios.bin && printf '\n  },\n'
  printf '  "versions": {\n    "linux": "%s",\n    "compiler": "%s",\n    "binutils": "%s"' "$linux_version" \
    "$(sed -n 1p <<< "$compiler")" "$(sed -n 2p <<< "$compiler")"
  for name in busybox-static bash-static ncurses-base libc6-dev-i386 seabios; do
    printf ',\n    "%s": "%s"' "$name" "$(version_of "$name")"
  done
  printf '\n  }\n}\n'
}

sources() {
  cat <<TEXT
# Where the guest image's sources are from

Everything here was made from Debian packages; their sources are in Debian's archive under the names and versions below
(\`apt-get source NAME=VERSION\`), and for good in Debian's snapshot archive. Recipe, patches, configuration and our own
programs are in the folder \`guest-images\` of the project.

| file | what | source package | licence |
| --- | --- | --- | --- |
| bzImage | Linux, $([ "$flavour" = stock ] && echo 'not patched' || echo 'with the patches in `guest-images/patches`'), configured by \`guest-images/kernel.config\` | linux $linux_version | GPL-2.0 |
| initramfs.cpio: busybox | busybox-static $(version_of busybox-static), i386 | busybox | GPL-2.0 |
| initramfs.cpio: bash | bash-static $(version_of bash-static), i386 | bash | GPL-3.0-or-later |
| initramfs.cpio: lib/terminfo | ncurses-base $(version_of ncurses-base) | ncurses | MIT (X11) |
| initramfs.cpio: lab-tools | our programs, MIT, linked with the C library of libc6-dev-i386 $(version_of libc6-dev-i386) | glibc | LGPL-2.1-or-later |
| bios.bin, vgabios.bin | seabios $(version_of seabios): bios.bin, vgabios-stdvga.bin | seabios | LGPL-3.0 |
TEXT
}

if [ ! -e "$image/manifest.json" ]; then
  kernel_build "$CACHE/kernel/$kernel_key" "$flavour" "$(unpack linux-source-6.12)/usr/src/linux-source-6.12.tar.xz"
  mkdir -p "$work/image/LICENSES"
  cp "$CACHE/kernel/$kernel_key/bzImage.$flavour" "$work/image/bzImage"
  initramfs "$work/image/initramfs.cpio"
  cp "$(unpack seabios)/usr/share/seabios/bios.bin" "$work/image/bios.bin"
  cp "$(unpack seabios)/usr/share/seabios/vgabios-stdvga.bin" "$work/image/vgabios.bin"
  for name in linux-source-6.12 busybox-static bash-static ncurses-base libc6-dev-i386 seabios; do
    copyright=$(unpack "$name")/usr/share/doc/$name/copyright
    [ -e "$copyright" ] && cp "$copyright" "$work/image/LICENSES/$name"
  done
  # The copyright files name the licences; these are their texts.
  cp /usr/share/common-licenses/{GPL-2,GPL-3,LGPL-2.1,LGPL-3} "$work/image/LICENSES/"
  sources > "$work/image/SOURCES.md"
  manifest > "$work/image/manifest.json"
  rm -rf "$image"
  mv "$work/image" "$image"
  # An object tree takes hundreds of megabytes and serves its own recipe only.
  find "$CACHE/kernel" -mindepth 2 -maxdepth 2 -name linux ! -path "$CACHE/kernel/$kernel_key/*" -exec rm -rf {} +
fi
printf '%s\n' "$key" > "$work/stamp"
mv "$work/stamp" "$stamp"
printf '%s\n' "$image"
exit
}
