#!/bin/sh
# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# stage.sh: PID 1 of a new host until its systemd takes over: cgroup, network, file systems, then exec.
# BED_GROUP cgroup of the host      BED_DIR its folder      BED_BASE Debian root     BED_NAME host name
# BED_LAB   net namespace of the lab  BED_LINK its end of the cable  BED_ADDRESS, BED_MAC, BED_GATEWAY
set -e
exec </dev/null

if [ "$1" != in-cgroup ]; then
    echo 0 >"$BED_GROUP/root/cgroup.procs"
    exec unshare --cgroup sh "$0" in-cgroup
fi

# /proc is still the machine's: this is our pid out there, with the start time that tells it from a later one
read -r stat </proc/self/stat
pid=${stat%% *}
# shellcheck disable=SC2086 # the words of the line are meant
set -- ${stat##*) }
echo "$pid ${20}" >"$BED_DIR/pid"

lab() { nsenter --net="$BED_LAB" ip link "$@"; }
lab delete "$BED_LINK" 2>/dev/null || true # the end that a crash left, if the kernel has not removed it yet
ip link set lo up
ip link add eth0 address "$BED_MAC" type veth peer name "$BED_LINK" netns "$BED_LAB"
lab set "$BED_LINK" master br0 up
ip address add "$BED_ADDRESS/16" dev eth0
ip link set eth0 up
ip route add default via "$BED_GATEWAY"

mount --make-rprivate /
root=$BED_DIR/root
mount -t overlay -o "lowerdir=$BED_BASE,upperdir=$BED_DIR/upper,workdir=$BED_DIR/work" overlay "$root"
[ ! -e "$BED_DIR/disk.img" ] || mount -o loop "$BED_DIR/disk.img" "$BED_DIR/data"
# engines keep their overlays here, and an overlay cannot lie on an overlay
for folder in home var/lib/containers var/lib/docker var/lib/containerd; do
    mkdir -p "$root/$folder"
    mount --bind "$BED_DIR/data/$folder" "$root/$folder"
done

mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
mount -t sysfs -o nosuid,nodev,noexec sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755,size=256m tmpfs "$root/run"
mount -t tmpfs -o mode=1777,size=256m tmpfs "$root/tmp"
# Ansible's reboot waits until this id has changed
cat /proc/sys/kernel/random/uuid >"$BED_DIR/boot_id"
mount --bind "$BED_DIR/boot_id" "$root/proc/sys/kernel/random/boot_id"
# and as that covers a part of proc, rootless containers may mount theirs only if one whole proc is in sight
mkdir -p "$root/run/host/proc"
mount -t proc -o nosuid,nodev,noexec proc "$root/run/host/proc"

mount -t tmpfs -o mode=755,size=4m tmpfs "$root/dev"
cd "$root/dev"
while read -r name major minor; do mknod -m 666 "$name" c "$major" "$minor"; done <<NODES
null 1 3
zero 1 5
full 1 7
random 1 8
urandom 1 9
tty 5 0
fuse 10 229
NODES
mkdir net pts shm mqueue
mknod -m 666 net/tun c 10 200
ln -s /proc/self/fd fd
ln -s fd/0 stdin
ln -s fd/1 stdout
ln -s fd/2 stderr
ln -s null kmsg
ln -s pts/ptmx ptmx
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts pts
mount -t tmpfs -o mode=1777,size=128m tmpfs shm
mount -t mqueue mqueue mqueue
touch console
mount --bind null console

hostname "$BED_NAME"
cd "$root"
mkdir -p .old
pivot_root . .old
cd /
umount -l /.old
rmdir /.old
mount --make-rshared /
sysctl -qw net.ipv4.ip_forward=1
exec env -i container=bed PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb /lib/systemd/systemd --log-target=console --show-status=no
