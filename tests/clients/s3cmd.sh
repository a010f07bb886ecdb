#!/bin/sh
# s3cmd: takes its input whole, puts it out by put and sync, and reads it back. It wants its endpoint as flags.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
place=${S3_ENDPOINT#*://}
s3() {
  s3cmd --config=/dev/null --no-ssl --host="$place" --host-bucket="$place" --no-progress "$@"
}

mkdir "$work/input" "$work/back"
s3 ls
s3 get --recursive s3://labresults/ "$work/input/"
s3 put --recursive --multipart-chunk-size-mb=5 "$work/input/" s3://out/results/
s3 sync "$work/input/" s3://out/results/

s3 cp s3://out/results/scans/scan.bin s3://out/draft.bin # inside the store
s3 mv s3://out/draft.bin s3://out/copy.bin
s3 get s3://out/copy.bin - | cmp - "$work/input/scans/scan.bin"
s3 del s3://out/copy.bin

s3 get --recursive s3://out/results/ "$work/back/"
diff -r "$work/input" "$work/back"
test "$(s3 ls --recursive s3://out | wc -l)" -eq "$(find "$work/input" -type f | wc -l)"
s3 du s3://out
