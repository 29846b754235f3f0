#!/usr/bin/env bash
# Unpacks Emacs, lsp-mode, Helix and tmux from Debian sid into a directory of their own.
#
#   tests/editors/others/setup_others.sh [DIR]   default: ${XDG_CACHE_HOME:-~/.cache}/cope-lsp-tests/others
#
# It works as setup_sid.sh does, with that script's functions: no root, no chroot, nothing is installed.
# DIR/bin/emacs, emacsclient, hx and tmux see the ordinary file system. DIR cannot be moved afterwards; delete
# it to get newer versions.
set -euo pipefail

# shellcheck source=tests/editors/setup_sid.sh
source "$(dirname "${BASH_SOURCE[0]}")/../setup_sid.sh"

RECIPE=1
PACKAGES=(emacs-nox elpa-lsp-mode hx tmux patchelf)
# What Emacs needs only to compile, or to be installed.
UNUSED=(binutils '*-dev' 'lib*san*' perl perl-modules 'libperl*' linux-libc install-info libc-gconv-modules-extra)

build() {
  local dir=$1 tmp=$1.tmp name
  rm -rf "$tmp"
  mkdir -p "$tmp/apt/lists/partial" "$tmp/apt/cache/archives/partial" "$tmp/bin"
  fetch_packages "$tmp/apt"
  for name in "${UNUSED[@]}"; do
    # shellcheck disable=SC2086 # The names are patterns.
    rm -f "$tmp/apt/cache/archives/"${name}_*.deb
  done
  unpack "$tmp/apt/cache/archives" "$tmp"
  rm -rf "$tmp/apt" "$tmp"/usr/share/{doc,man,info}
  adopt_others "$tmp" "$dir"
  rm -rf "$dir"
  mv "$tmp" "$dir"
  # The programs know their final place, so they can only run there. The versions are written last.
  { compile_lisp "$dir" && versions_of_others "$dir" >"$dir/versions.part"; } 2>"$dir/versions.log" ||
    die "an unpacked program does not run: $(tail -n 2 "$dir/versions.log")" "delete $dir and try again"
  touch "$dir/recipe-$RECIPE"
  mv "$dir/versions.part" "$dir/versions.txt"
}

# Makes the programs in TMP run from DIR, their place after the rename.
adopt_others() {
  local tmp=$1 dir=$2 libs loader program
  libs=$(dirname "$(find "$tmp/usr/lib" -name libc.so.6 -print -quit)")
  loader=$(find "$tmp/usr" -name 'ld-linux*.so.*' -print -quit)
  [[ -n $libs && -n $loader ]] ||
    die 'the unpacked packages hold no C library' 'unpack libc6 of sid by hand to see where its loader is now'
  local patchelf=("$loader" --library-path "$libs" "$tmp/usr/bin/patchelf")
  for program in emacs-nox emacsclient.emacs hx tmux; do
    program=$(realpath "$tmp/usr/bin/$program")
    "${patchelf[@]}" --force-rpath --set-rpath "$dir/${libs#"$tmp"/}" "$program"
    "${patchelf[@]}" --set-interpreter "$dir/${loader#"$tmp"/}" "$program"
  done
  ln -s ../usr/bin/hx ../usr/bin/tmux "$tmp/bin"
  ln -s ../usr/bin/emacsclient.emacs "$tmp/bin/emacsclient"
  write_emacs_wrapper "$tmp/bin/emacs" "$tmp" "$dir"
}

# Emacs looks for its own files where the package would have put them, unless it is told.
write_emacs_wrapper() {
  local wrapper=$1 tmp=$2 dir=$3 share libexec dump
  share=$(find "$tmp/usr/share/emacs" -maxdepth 1 -name '[0-9]*' -printf 'usr/share/emacs/%f')
  dump=$(find "$tmp/usr/libexec/emacs" -name '*.pdmp' -printf 'usr/libexec/emacs/%P')
  libexec=$(dirname "$dump")
  {
    printf '#!/usr/bin/env bash\n'
    printf 'export EMACSLOADPATH=%q EMACSDATA=%q EMACSDOC=%q EMACSPATH=%q\n' \
      "$dir/$share/lisp" "$dir/$share/etc" "$dir/$share/etc" "$dir/$libexec"
    printf 'exec %q --dump-file=%q "$@"\n' "$dir/usr/bin/emacs-nox" "$dir/$dump"
  } >"$wrapper"
  chmod +x "$wrapper"
}

# Debian compiles its Emacs packages when they are installed. Of lsp-mode this takes the large files only.
compile_lisp() {
  local dir=$1 elpa=$1/usr/share/emacs/site-lisp/elpa-src folder paths=()
  for folder in "$elpa"/*/; do paths+=(-L "$folder"); done
  HOME=$dir "$dir/bin/emacs" -Q --batch "${paths[@]}" --eval '(setq native-comp-jit-compilation nil
    native-comp-enable-subr-trampolines nil byte-compile-warnings nil)' \
    -f batch-byte-compile "$elpa"/{dash,f,ht,lv,s,spinner}-[0-9]*/*.el \
    "$elpa"/markdown-mode-*/markdown-mode.el "$elpa"/lsp-mode-*/lsp-{mode,protocol}.el >&2
}

versions_of_others() {
  local bin=$1/bin
  "$bin/emacs" --version | sed -n 1p
  "$bin/emacsclient" --version
  "$bin/hx" --version
  "$bin/tmux" -V
}

once others "$@"
