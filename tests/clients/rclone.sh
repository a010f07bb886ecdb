#!/bin/sh
# rclone: takes its input whole, puts it out by copy and sync, and checks it byte by byte. Its remote s3: comes from the environment.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

rclone lsd s3:
rclone copy s3:labresults "$work/input"
rclone copy "$work/input" s3:out/results
rclone check --download "$work/input" s3:out/results
rclone sync --checksum "$work/input" s3:out/results

rclone copyto s3:out/results/scans/scan.bin s3:out/draft.bin # inside the store
rclone moveto s3:out/draft.bin s3:out/copy.bin
rclone cat s3:out/copy.bin | cmp - "$work/input/scans/scan.bin"
echo streamed | rclone rcat s3:out/streamed.txt
test "$(rclone cat s3:out/streamed.txt)" = streamed
rclone deletefile s3:out/copy.bin
rclone deletefile s3:out/streamed.txt

rclone copy s3:out/results "$work/back"
diff -r "$work/input" "$work/back"
test "$(rclone lsf --recursive --files-only s3:out | wc -l)" -eq "$(find "$work/input" -type f | wc -l)"
rclone size s3:out
