# Four clients put and get 4 GiB objects at once, while one reads at 1 MB/s.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
stream() {
  python3 "$PROGRAMS/stream.py" "$@"
}
same() {
  mkfifo "$work/$1"
  stream "$1" > "$work/$1" &
  cmp - "$work/$1"
}
awscli() {
  stream 1 | aws s3 cp - s3://out/awscli --expected-size 4294967296
  aws s3 cp s3://out/awscli - | same 1
}
rclone_() {
  stream 2 | rclone rcat --size 4294967296 s3:out/rclone
  rclone cat s3:out/rclone | same 2
}
s5cmd_() {
  stream 3 | s5cmd pipe s3://out/s5cmd
  s5cmd cat s3://out/s5cmd | same 3
}
one_put() {
  stream 4 /out/one-put
  aws s3 cp s3://out/one-put - | same 4
}

echo begins
python3 "$PROGRAMS/trickle.py" /labresults/large.bin "$work/done" & slow=$!
awscli & a=$!
rclone_ & b=$!
s5cmd_ & c=$!
one_put & d=$!
for client in "$a" "$b" "$c" "$d"; do
  wait "$client"
done
touch "$work/done"
wait "$slow"
