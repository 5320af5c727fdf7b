# Which image belongs to this recipe and this machine's compiler, for build.sh to source: hashes, the notes in
# images/stamps, finished images, and what was tested. Needs RECIPE (the folder of the recipe) and CACHE, changes nothing.

# What decides an image, beside the versions of packages and compiler.
INPUTS=(build.sh cache.sh kernel.sh kernel.config patches tools rootfs)

# The versions that the project's tests ran with: a package and its version, or a line of the toolchain's.
TESTED_LINUX='6.12.117-1~deb12u1'
TESTED="linux-source-6.12 $TESTED_LINUX
gcc (Debian 12.2.0-14+deb12u1) 12.2.0
GNU ld (GNU Binutils for Debian) 2.40
bash-static 5.2.15-2+b13
busybox-static 1:1.35.0-4+deb12u1+b1
libc6-dev 2.36-9+deb12u14
libc6-dev-i386 2.36-9+deb12u14
seabios 1.16.2-1"

# Names those of the programs that are not there, and fails, where an image cannot even be looked for.
missing_basics() {
  local name missing=()
  for name in cut find grep id sort tr xargs; do
    command -v "$name" >/dev/null || missing+=("$name")
  done
  command -v sha256sum >/dev/null || command -v shasum >/dev/null || missing+=(sha256sum)
  [ ${#missing[@]} = 0 ] || { echo "${missing[*]}" && return 1; }
}

# Other systems have the same sums under another name.
if command -v sha256sum >/dev/null; then SHA256=(sha256sum); else SHA256=(shasum -a 256); fi

hash_of_input() { "${SHA256[@]}" | cut -c1-20; }

# Names and contents of files below guest-images/, independent of where the checkout is.
hash_of_files() {
  (cd "$RECIPE" && find "$@" -type f | sort | tr '\n' '\0' | xargs -0 "${SHA256[@]}" && find "$@" -type f -perm -u+x | sort) | hash_of_input
}
toolchain() { { gcc --version && ld --version; } 2>/dev/null | grep -E '^(gcc|GNU ld)' || echo none; }

# Sets recipe, compiler, and stamp: the file in which it is noted which image this recipe gave with this compiler.
identify() {
  recipe=$(hash_of_files "${INPUTS[@]}")
  compiler=$(toolchain)
  stamp=$CACHE/images/stamps/$recipe-$(hash_of_input <<< "$compiler")-$flavour
}

# finished_image [any]: the folder of the image that this recipe and this compiler gave; with "any", or where there is
# no compiler, of one that the recipe gave with whatever compiler. A folder without its manifest is not an image.
finished_image() {
  local candidates=("$stamp") file
  if [ "${1:-}" = any ] || [ "$compiler" = none ]; then
    candidates=("$CACHE/images/stamps/$recipe"-*-"$flavour")
  fi
  for file in "${candidates[@]}"; do
    if [ -s "$file" ] && [ -e "$CACHE/images/$(< "$file")/manifest.json" ]; then
      printf '%s\n' "$CACHE/images/$(< "$file")"
      return
    fi
  done
  return 1
}

# Reads lines like those of TESTED and says which are not among them.
say_untested() {
  local line
  while IFS= read -r line; do
    grep -qxF -- "$line" <<< "$TESTED" || say "not what the tests ran with, building all the same: $line"
  done
}
