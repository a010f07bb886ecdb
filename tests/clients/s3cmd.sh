#!/bin/sh
# s3cmd: takes its input whole, puts it out by put and sync, and reads it back.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

mkdir "$work/input" "$work/back"
s3cmd ls
s3cmd get --recursive s3://labresults/ "$work/input/"
s3cmd put --recursive --multipart-chunk-size-mb=5 "$work/input/" s3://out/results/
s3cmd sync "$work/input/" s3://out/results/

s3cmd cp s3://out/results/scans/scan.bin s3://out/draft.bin # inside the store
s3cmd mv s3://out/draft.bin s3://out/copy.bin
s3cmd get s3://out/copy.bin - | cmp - "$work/input/scans/scan.bin"
s3cmd del s3://out/copy.bin

s3cmd get --recursive s3://out/results/ "$work/back/"
diff -r "$work/input" "$work/back"
test "$(s3cmd ls --recursive s3://out | wc -l)" -eq "$(find "$work/input" -type f | wc -l)"
s3cmd du s3://out
