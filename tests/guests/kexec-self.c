/*
 * kexec-self: starts a kernel in place of the one that runs. A guest with Xen's drivers asks Xen for a soft
 * reset then.
 *
 * Usage: kexec-self KERNEL INITRD CMDLINE     all file systems must be synced
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    int kernel, initrd;

    if (argc != 4)
        return 100;
    kernel = open(argv[1], O_RDONLY);
    initrd = open(argv[2], O_RDONLY);
    if (kernel < 0 || initrd < 0 ||
        syscall(SYS_kexec_file_load, kernel, initrd, strlen(argv[3]) + 1, argv[3], 0) < 0 || reboot(RB_KEXEC) < 0)
        perror("kexec-self");
    return 111;
}
