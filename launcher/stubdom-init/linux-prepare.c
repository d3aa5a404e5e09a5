/*
 * What PID 1 must do on Linux: mount file systems, and change one setting.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "linux.h"
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

const unsigned int linux_least_memory = STUBDOM_LEAST_LINUX;
const int linux_memory_signal = SIGKILL;

static void mount_one(const char *type, const char *where, unsigned long flags)
{
    mkdir(where, 0755);
    /* EBUSY: the kernel has mounted it already (CONFIG_DEVTMPFS_MOUNT). */
    if (mount(type, where, type, flags, NULL) < 0 && errno != EBUSY)
        log_error("cannot mount %s at %s: %s", type, where, strerror(errno));
}

static void write_file(const char *path, const char *text)
{
    cleanup_close int fd = open(path, O_WRONLY | O_CLOEXEC);

    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        log_warning("cannot write %s to %s: %s", text, path, strerror(errno));
}

void linux_prepare(int *console)
{
    mount_one("devtmpfs", "/dev", MS_NOSUID | MS_NOEXEC);
    *console = open(LINUX_CONSOLE, O_RDWR | O_NOCTTY | O_CLOEXEC);
    mount_one("proc", "/proc", MS_NOSUID | MS_NOEXEC | MS_NODEV);
    /* For the broker only: QEMU cannot look into it. */
    if (linux_pci_possible()) {
        mount_one("sysfs", "/sys", MS_NOSUID | MS_NOEXEC | MS_NODEV);
        if (chmod("/sys", 0700) < 0)
            log_error("cannot close /sys: %s", strerror(errno));
    }
    mkdir("/run", 0755);
    /* QEMU reserves address space by the gigabyte and touches little of it. */
    write_file("/proc/sys/vm/overcommit_memory", "1");
}
