#!/usr/bin/env bash
# Unpacks a current Neovim and llama.cpp's tools from Debian sid into a directory of their own.
#
#   tests/editors/setup_sid.sh [DIR]      default: ${XDG_CACHE_HOME:-~/.cache}/cope-lsp-tests/sid
#
# Needs a Debian with apt and the archive keyring, but neither root nor a chroot: apt runs on private state
# and installs nothing, the packages are unpacked with dpkg-deb, and patchelf gives the programs the C library
# that came with them. So DIR/bin/nvim, llama-bench, llama-server and llama-quantize see the ordinary file
# system, and what they start inherits no LD_LIBRARY_PATH. DIR cannot be moved afterwards; delete it to get
# newer versions.
set -euo pipefail

# shellcheck source=tests/editors/once.sh
source "$(dirname "${BASH_SOURCE[0]}")/once.sh"

RECIPE=1 # Raise it when this script unpacks differently: older directories are then built again.
PACKAGES=(neovim llama.cpp patchelf)
PROGRAMS=(nvim llama-bench llama-server llama-quantize)
readonly KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

check_machine() {
  local tool
  for tool in apt-get dpkg-deb flock; do
    [[ -n $(type -P "$tool") ]] ||
      die "$tool is missing; only Debian and its relatives are supported" \
        'install Neovim >= 0.12 yourself and set COPE_TEST_NVIM to its path'
  done
  [[ -r $KEYRING ]] ||
    die "no Debian archive keys at $KEYRING" 'as root: apt-get install debian-archive-keyring'
}

build() {
  local dir=$1 tmp=$1.tmp
  rm -rf "$tmp"
  mkdir -p "$tmp/apt/lists/partial" "$tmp/apt/cache/archives/partial" "$tmp/bin"
  fetch_packages "$tmp/apt"
  unpack "$tmp/apt/cache/archives" "$tmp"
  rm -rf "$tmp/apt"
  adopt_programs "$tmp" "$dir"
  rm -rf "$dir"
  mv "$tmp" "$dir"
  touch "$dir/recipe-$RECIPE"
  # The programs know their final place, so they can only run there. The versions are written last.
  print_versions "$dir" >"$dir/versions.part" 2>"$dir/versions.log" ||
    die "an unpacked program does not run: $(tail -n 2 "$dir/versions.log")" "delete $dir and try again"
  mv "$dir/versions.part" "$dir/versions.txt"
}

# --- fetching ---

fetch_packages() {
  local apt=$1 archive
  : >"$apt/status" # An empty status file makes apt fetch every dependency, whatever this machine has.
  write_apt_conf "$apt"
  for archive in $(debian_archives); do
    printf 'deb [signed-by=%s] %s sid main\n' "$KEYRING" "$archive" >"$apt/sources.list"
    if private_apt "$apt" update; then
      private_apt "$apt" install --yes --download-only --no-install-recommends "${PACKAGES[@]}" ||
        die "apt cannot fetch ${PACKAGES[*]} from sid: $(tail -n 3 "$apt/log")" \
          'try again later (sid has such days), or set COPE_TEST_NVIM to a Neovim >= 0.12'
      return
    fi
  done
  die "no configured Debian archive has a readable sid: $(tail -n 3 "$apt/log" 2>/dev/null)" \
    'see whether "apt-get update" works here; if the mirror carries no sid, name one that does in its sources'
}

# The archives that this machine uses already, one per line; which of them has sid shows when it is asked.
debian_archives() {
  apt-get update --print-uris 2>/dev/null |
    sed -n "s,^'\(.*\)/dists/[^/]*/\(In\)\{0\,1\}Release' .*,\1,p" | grep -v -- '-security$' | sort -u
}

write_apt_conf() {
  local apt=$1
  {
    # Proxies and time-outs of the machine stay; its hooks and its package state do not.
    apt-config dump | grep '^Acquire::' | grep -v '^Acquire::IndexTargets'
    printf '%s "%s";\n' \
      Dir::Etc::Main /dev/null \
      Dir::Etc::Parts /dev/null \
      Dir::Etc::SourceList "$apt/sources.list" \
      Dir::Etc::SourceParts /dev/null \
      Dir::State "$apt" \
      Dir::State::Lists "$apt/lists" \
      Dir::State::status "$apt/status" \
      Dir::Cache "$apt/cache" \
      Acquire::Languages none \
      APT::Update::Error-Mode any \
      APT::Sandbox::User "$(id -un)" # Root's cache directory is closed to apt's usual download user.
  } >"$apt/apt.conf"
}

private_apt() {
  local apt=$1
  shift
  APT_CONFIG=$apt/apt.conf apt-get --quiet "$@" >>"$apt/log" 2>&1 </dev/null
}

# --- unpacking ---

unpack() {
  local packages=$1 tree=$2 deb
  for deb in "$packages"/*.deb; do
    dpkg-deb --extract "$deb" "$tree"
  done
}

# Makes the programs in TMP run from DIR, their place after the rename.
adopt_programs() {
  local tmp=$1 dir=$2 libc libs home loader program library
  libc=$(find "$tmp/usr/lib" -name libc.so.6 -print -quit)
  loader=$(find "$tmp/usr" -name 'ld-linux*.so.*' -print -quit)
  [[ -n $libc && -n $loader ]] ||
    die 'the unpacked packages hold no C library' 'unpack libc6 of sid by hand to see where its loader is now'
  libs=$(dirname "$libc")
  home=$dir/${libs#"$tmp"/} # Where the libraries will be.
  patchelf=("$loader" --library-path "$libs" "$tmp/usr/bin/patchelf")
  for program in "${PROGRAMS[@]}"; do
    "${patchelf[@]}" --force-rpath --set-rpath "$home:$home/llama" "$tmp/usr/bin/$program"
    "${patchelf[@]}" --set-interpreter "$dir/${loader#"$tmp"/}" "$tmp/usr/bin/$program"
    ln -s "../usr/bin/$program" "$tmp/bin/$program"
  done
  # A library with an absolute search path of its own would find the machine's libraries instead.
  while IFS= read -r library; do
    [[ $("${patchelf[@]}" --print-rpath "$library") != /* ]] || "${patchelf[@]}" --remove-rpath "$library"
  done < <(find "$libs" -name 'lib*.so*' -type f)
  # ggml looks for its processor-specific parts in a fixed directory (and says so when it is not there), then
  # next to the running program.
  find "$libs/ggml" -name '*.so' -exec ln -s -r -t "$tmp/usr/bin" {} +
  write_nvim_wrapper "$tmp/bin/nvim" "$dir"
}

# A Neovim that the machine has in /usr/share would otherwise lend its runtime files to this one.
write_nvim_wrapper() {
  local wrapper=$1 dir=$2
  rm "$wrapper"
  printf '#!/usr/bin/env bash\nVIMRUNTIME=%q exec %q "$@"\n' \
    "$dir/usr/share/nvim/runtime" "$dir/usr/bin/nvim" >"$wrapper"
  chmod +x "$wrapper"
}

# Running each program once shows that it finds its libraries. llama-bench and llama-quantize tell no version.
print_versions() {
  local bin=$1/bin
  "$bin/nvim" --version | sed -n 1p &&
    "$bin/llama-server" --version 2>&1 | sed -n 's/^version/llama-server/p' &&
    "$bin/llama-bench" --list-devices >&2 &&
    [[ $("$bin/llama-quantize" --help) == usage:* ]]
}

[[ ${BASH_SOURCE[0]} != "$0" ]] || once sid "$@" # another setup may take the functions from here
