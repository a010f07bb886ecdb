#!/bin/sh
# s5cmd: takes its input whole, puts it out by cp and sync, and reads it back.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

s5cmd ls
s5cmd --log error cp 's3://labresults/*' "$work/input/"
s5cmd --log error cp "$work/input/" s3://out/results/
s5cmd --log error sync --size-only "$work/input/" s3://out/results/

s5cmd --log error cp s3://out/results/scans/scan.bin s3://out/draft.bin # inside the store
s5cmd --log error mv s3://out/draft.bin s3://out/copy.bin
s5cmd cat s3://out/copy.bin | cmp - "$work/input/scans/scan.bin"
s5cmd --log error rm s3://out/copy.bin

s5cmd --log error cp 's3://out/results/*' "$work/back/"
diff -r "$work/input" "$work/back"
test "$(s5cmd ls 's3://out/*' | wc -l)" -eq "$(find "$work/input" -type f | wc -l)"
s5cmd du 's3://out/*'
