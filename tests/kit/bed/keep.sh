#!/bin/sh
# Copyright (c) 2026, the hotswap.containers contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# keep.sh: starts one host, and again when it was rebooted from inside. hosts.py sets the BED_ variables.
echo 0 >"$BED_GROUP/keep/cgroup.procs"
while :; do
    # a fresh group each time: the last systemd left its own groups and settings in it
    find "$BED_GROUP/root" -depth -type d -exec rmdir {} +
    mkdir "$BED_GROUP/root"
    unshare --net --mount --uts --ipc --pid --fork --kill-child=KILL sh "$BED_CODE/stage.sh"
    # 129: PID 1 ended by SIGHUP, which is what the kernel makes of reboot(2) in a pid namespace; poweroff is SIGINT
    [ $? = 129 ] || exit
done
