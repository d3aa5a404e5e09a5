/*
 * Files in memory that QEMU reads once, at its start (platform.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "linux.h"
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

/* A mount of its own: the root file system may take half of the memory at most. */
#define FOLDER "/run/files"

/* MemAvailable: includes what the page cache would give back. */
uint64_t linux_memory_available(struct platform *base)
{
    char text[1024] = "";
    const char *line;
    unsigned long long kib = 0;
    cleanup_close int fd = open("/proc/meminfo", O_RDONLY | O_CLOEXEC);

    if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
        return 0;
    line = strstr(text, "MemAvailable:");
    if (line)
        sscanf(line, "MemAvailable: %llu", &kib);
    return kib << 10;
}

static int prepare_folder(void)
{
    struct stat st;

    if (stat(FOLDER, &st) == 0)
        return 0;
    if (mkdir(FOLDER, 0755) < 0)
        return -errno;
    return mount("tmpfs", FOLDER, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=100%") < 0
               ? -errno : 0;
}

int linux_file_create(struct platform *base, unsigned int n, uint64_t bytes, char *path, size_t size)
{
    int rc = prepare_folder();
    cleanup_close int fd = -1;

    if (!rc)
        rc = format_text(path, size, FOLDER "/%u", n);
    if (rc)
        return rc;
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    return fd < 0 ? -errno : 0;
}

/* Opens the file for each piece: the pieces are large, so this costs little. */
int linux_file_write(struct platform *base, unsigned int n, const void *bytes, size_t size)
{
    cleanup_close int fd = -1;
    char path[DM_PATH_MAX];

    snprintf(path, sizeof(path), FOLDER "/%u", n);
    fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    for (size_t at = 0; at < size;) {
        ssize_t put = write(fd, (const char *)bytes + at, size - at);

        if (put < 0 && errno != EINTR)
            return -errno;
        at += put > 0 ? (size_t)put : 0;
    }
    return 0;
}

void linux_files_remove(struct platform *base)
{
    unsigned long long before = linux_memory_available(base) >> 10;
    char path[DM_PATH_MAX];

    for (unsigned int n = 0; n < DM_FILES; n++) {
        snprintf(path, sizeof(path), FOLDER "/%u", n);
        if (unlink(path) < 0 && errno != ENOENT)
            log_warning("cannot remove %s: %s", path, strerror(errno));
    }
    /* A lazy unmount: QEMU may still have a ramdisk mapped, whose memory stays as long as that. */
    if (umount2(FOLDER, MNT_DETACH) < 0 || rmdir(FOLDER) < 0)
        log_warning("cannot remove %s: %s", FOLDER, strerror(errno));
    log_debug("boot files removed: %llu KiB of memory are available, %llu before",
              (unsigned long long)linux_memory_available(base) >> 10, before);
}
