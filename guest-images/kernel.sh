# The guest kernel, for build.sh to source: unpack, configure, patch and compile Debian's linux-source-6.12.
# Everything that decides the kernel's bytes is in this file, kernel.config, patches/ and the versions of the packages.

# Lines that make prints for a whole build with kernel.config; only the progress display uses it.
KERNEL_STEPS=1005

# What the unpacked tree need not have: sources that the configuration cannot reach. Kconfig and Makefile files stay, and
# headers that others include; a pattern's * matches slashes too.
KERNEL_UNUSED=(
  '*/Documentation/*.rst' '*/Documentation/*.yaml' '*/Documentation/*.txt' '*/Documentation/*.svg' '*.dts' '*.dtsi'
  '*/samples/*.[ch]' '*/tools/testing/*.[ch]' '*/tools/perf/*.[ch]' '*/sound/*.[ch]'
  '*/drivers/'{gpu,infiniband,iio,media,staging,usb}'/*.[ch]'
  '*/drivers/'{clk,pinctrl,net/ethernet,net/wireless}'/*.[ch]'
  '*/arch/'{alpha,arc,arm,arm64,csky,hexagon,loongarch,m68k,microblaze,mips,nios2,openrisc}'/*.[chS]'
  '*/arch/'{parisc,powerpc,riscv,s390,sh,sparc,um,xtensa}'/*.[chS]'
)

# Runs make in the kernel tree $1 with the rest of the arguments, always the same way.
kernel_make() {
  local tree=$1
  shift
  KBUILD_BUILD_TIMESTAMP='Thu Jan  1 00:00:00 UTC 2026' KBUILD_BUILD_USER=lab KBUILD_BUILD_HOST=lab \
    KBUILD_BUILD_VERSION=1 KCFLAGS= LC_ALL=C \
    make -C "$tree" ARCH=i386 --no-print-directory "$@"
}

# Stops when a line of the fragment did not take effect in the tree $1.
kernel_check_config() {
  local line name
  while IFS= read -r line; do
    case $line in
      CONFIG_*) grep -qxF -- "$line" "$1/.config" ;;
      '# CONFIG_'*' is not set')
        name=${line#\# } name=${name%% *}
        ! grep -q -- "^$name=" "$1/.config"
        ;;
      *) continue ;;
    esac || fail "kernel.config: '$line' did not take effect (a dependency is missing, or the option is gone)"
  done < "$RECIPE/kernel.config"
}

# Applies (or with $2 = --reverse takes out) our patches in the tree $1; a hunk that does not fit exactly stops.
kernel_patch() {
  local tree=$1 patch list=("$RECIPE"/patches/*.patch)
  if [ "${2:-}" = --reverse ]; then
    mapfile -t list < <(printf '%s\n' "${list[@]}" | sort -r)
  fi
  for patch in "${list[@]}"; do
    say "patch ${2:-} ${patch##*/}"
    if ! patch ${2:-} --directory="$tree" --strip=1 --fuzz=0 --forward --no-backup-if-mismatch \
      --reject-file="$tree/rejected" < "$patch" >"$tree/patch.log" 2>&1; then
      cat "$tree/patch.log" >&2
      [ -s "$tree/rejected" ] && cat "$tree/rejected" >&2
      fail "${patch##*/} does not apply to this kernel source; the hunk is above"
    fi
  done
}

# Shows how far make is, on standard error; the whole output goes to the file $1.
kernel_progress() {
  awk -v log_file="$1" -v total="$KERNEL_STEPS" '
    { print > log_file }
    /^  [A-Z]+ / {
      percent = int(++n * 100 / total); if (percent > 99) percent = 99
      if (percent >= shown + 5) { shown = percent; printf "guest image: kernel %d %%\n", percent > "/dev/stderr" }
    }'
}

# kernel_build DIR FLAVOUR SOURCE: makes DIR/bzImage.FLAVOUR (lab: with our patches; stock: without) from the source
# archive SOURCE. The tree in DIR is kept, so that the other flavour compiles only what the patches touch; a tree
# that an interrupted run may have left half-written is thrown away.
kernel_build() {
  local dir=$1 flavour=$2 source=$3 tree=$1/linux
  [ -e "$dir/bzImage.$flavour" ] && return
  mkdir -p "$dir"
  if [ -e "$dir/unfinished" ]; then
    rm -rf "$tree"
  fi
  : > "$dir/unfinished"
  if [ ! -d "$tree" ]; then
    say "unpacking ${source##*/}"
    mkdir "$tree"
    tar --extract --file="$source" --directory="$tree" --strip-components=1 "${KERNEL_UNUSED[@]/#/--exclude=}"
    kernel_make "$tree" allnoconfig > "$dir/config.log" 2>&1 || fail "allnoconfig: see $dir/config.log"
    cat "$RECIPE/kernel.config" >> "$tree/.config"
    kernel_make "$tree" olddefconfig >> "$dir/config.log" 2>&1 || fail "olddefconfig: see $dir/config.log"
    kernel_check_config "$tree"
  fi
  if [ "$flavour" = lab ] && [ ! -e "$tree/lab-patched" ]; then
    kernel_patch "$tree"
    : > "$tree/lab-patched"
  elif [ "$flavour" = stock ] && [ -e "$tree/lab-patched" ]; then
    kernel_patch "$tree" --reverse
    rm "$tree/lab-patched"
  fi
  say "compiling the kernel ($flavour) with $JOBS jobs"
  if ! kernel_make "$tree" -j"$JOBS" bzImage 2>&1 | kernel_progress "$dir/make.log"; then
    grep -B2 -A8 -m3 -E 'error|Error' "$dir/make.log" >&2
    fail "the kernel did not compile: see $dir/make.log"
  fi
  cp "$tree/arch/x86/boot/bzImage" "$dir/bzImage.tmp"
  mv "$dir/bzImage.tmp" "$dir/bzImage.$flavour"
  cp "$tree/.config" "$dir/config"
  rm "$dir/unfinished"
}
