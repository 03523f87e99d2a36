#!/bin/sh
# Turns the Lua scripts of a dialect into C: `embed.sh NAME FOLDER OUTDIR` writes OUTDIR/NAME_lua.c
# and .h with one `const struct redis_script NAME_FILE_script` for each FOLDER/FILE.lua.
#
# A line `--- @include x` stands for FOLDER/inc/x.lua, or shared/inc/x.lua beside FOLDER where that
# is not there (once in a script, however often it is asked for). Scripts in shared/ are scripts of
# each dialect, made with its includes. Comment lines, blank lines and indentation stay behind: Redis keeps the text for ever.
set -eu
name=$1 folder=$2 out=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

assemble() {
    awk -v folder="$folder" '
        function part_path(part,    path, line, status) {
            path = folder "/inc/" part ".lua"
            status = (getline line < path)
            close(path)
            return status >= 0 ? path : folder "/../shared/inc/" part ".lua"
        }
        function emit(path,    line, part, status) {
            while ((status = (getline line < path)) > 0) {
                if (line ~ /^[ \t]*--- @include /) {
                    part = line
                    sub(/^.*@include /, "", part)
                    if (!(part in seen)) {
                        seen[part] = 1
                        emit(part_path(part))
                    }
                    continue
                }
                sub(/^[ \t]+/, "", line)
                if (line != "" && line !~ /^--/)
                    print line
            }
            if (status < 0) {
                print "embed.sh: cannot read " path > "/dev/stderr"
                failed = 1
                exit 1
            }
            close(path)
        }
        BEGIN { emit(ARGV[1]); exit failed }' "$1"
}

header=$work/header source=$work/source
guard=$(printf '%s_LUA_H' "$name" | tr 'a-z-' 'A-Z_')
cat >"$header" <<END
/* Made by server/dialect/embed.sh from $folder: do not edit. */
#ifndef $guard
#define $guard

#include "redis/command.h"

END
cat >"$source" <<END
/* Made by server/dialect/embed.sh from $folder: do not edit. */
#include "${name}_lua.h"
END

for file in "$folder"/*.lua "$folder"/../shared/*.lua; do
    [ -e "$file" ] || continue
    script=$(basename "$file" .lua)
    assemble "$file" >"$work/script"
    sha=$(sha1sum "$work/script" | cut -d' ' -f1)
    symbol=${name}_$(printf '%s' "$script" | tr - _)
    printf 'extern const struct redis_script %s_script;\n' "$symbol" >>"$header"
    {
        printf '\nstatic const char %s_source[] =\n' "$symbol"
        sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/    "/' -e 's/$/\\n"/' "$work/script"
        printf '    ;\nconst struct redis_script %s_script = {\n' "$symbol"
        printf '    "%s", %s_source, sizeof %s_source - 1, "%s"};\n' "$script" "$symbol" "$symbol" "$sha"
    } >>"$source"
done
printf '\n#endif\n' >>"$header"

mkdir -p "$out"
mv "$source" "$out/${name}_lua.c"
mv "$header" "$out/${name}_lua.h"
