# Sourced by the scripts that fetch editors: a directory is built once, whoever asks first.
#
# Such a script defines RECIPE (raised when it builds differently: older directories are then built again),
# check_machine, and build DIR, whose last act is to write DIR/versions.txt.
# shellcheck shell=bash

die() {
  printf '%s: %s\n  next: %s\n' "$(basename "$0" .sh)" "$1" "$2" >&2
  exit 1
}

# once NAME [DIR]: prints what is in DIR, which is ${XDG_CACHE_HOME:-~/.cache}/cope-lsp-tests/NAME by default.
once() {
  local dir=${2:-${XDG_CACHE_HOME:-$HOME/.cache}/cope-lsp-tests/$1}
  if is_complete "$dir"; then
    cat "$dir/versions.txt"
    return
  fi
  check_machine
  dir=$(realpath -m "$dir")
  mkdir -p "$(dirname "$dir")"
  exec 9>"$dir.lock"
  flock 9 # Two test runs at once: the second one waits here and finds the work done.
  is_complete "$dir" || build "$dir"
  cat "$dir/versions.txt"
}

is_complete() { [[ -f $1/versions.txt && -f $1/recipe-$RECIPE ]]; }
