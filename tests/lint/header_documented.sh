#!/bin/sh
# header_documented.sh - every declaration, parameter, result, field and value of the public header has its description.
set -eu
cd "$(dirname "$0")/../.."
header=sdk/include/millrace/millrace.h
if ! command -v doxygen >/dev/null; then
    echo 'skipped: doxygen is not installed'
    exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

read_header() { # read_header <file>: fails with a line for each thing that has no description
    doxygen - <<END
INPUT = $1
OUTPUT_DIRECTORY = $work
QUIET = YES
GENERATE_LATEX = NO
HAVE_DOT = NO
EXTRACT_STATIC = YES
OPTIMIZE_OUTPUT_FOR_C = YES
MACRO_EXPANSION = YES
EXPAND_ONLY_PREDEF = YES
PREDEFINED = MR_MUST= MR_API= __GNUC__
WARN_NO_PARAMDOC = YES
WARN_AS_ERROR = FAIL_ON_WARNINGS
END
}

read_header "$header"

# It would notice: a header without the description of one field, and of one parameter, must fail.
for missing in 's,/\*\*< Set by you[^*]*\*/,,' 's,@param len at most 64 KiB,,'; do
    sed "$missing" "$header" >"$work/millrace.h"
    if read_header "$work/millrace.h" >/dev/null 2>&1; then
        echo "a header after sed '$missing' passes: this check is blind" >&2
        exit 1
    fi
done
