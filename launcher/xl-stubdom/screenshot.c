/*
 * screenshot: a picture of a guest's screen. See screenshot.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "screenshot.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <xenstore.h>

#include "cleanup.h"
#include "domains.h"
#include "viewer.h"

/* -------- the viewer -------- */

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

static int find_screen(const char *guest, struct screen *screen, struct fault *fault)
{
    struct xs_handle *xs;
    uint32_t domid, stub;
    int rc = domains_find(guest, &domid, &stub, fault);

    if (rc)
        return rc;
    xs = xs_open(0);
    if (!xs)
        return fault_set(fault, -EIO, "cannot connect to xenstore: %s", strerror(errno));
    if (!screen_find(screen, xs, domid, stub))
        rc = fault_set(fault, -ENOENT, "%s: no picture without VNC (vnc = 0 in its config)", guest);
    xs_close(xs);
    return rc;
}

/* Whatever the viewer does, it ends. */
static int run_viewer(const char *guest, const char *program, const struct screen *screen, int out,
                      struct fault *fault)
{
    struct viewer viewer;
    struct pollfd p = { .events = POLLIN };
    int64_t left, until;
    int rc = viewer_start(&viewer, program, NULL, guest, screen, out, fault);

    if (rc)
        return rc;
    p.fd = viewer.child.fd;
    until = now_ms() + SCREENSHOT_SECONDS * 1000;
    while (!p.revents && (left = until - now_ms()) > 0)
        poll(&p, 1, left);
    rc = viewer_end(&viewer, guest, fault);
    if (rc == -ETIMEDOUT)
        return fault_set(fault, rc, "%s: no picture within %d s", guest, SCREENSHOT_SECONDS);
    return rc;
}

/* -------- the file -------- */

static int copy_picture(int from, int to)
{
    off_t at = 0;
    ssize_t n;

    /* Nobody changes it from now on; a process that still could is an error. */
    if (fcntl(from, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL))
        return -errno;

    while ((n = sendfile(to, from, &at, 1 << 30)) > 0)
        ;
    return n < 0 || fsync(to) ? -errno : 0;
}

/* Beside FILE first: that name is there whole or not at all. */
static int place_picture(const char *file, int picture, struct fault *fault)
{
    cleanup_free char *part = NULL;
    cleanup_close int fd = -1;
    int rc;

    if (asprintf(&part, "%s.XXXXXX", file) < 0) {
        part = NULL;
        return fault_set(fault, -ENOMEM, "out of memory");
    }
    fd = mkostemp(part, O_CLOEXEC);
    if (fd < 0)
        return fault_set(fault, -errno, "%s: %s", file, strerror(errno));
    rc = copy_picture(picture, fd);
    if (!rc && rename(part, file))
        rc = -errno;
    if (!rc)
        return 0;
    unlink(part);
    return fault_set(fault, rc, "%s: %s", file, strerror(-rc));
}

int screenshot_take(const char *guest, const char *file, const char *viewer, struct fault *fault)
{
    cleanup_close int out = -1;
    struct screen screen;
    struct stat old;
    int rc;

    if (!stat(file, &old) && !S_ISREG(old.st_mode))
        return fault_set(fault, -EEXIST, "%s: not a plain file", file);
    rc = find_screen(guest, &screen, fault);
    if (rc)
        return rc;
    out = memfd_create("picture", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (out < 0)
        return fault_set(fault, -errno, "no memory for the picture: %s", strerror(errno));
    rc = run_viewer(guest, viewer, &screen, out, fault);
    explicit_bzero(&screen, sizeof(screen));
    return rc ? rc : place_picture(file, out, fault);
}
