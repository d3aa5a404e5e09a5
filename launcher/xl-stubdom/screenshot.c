/*
 * screenshot: a picture of a guest's screen. See screenshot.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "screenshot.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <xenstore.h>

#include "../screenshot/screenshot.h"
#include "cleanup.h"
#include "domains.h"

struct picture {
    const char *guest; /* as the user calls it */
    char host[64], port[16];
    char password[SCREENSHOT_PASSWORD_MAX + 1];
    struct fault *fault;
};

/* -------- where the guest's screen is -------- */

/* What no other domain could have written. False: there is no such thing, or it is too long. */
__attribute__((format(printf, 4, 5)))
static bool read_own(struct xs_handle *xs, char *text, size_t size, const char *format, ...)
{
    cleanup_free struct xs_permissions *perms = NULL;
    cleanup_free char *value = NULL;
    unsigned int len, count = 0;
    char path[128];
    va_list args;

    va_start(args, format);
    vsnprintf(path, sizeof(path), format, args);
    va_end(args);
    perms = xs_get_permissions(xs, XBT_NULL, path, &count);
    if (!perms || !count || perms[0].id)
        return false;
    for (unsigned int i = 0; i < count; i++)
        if (perms[i].perms & XS_PERM_WRITE)
            return false;
    value = xs_read(xs, XBT_NULL, path, &len);
    if (!value || !len || len >= size)
        return false;
    memcpy(text, value, len);
    text[len] = '\0';
    return true;
}

static int find_screen(struct picture *picture)
{
    struct xs_handle *xs;
    uint32_t guest, stub;
    int rc = domains_find(picture->guest, &guest, &stub, picture->fault);

    if (rc)
        return rc;
    xs = xs_open(0);
    if (!xs)
        return fault_set(picture->fault, -EIO, "cannot connect to xenstore: %s", strerror(errno));
    if (!read_own(xs, picture->port, sizeof(picture->port), "/local/domain/%u/console/vnc-port", guest) ||
        !read_own(xs, picture->host, sizeof(picture->host), "/local/domain/%u/console/vnc-listen", guest))
        rc = fault_set(picture->fault, -ENOENT, "%s: no picture without VNC (vnc = 0 in its config)",
                       picture->guest);
    else
        read_own(xs, picture->password, sizeof(picture->password),
                 "/local/domain/0/backend/vfb/%u/0/vncpasswd", stub);
    xs_close(xs);
    return rc;
}

/* Connects; a server at any address is reached at the loopback one. 0 or -errno. */
static int connect_screen(struct picture *picture, int *fd)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
                              .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV }, *address;
    const char *host = !strcmp(picture->host, "0.0.0.0") ? "127.0.0.1" :
                       !strcmp(picture->host, "::") ? "::1" : picture->host;
    int rc = 0;

    if (getaddrinfo(host, picture->port, &hints, &address))
        return fault_set(picture->fault, -EINVAL, "%s: its VNC port: no address: %s, %s", picture->guest,
                         picture->host, picture->port);
    *fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (*fd < 0 || connect(*fd, address->ai_addr, address->ai_addrlen))
        rc = fault_set(picture->fault, -errno, "%s: its VNC port, %s, %s: %s", picture->guest, host,
                       picture->port, strerror(errno));
    freeaddrinfo(address);
    return rc;
}

/* -------- the viewer -------- */

static int explain(const struct picture *picture, int status)
{
    static const char *const text[SCREENSHOT_STATUSES] = {
        [SCREENSHOT_NOT_CONFINED] = "the viewer could not give up its privileges",
        [SCREENSHOT_NO_PASSWORD] = "its VNC asks for a password, and there is none in its config",
        [SCREENSHOT_REFUSED] = "its VNC does not let us in: the password was changed, or too many viewers",
        [SCREENSHOT_LOST] = "its VNC hung up",
        [SCREENSHOT_NOT_WRITTEN] = "the picture could not be made",
    };
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;

    if (code == SCREENSHOT_TAKEN)
        return 0;
    if (code > 0 && code < SCREENSHOT_STATUSES)
        return fault_set(picture->fault, -EIO, "%s: %s", picture->guest, text[code]);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
        return fault_set(picture->fault, -ETIMEDOUT, "%s: no picture within %d s", picture->guest,
                         SCREENSHOT_SECONDS);
    return fault_set(picture->fault, -EIO, "%s: the viewer ended, wait status 0x%x", picture->guest,
                     status);
}

static void become_viewer(const char *viewer, int screen, int picture, int secret)
{
    if (dup2(screen, STDIN_FILENO) >= 0 && dup2(picture, STDOUT_FILENO) >= 0 &&
        dup2(secret, SCREENSHOT_PASSWORD_FD) >= 0)
        execl(viewer, viewer, (char *)NULL);
    fprintf(stderr, "xl-stubdom: %s: %s\n", viewer, strerror(errno));
    _exit(SCREENSHOT_NOT_CONFINED);
}

static int run_viewer(const struct picture *picture, const char *viewer, int screen, int out)
{
    cleanup_close int secret = -1;
    size_t len = strlen(picture->password);
    int ends[2], status, written;
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC))
        return fault_set(picture->fault, -errno, "no pipe: %s", strerror(errno));
    secret = ends[0];
    written = write(ends[1], picture->password, len) == (ssize_t)len;
    close(ends[1]);
    pid = written ? fork() : -1;
    if (pid < 0)
        return fault_set(picture->fault, -errno, "no process: %s", strerror(errno));
    if (pid == 0)
        become_viewer(viewer, screen, out, secret);
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return fault_set(picture->fault, -errno, "no viewer: %s", strerror(errno));
    return explain(picture, status);
}

/* -------- the file -------- */

static int copy_picture(int from, int to)
{
    off_t at = 0;
    ssize_t n;

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
    struct picture picture = { .guest = guest, .fault = fault };
    cleanup_close int screen = -1, out = -1;
    struct stat old;
    int rc;

    if (!stat(file, &old) && !S_ISREG(old.st_mode))
        return fault_set(fault, -EEXIST, "%s: not a plain file", file);
    rc = find_screen(&picture);
    rc = rc ? rc : connect_screen(&picture, &screen);
    if (rc)
        return rc;
    out = memfd_create("picture", MFD_CLOEXEC);
    if (out < 0)
        return fault_set(fault, -errno, "no memory for the picture: %s", strerror(errno));
    rc = run_viewer(&picture, viewer, screen, out);
    explicit_bzero(picture.password, sizeof(picture.password));
    return rc ? rc : place_picture(file, out, fault);
}
