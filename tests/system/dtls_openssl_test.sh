#!/usr/bin/env bash
# Goal:   our DTLS connects to the openssl program in both roles, agrees on each SRTP profile, and both sides derive
#         the same keys (RFC 5705 exporter, RFC 5764 4.2).
# Method: dtls_peer against `openssl s_server` and `openssl s_client` over loopback UDP, with ECDSA and RSA
#         certificates, with a datagram of ours lost, and with a certificate nobody promised.
# usage:  dtls_openssl_test.sh [PATH_OF_dtls_peer]       Ends with "N passed, N failed".
set -uo pipefail
peer=$(readlink -f "${1:-$(dirname "$0")/../../build/release/tests/dtls_peer}")
[ -x "$peer" ] || {
  echo "$0: no program $peer"
  echo "0 passed, 1 failed"
  exit 1
}
dir=$(mktemp -d)
n_passed=0 n_failed=0 other=
cleanup() {
  [ -z "$other" ] || kill "$other" 2>/dev/null
  rm -rf "$dir"
}
trap cleanup EXIT
trap '' PIPE # the other side may be gone before it types

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$dir/ec.key" -out "$dir/ec.pem" \
  -days 2 -subj /CN=ec 2>/dev/null
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$dir/rsa.key" -out "$dir/rsa.pem" \
  -days 2 -subj /CN=rsa 2>/dev/null
fingerprint() { openssl x509 -in "$dir/$1.pem" -noout -fingerprint -sha256 | sed 's/.*=//; s/://g'; }

# wait_for FILE PATTERN: until a line matches; fails after 5 s
wait_for() {
  local _
  for _ in {1..250}; do
    ! grep -q -- "$2" "$1" 2>/dev/null || return 0
    sleep 0.02
  done
  return 1
}

check() { # NAME CONDITION...
  local name=$1
  shift
  if "$@"; then
    n_passed=$((n_passed + 1))
  else
    n_failed=$((n_failed + 1))
    echo "FAIL $name"
    sed 's/^/  ours:    /' "$dir/ours"
    tail -n 25 "$dir/openssl" | sed 's/^/  openssl: /'
  fi
}

exporter() { # PROFILE -> the length of its keying material
  case $1 in
    *128_GCM) echo 56 ;;
    *256_GCM) echo 88 ;;
    *) echo 60 ;;
  esac
}

same_keys() { # PROFILE: both printed the same material, and openssl names this profile
  local theirs
  theirs=$(sed -n 's/ *Keying material: //p' "$dir/openssl")
  grep -q "profile=$1" "$dir/openssl" && [ -n "$theirs" ] && grep -q "keys=$theirs$" "$dir/ours"
}

# The program of the other side, with what it types on a pipe: descriptor 3.
start_openssl() { # PROFILE KIND ARGUMENTS...
  local profile=$1 kind=$2
  shift 2
  rm -f "$dir/typed"
  mkfifo "$dir/typed"
  : >"$dir/openssl"
  openssl "$@" -dtls1_2 -cert "$dir/$kind.pem" -key "$dir/$kind.key" -use_srtp "$profile" \
    -keymatexport EXTRACTOR-dtls_srtp -keymatexportlen "$(exporter "$profile")" <"$dir/typed" >"$dir/openssl" 2>&1 &
  other=$!
  exec 3>"$dir/typed"
}

# finish PID_OF_ours: the other side types once it is connected; we end by ourselves
finish() {
  ! wait_for "$dir/openssl" 'Keying material:' || echo hello 2>/dev/null >&3
  wait "$1"
  status=$?
  exec 3>&-
  kill "$other" 2>/dev/null
  wait "$other" 2>/dev/null
  other=
}

# as_client KIND PROMISED PROFILE [DROP]: we connect to s_server
as_client() {
  start_openssl "$3" "$1" s_server -accept 127.0.0.1:0 -naccept 1 -Verify 1
  wait_for "$dir/openssl" '^ACCEPT .*:[0-9]'
  "$peer" client "$(sed -n 's/^ACCEPT .*://p' "$dir/openssl" | head -n 1)" "$2" "${4:--1}" >"$dir/ours" 2>&1 &
  finish $!
}

# as_server KIND PROMISED PROFILE [DROP]: s_client connects to us
as_server() {
  : >"$dir/ours"
  "$peer" server "$2" "${4:--1}" >"$dir/ours" 2>&1 &
  local ours=$!
  wait_for "$dir/ours" '^port='
  start_openssl "$3" "$1" s_client -connect "127.0.0.1:$(sed -n 's/^port=//p' "$dir/ours")"
  finish $ours
}

connected() { [ "$status" = 0 ] && grep -q '^received ' "$dir/ours"; }
refused() { [ "$status" = 1 ] && ! grep -q '^connected' "$dir/ours" && grep -q "^ended $1" "$dir/ours"; }

for kind in ec rsa; do
  print=$(fingerprint $kind)
  for profile in SRTP_AEAD_AES_128_GCM SRTP_AEAD_AES_256_GCM SRTP_AES128_CM_SHA1_80; do
    for role in client server; do
      "as_$role" $kind "$print" $profile
      check "$role $kind $profile: connects, carries data" connected
      check "$role $kind $profile: same keys" same_keys $profile
    done
  done
done

print=$(fingerprint ec)
for role in client server; do
  for drop in 0 1; do
    "as_$role" ec "$print" SRTP_AEAD_AES_128_GCM $drop
    check "$role: datagram $drop lost, connects" connected
  done
  "as_$role" ec "$(fingerprint rsa)" SRTP_AEAD_AES_128_GCM
  check "$role: refuses another certificate" refused 3
  "as_$role" ec "$print" SRTP_AES128_CM_SHA1_32
  check "$role: refuses a peer without our SRTP" refused 4
done

echo "$n_passed passed, $n_failed failed"
[ "$n_failed" = 0 ]
