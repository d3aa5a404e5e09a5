/*
 * screenshot: a picture of a guest's screen. See screenshot.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "screenshot.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <xenstore.h>

#include "../dom0-daemon/root/fork-alone.h"
#include "../screenshot/screenshot.h"
#include "cleanup.h"
#include "domains.h"
#include "xs-get.h"

#define HEARD_MAX 200

struct picture {
    const char *guest; /* as the user calls it */
    char host[64], port[16];
    char password[SCREENSHOT_PASSWORD_MAX + 1];
    struct fault *fault;
};

/* -------- where the guest's screen is -------- */

/* What no other domain could have written; VALUE is ours to free. False: there is no such thing, or it is too long. */
static bool take_own(char *text, size_t size, char *value)
{
    cleanup_free char *own = value;

    if (!own || !*own || strlen(own) >= size)
        return false;
    strcpy(text, own);
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
    if (!take_own(picture->port, sizeof(picture->port), xs_get_own(xs, "/local/domain/%u/console/vnc-port", guest)) ||
        !take_own(picture->host, sizeof(picture->host), xs_get_own(xs, "/local/domain/%u/console/vnc-listen", guest)))
        rc = fault_set(picture->fault, -ENOENT, "%s: no picture without VNC (vnc = 0 in its config)",
                       picture->guest);
    else
        take_own(picture->password, sizeof(picture->password),
                 xs_get_own(xs, "/local/domain/0/backend/vfb/%u/0/vncpasswd", stub));
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

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

/* The first line of what it said, a word of the loader's, say. Who prints it escapes it. */
static void hear(int fd, char text[HEARD_MAX])
{
    ssize_t len = read(fd, text, HEARD_MAX - 1);

    text[len < 0 ? 0 : len] = '\0';
    text[strcspn(text, "\n")] = '\0';
}

static int explain(const struct picture *picture, const char *viewer, int status, int heard)
{
    static const char *const text[SCREENSHOT_STATUSES] = {
        [SCREENSHOT_NOT_CONFINED] = "the viewer could not give up its privileges",
        [SCREENSHOT_NO_PASSWORD] = "its VNC asks for a password, and there is none in its config",
        [SCREENSHOT_REFUSED] = "its VNC does not let us in: the password was changed, or too many viewers",
        [SCREENSHOT_LOST] = "its VNC hung up",
        [SCREENSHOT_NOT_WRITTEN] = "the picture could not be made",
    };
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    char words[HEARD_MAX];

    if (code == SCREENSHOT_TAKEN)
        return 0;
    if (code > 0 && code < SCREENSHOT_STATUSES)
        return fault_set(picture->fault, -EIO, "%s: %s", picture->guest, text[code]);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
        return fault_set(picture->fault, -ETIMEDOUT, "%s: no picture within %d s", picture->guest,
                         SCREENSHOT_SECONDS);
    hear(heard, words);
    return fault_set(picture->fault, -EIO, "%s: %s ended, wait status 0x%x: %s", picture->guest, viewer,
                     status, words);
}

/* What the viewer has: neither our terminal nor the flags of our picture. */
static void become_viewer(const char *viewer, int screen, int picture, int secret, int words)
{
    char path[40];
    int own;

    snprintf(path, sizeof(path), "/proc/self/fd/%d", picture);
    own = open(path, O_RDWR | O_CLOEXEC);
    if (own >= 0 && dup2(screen, STDIN_FILENO) >= 0 && dup2(own, STDOUT_FILENO) >= 0 &&
        dup2(words, STDERR_FILENO) >= 0 && dup2(secret, SCREENSHOT_PASSWORD_FD) >= 0 &&
        !close_range(SCREENSHOT_PASSWORD_FD + 1, ~0u, CLOSE_RANGE_CLOEXEC))
        execl(viewer, viewer, (char *)NULL);
    dprintf(words, "%s", strerror(errno));
    _exit(SCREENSHOT_STATUSES);
}

/* A pipe with that in it. The end to read from, or -errno. */
static int make_secret(const char *password)
{
    size_t len = strlen(password);
    int ends[2], rc = 0;

    if (pipe2(ends, O_CLOEXEC))
        return -errno;
    if (write(ends[1], password, len) != (ssize_t)len)
        rc = -errno;
    close(ends[1]);
    if (rc)
        close(ends[0]);
    return rc ? rc : ends[0];
}

/* Whatever it does, it ends, and all that it may have started with it: it is process 1 of its namespace. */
static int wait_for_viewer(pid_t pid, int *status)
{
    cleanup_close int fd = syscall(SYS_pidfd_open, pid, 0);
    struct pollfd p = { .fd = fd, .events = POLLIN };
    int64_t left, until = now_ms() + SCREENSHOT_SECONDS * 1000;

    while (fd >= 0 && !p.revents && (left = until - now_ms()) > 0)
        poll(&p, 1, left);
    /* It is ours until it is waited for, so that the number is its own. */
    if (!p.revents)
        kill(pid, SIGKILL);
    while (waitpid(pid, status, 0) < 0)
        if (errno != EINTR)
            return -errno;
    return 0;
}

static int run_viewer(const struct picture *picture, const char *viewer, int screen, int out)
{
    cleanup_close int secret = make_secret(picture->password), heard = -1, words = -1;
    int ends[2], status, rc;
    pid_t pid;

    if (secret < 0 || pipe2(ends, O_CLOEXEC | O_NONBLOCK))
        return fault_set(picture->fault, -errno, "no pipe: %s", strerror(errno));
    heard = ends[0];
    words = ends[1];
    pid = fork_alone();
    if (pid < 0)
        return fault_set(picture->fault, pid, "no process: %s", strerror(-pid));
    if (pid == 0)
        become_viewer(viewer, screen, out, secret, words);
    rc = wait_for_viewer(pid, &status);
    if (rc)
        return fault_set(picture->fault, rc, "no viewer: %s", strerror(-rc));
    return explain(picture, viewer, status, heard);
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
    out = memfd_create("picture", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (out < 0)
        return fault_set(fault, -errno, "no memory for the picture: %s", strerror(errno));
    rc = run_viewer(&picture, viewer, screen, out);
    explicit_bzero(picture.password, sizeof(picture.password));
    return rc ? rc : place_picture(file, out, fault);
}
