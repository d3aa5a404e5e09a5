/*
 * viewer: a guest's screen, and the process that looks at it. See viewer.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "viewer.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xenstore.h>

#include "../dom0-daemon/root/fork-alone.h"
#include "cleanup.h"
#include "xs-get.h"

#define HEARD_MAX 200
#ifndef CONNECT_MS
#define CONNECT_MS 5000 /* compare hears no signal meanwhile */
#endif

/* -------- where the guest's screen is -------- */

/*
 * Copies VALUE, a node that no other domain could have written, to TEXT, and frees it. False: there is no such node,
 * or it is too long.
 */
static bool take_own(char *text, size_t size, char *value)
{
    cleanup_free char *own = value;

    if (!own || !*own || strlen(own) >= size)
        return false;
    strcpy(text, own);
    return true;
}

/* Where libxl keeps it. */
static char *get_password(struct xs_handle *xs, uint32_t guest, uint32_t stub)
{
    cleanup_free char *vm = stub ? NULL : xs_get_own(xs, "/local/domain/%u/vm", guest);

    if (stub)
        return xs_get_own(xs, "/local/domain/0/backend/vfb/%u/0/vncpasswd", stub);
    return vm ? xs_get_own(xs, "%s/vncpasswd", vm) : NULL;
}

bool screen_find(struct screen *screen, struct xs_handle *xs, uint32_t guest, uint32_t stub)
{
    memset(screen, 0, sizeof(*screen));
    if (!take_own(screen->port, sizeof(screen->port), xs_get_own(xs, "/local/domain/%u/console/vnc-port", guest)) ||
        !take_own(screen->host, sizeof(screen->host), xs_get_own(xs, "/local/domain/%u/console/vnc-listen", guest)))
        return false;
    take_own(screen->password, sizeof(screen->password), get_password(xs, guest, stub));
    return true;
}

/*
 * Connects; a server at any address is reached at the loopback one. 0 or -errno: -ETIMEDOUT where packets are dropped.
 * The limit stays set: if the server does not take octets for as long, the connection ends, too.
 */
static int connect_screen(const char *guest, const struct screen *screen, int *fd, struct fault *fault)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
                              .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV }, *address;
    const char *host = !strcmp(screen->host, "0.0.0.0") ? "127.0.0.1" :
                       !strcmp(screen->host, "::") ? "::1" : screen->host;
    unsigned int limit_ms = CONNECT_MS;
    int rc = 0;

    if (getaddrinfo(host, screen->port, &hints, &address))
        return fault_set(fault, -EINVAL, "%s: its VNC port: no address: %s, %s", guest, screen->host, screen->port);
    *fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (*fd < 0 || setsockopt(*fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &limit_ms, sizeof(limit_ms)) ||
        connect(*fd, address->ai_addr, address->ai_addrlen))
        rc = fault_set(fault, -errno, "%s: its VNC port, %s, %s: %s", guest, host, screen->port, strerror(errno));
    freeaddrinfo(address);
    return rc;
}

/* -------- its start -------- */

/* What the viewer has: neither our terminal nor the flags of our picture. */
static void become_viewer(const char *program, const char *task, int screen, int picture, int secret, int words)
{
    char path[40];
    int own;

    snprintf(path, sizeof(path), "/proc/self/fd/%d", picture);
    own = open(path, O_RDWR | O_CLOEXEC);
    if (own >= 0 && dup2(screen, STDIN_FILENO) >= 0 && dup2(own, STDOUT_FILENO) >= 0 &&
        dup2(words, STDERR_FILENO) >= 0 && dup2(secret, SCREENSHOT_PASSWORD_FD) >= 0 &&
        !close_range(SCREENSHOT_PASSWORD_FD + 1, ~0u, CLOSE_RANGE_CLOEXEC))
        execl(program, program, task, (char *)NULL);
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

int viewer_start(struct viewer *viewer, const char *program, const char *task, const char *guest,
                 const struct screen *screen, int out, struct fault *fault)
{
    cleanup_close int socket = -1, secret = -1, heard = -1, words = -1;
    int ends[2], rc = connect_screen(guest, screen, &socket, fault);
    pid_t pid;

    if (rc)
        return rc;
    secret = make_secret(screen->password);
    if (secret < 0 || pipe2(ends, O_CLOEXEC | O_NONBLOCK))
        return fault_set(fault, -errno, "no pipe: %s", strerror(errno));
    heard = ends[0];
    words = ends[1];
    /* Process 1 of its namespace: what it starts ends with it. */
    pid = fork_alone();
    if (pid < 0)
        return fault_set(fault, pid, "no process: %s", strerror(-pid));
    if (pid == 0)
        become_viewer(program, task, socket, out, secret, words);
    viewer->program = program;
    viewer->child.pid = pid;
    viewer->child.fd = syscall(SYS_pidfd_open, pid, 0);
    viewer->heard = steal_fd(&heard);
    if (viewer->child.fd >= 0)
        return 0;
    rc = fault_set(fault, -errno, "no viewer: %s", strerror(errno));
    viewer_end(viewer, guest, &(struct fault){""});
    return rc;
}

/* -------- its end -------- */

/* The first line of what it said, a word of the loader's, say. Who prints it escapes it. */
static void hear(int fd, char text[HEARD_MAX])
{
    ssize_t len = read(fd, text, HEARD_MAX - 1);

    text[len < 0 ? 0 : len] = '\0';
    text[strcspn(text, "\n")] = '\0';
}

static int explain(const struct viewer *viewer, const char *guest, int status, int heard, struct fault *fault)
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
    if (code == SCREENSHOT_LATE || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL))
        return -ETIMEDOUT;
    if (code > 0 && code < SCREENSHOT_STATUSES)
        return fault_set(fault, -EIO, "%s: %s", guest, text[code]);
    hear(heard, words);
    return fault_set(fault, -EIO, "%s: %s ended, wait status 0x%x: %s", guest, viewer->program, status, words);
}

int viewer_end(struct viewer *viewer, const char *guest, struct fault *fault)
{
    cleanup_close int heard = steal_fd(&viewer->heard);
    struct pollfd ended = { .fd = viewer->child.fd, .events = POLLIN };

    /* We have not waited for it yet, so nobody else has its number. */
    if (poll(&ended, 1, 0) <= 0)
        kill(viewer->child.pid, SIGKILL);
    return explain(viewer, guest, child_reap(&viewer->child), heard, fault);
}
