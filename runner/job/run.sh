#!/bin/sh
# Runs a command with the environment of a job whose gateway is in another container, says how the command ended, and
# ends itself as the job ended.
#
#   DIR/run COMMAND [ARGUMENT...]
#
# DIR is the folder that both sides share; each may see it elsewhere. It needs sh, sleep and mv. Names begin with r_,
# because a variable that the command inherits keeps its mark when a script assigns to it.
set -u

# The sidecar writes its settings into these three lines.
r_env_seconds=600
r_lost_seconds=30
r_grace_seconds=25

say() {
  printf 'run: %s\n' "$1" >&2
}

# put FILE LINE...: lets FILE appear whole, for both sides to read.
put() (
  umask 022
  r_file=$r_share/$1
  shift
  printf '%s\n' "$@" >"$r_file.draft" && mv -f "$r_file.draft" "$r_file"
)

# read_line FILE: r_line becomes its first line, or empty.
read_line() {
  r_line=''
  { IFS= read -r r_line <"$1"; } 2>/dev/null
}

# Counts seconds in which the sidecar did not count on; succeeds when they are too many.
is_lost() {
  read_line "$r_share/alive"
  if [ "$r_line" = "$r_beat" ]; then
    r_still=$((r_still + 1))
  else
    r_beat=$r_line r_still=0
  fi
  [ "$r_still" -ge $((r_lost_seconds * r_naps)) ]
}

# Ends as the job ended, if it has.
end_with_job() {
  [ -f "$r_share/result" ] || return 0
  r_status='' r_words=''
  { { IFS= read -r r_status; IFS= read -r r_words; } <"$r_share/result"; } 2>/dev/null
  case $r_status in
    '' | *[!0-9]*) r_status=75 r_words="$r_share/result cannot be read" ;;
  esac
  [ -z "$r_words" ] || say "$r_words"
  exit "$r_status"
}

# Waits for the job's end. Once the command ended one wish to stop is not heard, since what it computed is complete.
await_job() {
  r_stopped='' r_told=''
  trap 'r_told=${r_stopped:+again} r_stopped=TERM' TERM
  trap 'r_told=${r_stopped:+again} r_stopped=INT' INT
  while :; do
    end_with_job
    if [ -n "$r_told" ]; then
      say "the job is not settled yet: see runner job inspect $(job_name)"
      leave
    fi
    if is_lost; then
      end_with_job
      say "the sidecar has gone: runner job inspect $(job_name) says whether the commit stands"
      exit 75
    fi
    sleep "$r_nap"
  done
}

job_name() {
  read_line "$r_share/job"
  printf '%s' "${r_line:-JOB}"
}

# Ends by the signal that came, as a shell says it.
leave() {
  case $r_stopped in
    INT) exit 130 ;;
    *) exit 143 ;;
  esac
}

# watch_over COMMAND: beats for the sidecar while that process runs, and ends it when the job ends without it, or this
# script does. It ends by itself: a signal that meets a subshell at its very start is lost.
watch_over() {
  umask 022
  r_naps=1 r_still=0 r_pulse=0
  while kill -0 "$1"; do
    if [ -f "$r_share/result" ] || is_lost || ! kill -0 "$$"; then
      kill -TERM "$1"
      while [ "$r_grace_seconds" -gt 0 ] && kill -0 "$1"; do
        sleep 1
        r_grace_seconds=$((r_grace_seconds - 1))
      done
      kill -KILL "$1"
      break
    fi
    r_pulse=$((r_pulse + 1))
    printf '%s\n' "$r_pulse" >"$r_share/pulse"
    sleep 1
  done
}

if [ $# -eq 0 ]; then
  say "usage: $0 COMMAND [ARGUMENT...]"
  exit 2
fi

case $0 in
  */*) r_share=${0%/*}/ ;;
  *) r_share=./ ;;
esac
r_share=$(
  unset CDPATH
  cd -- "$r_share" && pwd
) || exit 2

r_nap=0.2 r_naps=5
sleep "$r_nap" 2>/dev/null || r_nap=1 r_naps=1
r_beat='' r_still=0

# Waits for the environment, which is there as soon as the gateway takes requests.
r_stopped='' r_waited=0
trap 'r_stopped=TERM' TERM
trap 'r_stopped=INT' INT
while :; do
  end_with_job
  [ ! -f "$r_share/env" ] || break
  if [ -n "$r_stopped" ]; then
    put exit 143 "$r_stopped"
    leave
  fi
  if is_lost || [ "$r_waited" -ge $((r_env_seconds * r_naps)) ]; then
    put exit 75 LATE
    say "there is no $r_share/env after $((r_waited / r_naps)) seconds: has the sidecar started?"
    exit 75
  fi
  sleep "$r_nap"
  r_waited=$((r_waited + 1))
done

# A job has one command, once: whoever comes second waits for the end with the first.
if ! (
  umask 022
  set -C
  printf '%s\0' "$@" >"$r_share/started"
) 2>/dev/null; then
  if [ ! -e "$r_share/started" ]; then
    say "cannot write to $r_share as $(id -un 2>/dev/null || printf 'this user')"
    exit 2
  fi
  say "a command was started for this job before: waiting for its end"
  await_job
fi

# Background commands read nothing unless they are told what.
if (exec 3<&0) 2>/dev/null; then
  exec 3<&0
else
  exec 3</dev/null
fi
(
  (umask 022 && : >"$r_share/pulse")
  # shellcheck disable=SC2034  # env reads it
  RUNNER_SHARE=$r_share
  # shellcheck source=/dev/null
  . "$r_share/env"
  exec "$@"
) <&3 3<&- &
r_command=$!
exec 3<&-

# Signals that come meanwhile go on only when the subshell is past its start.
r_waited=0
until [ -e "$r_share/pulse" ] || [ "$r_waited" -ge 25 ]; do
  sleep "$r_nap"
  r_waited=$((r_waited + 1))
done
watch_over "$r_command" </dev/null >/dev/null 2>&1 &

# SIGINT goes on as SIGTERM: a shell lets its background commands ignore it.
trap 'r_stopped=TERM; kill -TERM "$r_command" 2>/dev/null' TERM
trap 'r_stopped=INT; kill -TERM "$r_command" 2>/dev/null' INT
[ -z "$r_stopped" ] || kill -TERM "$r_command" 2>/dev/null

while :; do
  wait "$r_command" 2>/dev/null
  r_status=$?
  kill -0 "$r_command" 2>/dev/null || break # else a signal broke the wait off
done
wait "$r_command" 2>/dev/null # a signal may have come just when it ended
r_again=$?
[ "$r_again" -eq 127 ] || r_status=$r_again

end_with_job
if ! put exit "$r_status" ${r_stopped:+"$r_stopped"}; then
  say "cannot write $r_share/exit: the command ended with $r_status"
  exit 75
fi
await_job
