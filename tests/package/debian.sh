# shellcheck shell=bash
# tests/package/debian.sh - sourced: a Debian that has nothing else, made by debootstrap from the mirror this
# machine uses, kept, and copied for each test.

# A fresh one at |root|, which reaches the mirror as this machine does.
debian_root() { # debian_root ROOT
  local root=$1 base=build/clean-root/debian mirror
  command -v debootstrap >/dev/null || apt-get -y -qq install --no-install-recommends debootstrap
  mirror=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Identifier: Packages' \
    | awk '$2 == "bookworm" {print $1; exit}')
  if [ ! -e "$base/etc/debian_version" ]; then
    rm -rf "$base"
    mkdir -p "$base"
    debootstrap --variant=minbase --no-check-gpg bookworm "$base" "$mirror" >build/clean-root/debootstrap.log
  fi
  rm -rf "$root"
  cp -a "$base" "$root"
  cp /etc/resolv.conf "$root/etc/resolv.conf"
  [ ! -d /etc/apt/apt.conf.d ] || cp -r /etc/apt/apt.conf.d "$root/etc/apt/"
}
