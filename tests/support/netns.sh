#!/usr/bin/env bash
# A network of computers on this one, for the tests of partial partitions: a namespace for each, with an address of its
# own on one bridge, between any two of which the network can be cut.
#
#   netns.sh up BED COUNT       computers BED-1 … BED-COUNT at 10.77.0.1 …; ends with 77 and the reason where this
#                               machine does not allow that
#   netns.sh cut BED HOW A B    between computers A and B: `drop` loses what is sent, `random` a twentieth of it,
#                               `reset` refuses it, `blackhole` has no route for it, `down` takes the link of A away, and
#                               so cuts it from all. Ends with 77 and the reason where this machine cannot do that.
#                               Without nft, `drop` cuts every pair of computers that were named so far.
#   netns.sh narrow BED A RATE  what A sends passes at RATE (of tc, such as 2mbit), before and after `cut`
#   netns.sh heal BED           as before
#   netns.sh down BED           everything is gone, whatever of it there was
set -euo pipefail

bed=${2:?BED}
net=10.77.0

cannot() {
  echo "netns: $*" >&2
  exit 77
}

at() { # runs a command on a computer
  local computer=$1
  shift
  ip netns exec "$bed-$computer" "$@"
}

has_nft() { command -v nft >/dev/null; }

computers() { ip netns list | sed -n "s/^$bed-\([0-9]*\).*/\1/p"; }

up() {
  [[ $(id -u) == 0 ]] || cannot "network namespaces need root"
  command -v ip >/dev/null || cannot "ip is not installed (package iproute2)"
  # The bridge is on a computer of its own, so that nothing of this one's network changes.
  ip netns add "$bed-0" || cannot "the kernel allows no network namespaces"
  at 0 ip link add bridge0 type bridge || cannot "the kernel has no bridges"
  at 0 ip link set bridge0 up
  local computer
  for ((computer = 1; computer <= $1; ++computer)); do
    ip netns add "$bed-$computer"
    at 0 ip link add "port$computer" type veth peer name link0 netns "$bed-$computer" || cannot "the kernel has no veth"
    at 0 ip link set "port$computer" master bridge0 up
    at "$computer" ip link set lo up
    at "$computer" ip addr add "$net.$computer/24" dev link0
    at "$computer" ip link set link0 up
    has_nft || continue
    at "$computer" nft "add table ip cut; add chain ip cut incoming { type filter hook input priority 0; }" ||
      cannot "the kernel has no nftables"
  done
}

cut() {
  local how=$1 one=$2 other=$3 rule pair computer here there
  case $how in
    down)
      at "$one" ip link set link0 down
      return ;;
    blackhole)
      at "$one" ip route add blackhole "$net.$other/32" || cannot "the kernel has no blackhole routes"
      at "$other" ip route add blackhole "$net.$one/32"
      return ;;
  esac
  if ! has_nft; then
    [[ $how == drop ]] || cannot "nft is not installed (package nftables)"
    for computer in "$one" "$other"; do at 0 ip link set "port$computer" type bridge_slave isolated on; done
    return
  fi
  case $how in
    drop) rule=drop ;;
    reset) rule="tcp flags & rst == 0 reject with tcp reset" ;;
    random) rule="numgen random mod 20 0 drop" ;;
    *) echo "netns: no such way to cut: $how" >&2; exit 2 ;;
  esac
  for pair in "$one $other" "$other $one"; do
    read -r here there <<<"$pair"
    at "$here" nft add rule ip cut incoming ip saddr "$net.$there" $rule ||
      cannot "the kernel's nftables cannot do: $rule"
  done
}

narrow() {
  command -v tc >/dev/null || cannot "tc is not installed (package iproute2)"
  at "$1" tc qdisc replace dev link0 root tbf rate "$2" burst 16kb latency 200ms ||
    cannot "the kernel has no token bucket (tc tbf)"
}

heal() {
  local computer
  for computer in $(computers); do
    [[ $computer != 0 ]] || continue
    at 0 ip link set "port$computer" type bridge_slave isolated off
    ! has_nft || at "$computer" nft flush chain ip cut incoming
    at "$computer" ip link set link0 up
    at "$computer" ip route flush type blackhole
    ! command -v tc >/dev/null || at "$computer" tc qdisc del dev link0 root 2>/dev/null || true
  done
}

down() {
  local computer
  for computer in $(computers); do ip netns del "$bed-$computer"; done
}

command=$1
shift 2
case $command in
  up | cut | narrow | heal | down) "$command" "$@" ;;
  *) sed -n '2,14p' "$0" >&2; exit 2 ;;
esac
