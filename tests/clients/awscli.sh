#!/bin/sh
# AWS CLI: takes its input whole, puts it out by cp, sync and mv, and reads it back.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

aws s3 ls
aws s3 cp s3://labresults/ "$work/input" --recursive --only-show-errors
aws s3 sync "$work/input" s3://out/results --only-show-errors
test -z "$(aws s3 sync "$work/input" s3://out/results)" # nothing is left to do

echo draft | aws s3 cp - s3://out/draft.txt
aws s3 mv s3://out/draft.txt "s3://out/final copy+1.txt" --only-show-errors
test "$(aws s3 cp 's3://out/final copy+1.txt' -)" = draft
aws s3 rm 's3://out/final copy+1.txt' --only-show-errors

aws s3 cp s3://out/results/ "$work/back" --recursive --only-show-errors
diff -r "$work/input" "$work/back"
test "$(aws s3 ls s3://out --recursive | wc -l)" -eq "$(find "$work/input" -type f | wc -l)"
aws s3 ls s3://out --recursive --summarize
