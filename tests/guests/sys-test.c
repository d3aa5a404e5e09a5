/*
 * Many small tests of Linux's system calls, with one line of output each. The same static binary runs on Linux and on
 * the micro kernel, and the outputs must be equal. So nothing is printed that may differ between two runs: no
 * addresses, no times, no process numbers.
 *
 * Usage: sys-test [WORD...]    only the groups whose name contains a WORD
 * Needs: root; a folder /tmp that can be written to, or made.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC 4
#endif
#define FOLDER "/tmp/sys-test"
#define MS 1000000LL

static const char *group, *self;

static void say_line(const char *what, const char *format,
                     ...) __attribute__((format(printf, 2, 3)));
static void say_line(const char *what, const char *format, ...)
{
    va_list args;

    printf("%s: %s: ", group, what);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\n");
    fflush(stdout);
}

/*
 * say(WHAT, FORMAT, CALL...): prints one line. The calls are made in the order in which they are written; as arguments
 * of one function, C would not guarantee an order.
 */
#define say(what, ...) \
    SAY_PICK(__VA_ARGS__, SAY8, SAY7, SAY6, SAY5, SAY4, SAY3, SAY2, SAY1, SAY0, -) \
    (what, __VA_ARGS__)
#define SAY_PICK(format, a, b, c, d, e, f, g, h, name, ...) name
#define FIRST(n, x) __auto_type y##n = (x)
#define SAY0(what, format) say_line(what, "%s", format)
#define SAY1(what, format, x1) \
    ({ FIRST(1, x1); \
       say_line(what, format, y1); })
#define SAY2(what, format, x1, x2) \
    ({ FIRST(1, x1); FIRST(2, x2); \
       say_line(what, format, y1, y2); })
#define SAY3(what, format, x1, x2, x3) \
    ({ FIRST(1, x1); FIRST(2, x2); FIRST(3, x3); \
       say_line(what, format, y1, y2, y3); })
#define SAY4(what, format, x1, x2, x3, x4) \
    ({ FIRST(1, x1); FIRST(2, x2); FIRST(3, x3); FIRST(4, x4); \
       say_line(what, format, y1, y2, y3, y4); })
#define SAY5(what, format, x1, x2, x3, x4, x5) \
    ({ FIRST(1, x1); FIRST(2, x2); FIRST(3, x3); FIRST(4, x4); FIRST(5, x5); \
       say_line(what, format, y1, y2, y3, y4, y5); })
#define SAY6(what, format, x1, x2, x3, x4, x5, x6) \
    ({ FIRST(1, x1); FIRST(2, x2); FIRST(3, x3); FIRST(4, x4); FIRST(5, x5); \
       FIRST(6, x6); \
       say_line(what, format, y1, y2, y3, y4, y5, y6); })
#define SAY7(what, format, x1, x2, x3, x4, x5, x6, x7) \
    ({ FIRST(1, x1); FIRST(2, x2); FIRST(3, x3); FIRST(4, x4); FIRST(5, x5); \
       FIRST(6, x6); FIRST(7, x7); \
       say_line(what, format, y1, y2, y3, y4, y5, y6, y7); })
#define SAY8(what, format, x1, x2, x3, x4, x5, x6, x7, x8) \
    ({ FIRST(1, x1); FIRST(2, x2); FIRST(3, x3); FIRST(4, x4); FIRST(5, x5); \
       FIRST(6, x6); FIRST(7, x7); FIRST(8, x8); \
       say_line(what, format, y1, y2, y3, y4, y5, y6, y7, y8); })

/* The result of a call as text: its number, or the error. */
static const char *said(long result)
{
    static char text[8][64];
    static unsigned int next;
    char *to = text[next++ % 8];

    if (result < 0)
        snprintf(to, 64, "%s", strerror(errno));
    else
        snprintf(to, 64, "%ld", result);
    return to;
}

/* The same for a call that returns a descriptor. Its number is not printed: it depends on the parent process. */
static const char *opened(int fd)
{
    return fd < 0 ? said(fd) : "a descriptor";
}

static int64_t now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

/* Has it taken this long, and not much longer? The upper limit allows for a machine under load. */
static const char *took(int64_t since, int64_t ms)
{
    int64_t passed = now() - since;

    return passed < ms * MS ? "too early" : passed > (ms + 5000) * MS ? "too late" : "in time";
}

static void sleep_ms(long ms)
{
    struct timespec ts = { ms / 1000, ms % 1000 * MS };

    nanosleep(&ts, NULL);
}

static const char *events(short revents)
{
    static const struct { short bit; const char *name; } names[] = {
        { POLLIN, "IN" }, { POLLOUT, "OUT" }, { POLLERR, "ERR" }, { POLLHUP, "HUP" },
        { POLLNVAL, "NVAL" }, { POLLRDHUP, "RDHUP" },
    };
    static char text[8][64];
    static unsigned int next;
    char *to = text[next++ % 8];

    strcpy(to, revents ? "" : " nothing");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (revents & names[i].bit)
            sprintf(to + strlen(to), " %s", names[i].name);
    return to + 1;
}

static const char *ready(int fd)
{
    struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT | POLLRDHUP };

    return poll(&p, 1, 0) < 0 ? said(-1) : events(p.revents);
}

static void must(bool fine, const char *what)
{
    if (fine)
        return;
    say("cannot go on", "%s: %s", what, strerror(errno));
    exit(1);
}

static void nonblock(int fd, bool on)
{
    int flags = fcntl(fd, F_GETFL);

    fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK);
}

static void close_pair(int fds[2])
{
    close(fds[0]);
    close(fds[1]);
}

static int new_file(const char *name, const char *text)
{
    int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);

    must(fd >= 0, name);
    must(write(fd, text, strlen(text)) == (ssize_t)strlen(text), "write");
    return fd;
}

/* ---- threads that do something later ---- */

struct later {
    pthread_t thread, target;
    long ms;
    int fd, signal;
    const void *data;
    size_t size;
};

static void *later_main(void *arg)
{
    struct later *later = arg;

    sleep_ms(later->ms);
    if (later->data && write(later->fd, later->data, later->size) < 0)
        say("a thread cannot write", "%s", strerror(errno));
    if (later->signal)
        pthread_kill(later->target, later->signal);
    return NULL;
}

static void write_later(struct later *later, int fd, const void *data, size_t size)
{
    *later = (struct later){ .ms = 30, .fd = fd, .data = data, .size = size };
    must(!pthread_create(&later->thread, NULL, later_main, later), "a thread");
}

static void signal_later(struct later *later, int number)
{
    *later = (struct later){ .ms = 30, .target = pthread_self(), .signal = number };
    must(!pthread_create(&later->thread, NULL, later_main, later), "a thread");
}

static volatile int got_signal, got_count;
static void note_signal(int number)
{
    got_signal = number;
    got_count++;
}

static void handle(int number, void (*handler)(int), int flags)
{
    struct sigaction action = { .sa_handler = handler, .sa_flags = flags };

    got_signal = got_count = 0;
    sigaction(number, &action, NULL);
}

/* ---- pipes ---- */

static void pipes(void)
{
    int p[2], n;
    char bytes[256];
    struct stat st;

    must(!pipe(p), "pipe");
    say("write", "%s", said(write(p[1], "hello", 5)));
    ioctl(p[0], FIONREAD, &n);
    say("FIONREAD", "%d", n);
    say("read less", "%s", said(read(p[0], bytes, 2)));
    say("read the rest", "%s", said(read(p[0], bytes, 256)));
    say("read nothing", "%s", said(read(p[0], bytes, 0)));
    say("wrong ends", "%s, %s", said(write(p[0], "x", 1)), said(read(p[1], bytes, 1)));
    say("lseek", "%s", said(lseek(p[0], 0, SEEK_SET)));
    say("pread", "%s", said(pread(p[0], bytes, 1, 0)));
    say("ftruncate", "%s", said(ftruncate(p[1], 0)));
    say("fsync", "%s", said(fsync(p[1])));
    fstat(p[0], &st);
    say("fstat", "fifo %d mode %o", S_ISFIFO(st.st_mode), st.st_mode & 07777);
    say("bad address", "%s, %s", said(write(p[1], (void *)8, 4)), said(read(p[0], (void *)8, 0)));
    close_pair(p);
    say("bad result address", "%s", said(syscall(SYS_pipe, 8)));
    say("pipe2 flags", "%s", said(syscall(SYS_pipe2, p, 1)));
}

static void pipe_ends(void)
{
    int p[2];
    char byte;

    must(!pipe2(p, O_NONBLOCK), "pipe2");
    say("empty", "%s; reader %s, writer %s", said(read(p[0], &byte, 1)), ready(p[0]), ready(p[1]));
    write(p[1], "ab", 2);
    say("some", "reader %s", ready(p[0]));
    close(p[1]);
    say("writer gone", "%s, %s", ready(p[0]), said(read(p[0], &byte, 1)));
    say("and at the end", "%s, %s", said(read(p[0], &byte, 1)), said(read(p[0], &byte, 1)));
    say("reader", "%s", ready(p[0]));
    close(p[0]);

    must(!pipe2(p, O_NONBLOCK), "pipe2");
    close(p[0]);
    handle(SIGPIPE, note_signal, 0);
    say("reader gone", "%s, %s, signal %d", ready(p[1]), said(write(p[1], "x", 1)), got_signal);
    handle(SIGPIPE, SIG_IGN, 0);
    say("ignored", "%s", said(write(p[1], "x", 1)));
    close(p[1]);
}

static void pipe_full(void)
{
    static char page[4096], much[100000];
    int p[2], n = 0;
    struct later later;

    must(!pipe2(p, O_NONBLOCK), "pipe2");
    say("size", "%s", said(fcntl(p[1], F_GETPIPE_SZ)));
    while (write(p[1], page, sizeof(page)) == sizeof(page))
        n++;
    say("pages until full", "%d, %s", n, strerror(errno));
    say("writer", "%s", ready(p[1]));
    say("a byte more", "%s", said(write(p[1], page, 1)));
    say("read a page", "%s, then writer %s", said(read(p[0], page, sizeof(page))), ready(p[1]));
    close_pair(p);

    must(!pipe(p), "pipe");
    write_later(&later, p[1], much, sizeof(much));
    for (n = 0; n < (int)sizeof(much);) {
        ssize_t got = read(p[0], much, 3000);

        if (got <= 0)
            break;
        n += got;
    }
    say("a blocking write of 100000", "%d read", n);
    pthread_join(later.thread, NULL);
    nonblock(p[1], true);
    say("a write of 100000 that may not block", "%s", said(write(p[1], much, sizeof(much))));
    close_pair(p);
    say("smaller", "%s", said(pipe(p)));
    say("F_SETPIPE_SZ", "%s, %s", said(fcntl(p[0], F_SETPIPE_SZ, 5000)),
        said(fcntl(p[0], F_GETPIPE_SZ)));
    close_pair(p);
}

static void pipe_waits(void)
{
    int p[2];
    struct later later;
    char bytes[8];
    struct iovec v[3] = { { bytes, 2 }, { bytes + 2, 0 }, { bytes + 4, 4 } };

    must(!pipe(p), "pipe");
    write_later(&later, p[1], "xyz", 3);
    say("a blocking read", "%s", said(read(p[0], bytes, 8)));
    pthread_join(later.thread, NULL);
    write(p[1], "abcdefgh", 8);
    say("readv", "%s, %.2s-%.4s", said(readv(p[0], v, 3)), bytes, bytes + 4);
    say("writev", "%s", said(writev(p[1], v, 3)));
    say("too many buffers", "%s", said(writev(p[1], v, 1025)));
    say("no buffers", "%s", said(writev(p[1], v, 0)));
    v[1].iov_len = (size_t)-1;
    say("a negative size", "%s", said(writev(p[1], v, 3)));
    close_pair(p);
}

/* ---- sockets ---- */

static void socket_pairs(void)
{
    int s[2], value = 0;
    socklen_t size = sizeof(value);
    char bytes[64];
    struct stat st;
    struct ucred cred;

    must(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, s), "socketpair");
    say("flags", "%d, %d", fcntl(s[0], F_GETFL) & O_NONBLOCK, fcntl(s[0], F_GETFD));
    say("empty", "%s; %s", said(recv(s[0], bytes, 64, 0)), ready(s[0]));
    say("send", "%s, then %s", said(send(s[0], "hello world", 11, 0)), ready(s[1]));
    ioctl(s[1], FIONREAD, &value);
    say("FIONREAD", "%d", value);
    say("peek", "%s %.5s", said(recv(s[1], bytes, 5, MSG_PEEK)), bytes);
    say("read", "%s %.6s", said(read(s[1], bytes, 6)), bytes);
    say("both ways", "%s, %s", said(write(s[1], "back", 4)), said(read(s[0], bytes, 64)));
    say("the rest", "%s %.5s", said(recv(s[1], bytes, 64, 0)), bytes);
    say("send nothing", "%s", said(send(s[0], "", 0, 0)));
    fstat(s[0], &st);
    say("fstat", "socket %d", S_ISSOCK(st.st_mode));
    for (int name = SO_TYPE; name <= SO_ERROR; name++) {
        size = sizeof(value);
        getsockopt(s[0], SOL_SOCKET, name, &value, &size);
        say("option", "%d is %d, %u bytes", name, value, size);
    }
    getsockopt(s[0], SOL_SOCKET, SO_DOMAIN, &value, &size);
    say("SO_DOMAIN", "%d", value);
    getsockopt(s[0], SOL_SOCKET, SO_ACCEPTCONN, &value, &size);
    say("SO_ACCEPTCONN", "%d", value);
    size = sizeof(cred);
    getsockopt(s[0], SOL_SOCKET, SO_PEERCRED, &cred, &size);
    say("SO_PEERCRED", "%d %d", cred.pid == getpid(), cred.uid == getuid());
    value = 1;
    say("TCP_NODELAY", "%s",
        said(setsockopt(s[0], IPPROTO_TCP, TCP_NODELAY, &value, sizeof(value))));
    say("SO_SNDBUF", "%s", said(setsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &value, sizeof(value))));
    say("unknown option", "%s", said(setsockopt(s[0], SOL_SOCKET, 12345, &value, sizeof(value))));
    say("lseek", "%s", said(lseek(s[0], 0, SEEK_SET)));
    say("accept", "%s", said(accept(s[0], NULL, NULL)));
    say("listen", "%s", said(listen(s[0], 1)));
    close_pair(s);
    say("not a socket", "%s", said(send(1, "x", 1, 0) < 0 && errno == ENOTSOCK ? 0 : 1));
    say("no socket", "%s", said(send(999, "x", 1, 0)));
}

static void socket_kinds(void)
{
    int s[2];

    say("type", "%s, %s", said(socket(AF_UNIX, 7, 0)), said(socket(AF_UNIX, SOCK_STREAM | 64, 0)));
    say("protocol", "%s", said(socket(AF_UNIX, SOCK_STREAM, 77)));
    say("family", "%s", said(socket(77, SOCK_STREAM, 0)));
    say("pair of a family", "%s", said(socketpair(77, SOCK_STREAM, 0, s)));
}

static void socket_ends(void)
{
    int s[2];
    char byte;

    must(!socketpair(AF_UNIX, SOCK_STREAM, 0, s), "socketpair");
    write(s[0], "ab", 2);
    say("shutdown", "%s", said(shutdown(s[0], SHUT_WR)));
    say("other end", "%s", ready(s[1]));
    handle(SIGPIPE, note_signal, 0);
    say("write after it", "%s, signal %d", said(write(s[0], "x", 1)), got_signal);
    got_signal = 0;
    say("send without signal", "%s, signal %d", said(send(s[0], "x", 1, MSG_NOSIGNAL)), got_signal);
    say("what was sent", "%s, %s, %s", said(read(s[1], &byte, 1)), said(read(s[1], &byte, 1)),
        said(read(s[1], &byte, 1)));
    say("the other way", "%s, %s", said(write(s[1], "x", 1)), said(read(s[0], &byte, 1)));
    say("all of it", "%s", said(shutdown(s[1], SHUT_RDWR)));
    say("now", "%s; %s", ready(s[0]), ready(s[1]));
    say("strange", "%s", said(shutdown(s[1], 7)));
    close_pair(s);

    must(!socketpair(AF_UNIX, SOCK_STREAM, 0, s), "socketpair");
    write(s[1], "abc", 3);
    close(s[1]);
    say("closed", "%s", ready(s[0]));
    say("read what was left", "%s, %s", said(read(s[0], &byte, 1)), said(recv(s[0], &byte, 1, 0)));
    got_signal = 0;
    say("write", "%s, signal %d", said(write(s[0], "x", 1)), got_signal);
    say("read", "%s, %s", said(read(s[0], &byte, 1)), said(read(s[0], &byte, 1)));
    say("getpeername", "%s", said(getpeername(s[0], (struct sockaddr *)&(struct sockaddr_un){ 0 },
                                              &(socklen_t){ sizeof(struct sockaddr_un) })));
    close(s[0]);

    must(!socketpair(AF_UNIX, SOCK_STREAM, 0, s), "socketpair");
    write(s[0], "unread", 6);
    close(s[1]);
    say("closed with unread bytes", "%s", ready(s[0]));
    say("read", "%s, then %s", said(read(s[0], &byte, 1)), said(read(s[0], &byte, 1)));
    close(s[0]);
    handle(SIGPIPE, SIG_IGN, 0);
}

static void socket_waits(void)
{
    static char much[300000];
    int s[2], n = 0;
    struct later later;
    char bytes[16];

    must(!socketpair(AF_UNIX, SOCK_STREAM, 0, s), "socketpair");
    write_later(&later, s[1], "abc", 3);
    say("a blocking read", "%s", said(read(s[0], bytes, 16)));
    pthread_join(later.thread, NULL);
    write_later(&later, s[1], much, sizeof(much));
    while (n < (int)sizeof(much)) {
        ssize_t got = read(s[0], much, 7777);

        if (got <= 0)
            break;
        n += got;
    }
    say("a blocking write of 300000", "%d read", n);
    pthread_join(later.thread, NULL);
    write(s[1], "1234", 4);
    write_later(&later, s[1], "5678", 4);
    say("MSG_WAITALL", "%s %.8s", said(recv(s[0], bytes, 8, MSG_WAITALL)), bytes);
    pthread_join(later.thread, NULL);
    say("MSG_DONTWAIT", "%s", said(recv(s[0], bytes, 8, MSG_DONTWAIT)));
    nonblock(s[1], true);
    while (write(s[1], much, sizeof(much)) > 0)
        ;
    say("full", "%s, %s", strerror(errno), ready(s[1]));
    nonblock(s[0], true);
    while (read(s[0], much, sizeof(much)) > 0)
        ;
    say("empty again", "%s, %s", strerror(errno), ready(s[1]));
    close_pair(s);
}

static void datagrams(void)
{
    int s[2];
    char bytes[16];
    struct iovec v = { bytes, 3 };
    struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };

    must(!socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, s), "socketpair");
    say("empty", "%s, %s", said(recv(s[0], bytes, 16, 0)), ready(s[0]));
    say("two", "%s, %s", said(send(s[0], "first", 5, 0)), said(send(s[0], "2nd", 3, 0)));
    say("FIONREAD", "%s", said(ioctl(s[1], FIONREAD, bytes) ? -1 : *(int *)bytes));
    say("a part of one", "%s, truncated %d", said(recvmsg(s[1], &m, 0)),
        !!(m.msg_flags & MSG_TRUNC));
    say("the other", "%s %.3s", said(recv(s[1], bytes, 16, 0)), bytes);
    say("an empty one", "%s, %s, %s", said(send(s[1], "", 0, 0)), ready(s[0]),
        said(recv(s[0], bytes, 16, 0)));
    send(s[1], "abcdef", 6, 0);
    say("its size", "%s", said(recv(s[0], bytes, 1, MSG_TRUNC)));
    close(s[1]);
    say("nobody there", "%s", said(send(s[0], "x", 1, 0)));
    close(s[0]);
}

static struct sockaddr_un address_of(const char *path)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };

    strcpy(un.sun_path, path);
    return un;
}

static const char *name_of(int (*get)(int, struct sockaddr *, socklen_t *), int fd)
{
    static char text[4][160];
    static unsigned int next;
    char *to = text[next++ % 4];
    struct sockaddr_un un = { 0 };
    socklen_t size = sizeof(un);

    if (get(fd, (struct sockaddr *)&un, &size) < 0)
        return said(-1);
    snprintf(to, 160, "%u %d \"%s\"", size, un.sun_family, un.sun_path);
    return to;
}

static void listeners(void)
{
    struct sockaddr_un un = address_of("socket"), from = { 0 };
    int l = socket(AF_UNIX, SOCK_STREAM, 0), c = socket(AF_UNIX, SOCK_STREAM, 0), a, c2;
    socklen_t size = sizeof(from);
    struct stat st;
    char byte;

    say("before", "%s; listen %s; read %s", ready(l), said(listen(l, 1)), said(read(l, &byte, 1)));
    say("write", "%s", said(write(l, "x", 1)));
    say("connect to nothing", "%s", said(connect(c, (struct sockaddr *)&un, sizeof(un))));
    say("bind", "%s, %s", said(bind(l, (struct sockaddr *)&un, sizeof(un))),
        name_of(getsockname, l));
    say("bind again", "%s, %s", said(bind(l, (struct sockaddr *)&un, sizeof(un))),
        said(bind(c, (struct sockaddr *)&un, sizeof(un))));
    stat("socket", &st);
    say("stat", "socket %d mode %o", S_ISSOCK(st.st_mode), st.st_mode & 07777);
    say("open", "%s", said(open("socket", O_RDWR)));
    say("connect early", "%s", said(connect(c, (struct sockaddr *)&un, sizeof(un))));
    say("listen", "%s, %s", said(listen(l, 1)), ready(l));
    say("getpeername", "%s", name_of(getpeername, l));
    say("connect", "%s, %s; %s", said(connect(c, (struct sockaddr *)&un, sizeof(un))), ready(l),
        ready(c));
    say("connect twice", "%s", said(connect(c, (struct sockaddr *)&un, sizeof(un))));
    say("write early", "%s", said(write(c, "early", 5)));
    a = accept4(l, (struct sockaddr *)&from, &size, SOCK_CLOEXEC);
    say("accept", "%s, from %u %d, cloexec %d", opened(a), size, from.sun_family,
        fcntl(a, F_GETFD));
    say("read", "%s", said(read(a, &byte, 1)));
    say("names", "%s; %s", name_of(getsockname, a), name_of(getpeername, c));
    say("unnamed", "%s; %s", name_of(getpeername, a), name_of(getsockname, c));
    nonblock(l, true);
    say("nobody waits", "%s, %s", said(accept(l, NULL, NULL)), ready(l));
    c2 = socket(AF_UNIX, SOCK_STREAM, 0);
    connect(c2, (struct sockaddr *)&un, sizeof(un));
    close(c2);
    c2 = accept(l, NULL, NULL);
    say("one that left", "%s, %s", opened(c2), said(read(c2, &byte, 1)));
    close(c2);
    c2 = socket(AF_UNIX, SOCK_STREAM, 0);
    connect(c2, (struct sockaddr *)&un, sizeof(un));
    close(l);
    say("listener gone", "%s, %s", ready(c2), said(read(c2, &byte, 1)));
    close(c2);
    c2 = socket(AF_UNIX, SOCK_STREAM, 0);
    say("refused", "%s", said(connect(c2, (struct sockaddr *)&un, sizeof(un))));
    say("unlink", "%s, %s", said(unlink("socket")),
        said(connect(c2, (struct sockaddr *)&un, sizeof(un))));
    say("accepted one lives", "%s", said(write(a, "x", 1)));
    un = address_of("plain");
    close(new_file("plain", ""));
    say("a plain file", "%s", said(connect(c2, (struct sockaddr *)&un, sizeof(un))));
    un.sun_family = 77;
    say("family", "%s, %s", said(connect(c2, (struct sockaddr *)&un, sizeof(un))),
        said(bind(c2, (struct sockaddr *)&un, sizeof(un))));
    close(a);
    close(c);
    close(c2);
    unlink("plain");
}

static void *connect_main(void *arg)
{
    struct sockaddr_un un = address_of("socket");
    int *fd = arg;

    sleep_ms(30);
    if (connect(*fd, (struct sockaddr *)&un, sizeof(un)) < 0)
        say("a thread cannot connect", "%s", strerror(errno));
    return NULL;
}

static void listener_waits(void)
{
    struct sockaddr_un un = address_of("socket");
    int l = socket(AF_UNIX, SOCK_STREAM, 0), c = socket(AF_UNIX, SOCK_STREAM, 0);
    struct pollfd p = { .fd = l, .events = POLLIN };
    pthread_t thread;

    bind(l, (struct sockaddr *)&un, sizeof(un));
    listen(l, 4);
    pthread_create(&thread, NULL, connect_main, &c);
    say("a blocking accept", "%s", opened(accept(l, NULL, NULL)));
    pthread_join(thread, NULL);
    close(c);
    c = socket(AF_UNIX, SOCK_STREAM, 0);
    pthread_create(&thread, NULL, connect_main, &c);
    say("poll", "%s %s", said(poll(&p, 1, -1)), events(p.revents));
    pthread_join(thread, NULL);
    close(c);
    close(l);
    unlink("socket");
}

/* ---- descriptors through sockets ---- */

static ssize_t send_fds(int s, const void *data, size_t size, const int *fds, size_t count)
{
    union { char bytes[CMSG_SPACE(sizeof(int) * 300)]; struct cmsghdr align; } control = { 0 };
    struct iovec v = { (void *)data, size };
    struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = &control,
                        .msg_controllen = CMSG_SPACE(sizeof(int) * count) };
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);

    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int) * count);
    memcpy(CMSG_DATA(c), fds, sizeof(int) * count);
    return sendmsg(s, &m, 0);
}

/* Receives a message and prints what came. Stores the descriptors in fds. */
static int receive_fds(const char *what, int s, size_t bytes, size_t room, int *fds, int flags)
{
    union { char bytes[CMSG_SPACE(sizeof(int) * 16)]; struct cmsghdr align; } control = { 0 };
    char data[64] = "";
    struct iovec v = { data, bytes };
    struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = &control,
                        .msg_controllen = room ? CMSG_LEN(sizeof(int) * room) : 0 };
    ssize_t got = recvmsg(s, &m, flags);
    struct cmsghdr *c = got < 0 ? NULL : CMSG_FIRSTHDR(&m);
    int n = c ? (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int)) : 0;

    if (c)
        memcpy(fds, CMSG_DATA(c), (size_t)n * sizeof(int));
    say(what, "%s \"%s\", %d descriptors, level %d type %d, cut %d, control %zu", said(got), data,
        n,
        c ? c->cmsg_level : -1, c ? c->cmsg_type : -1, !!(m.msg_flags & MSG_CTRUNC),
        (size_t)m.msg_controllen);
    return n;
}

static void rights(void)
{
    int s[2], p[2], fds[16], many[300];
    char byte = 0;

    must(!socketpair(AF_UNIX, SOCK_STREAM, 0, s) && !pipe(p), "a pair");
    say("send one", "%s", said(send_fds(s[0], "abc", 3, &p[1], 1)));
    receive_fds("receive", s[1], 64, 4, fds, MSG_CMSG_CLOEXEC);
    say("it is the pipe", "%s, %s %c, cloexec %d", said(write(fds[0], "Q", 1)),
        said(read(p[0], &byte, 1)),
        byte, fcntl(fds[0], F_GETFD));
    close(fds[0]);

    write(s[0], "before", 6);
    send_fds(s[0], "with", 4, p, 2);
    write(s[0], "after", 5);
    receive_fds("bytes around", s[1], 64, 4, fds, 0);
    say("cloexec", "%d", fcntl(fds[0], F_GETFD));
    close(fds[0]);
    close(fds[1]);
    receive_fds("the rest", s[1], 64, 4, fds, 0);

    send_fds(s[0], "xyz", 3, p, 2);
    receive_fds("a part", s[1], 1, 4, fds, 0);
    close(fds[0]);
    close(fds[1]);
    receive_fds("another part", s[1], 64, 4, fds, 0);

    send_fds(s[0], "x", 1, p, 2);
    receive_fds("room for one", s[1], 64, 1, fds, 0);
    close(fds[0]);
    send_fds(s[0], "x", 1, p, 1);
    receive_fds("room for none", s[1], 64, 0, fds, 0);
    send_fds(s[0], "x", 1, p, 1);
    say("plain read", "%s", said(read(s[1], &byte, 1)));
    send_fds(s[0], "p", 1, p, 1);
    close(receive_fds("peek", s[1], 64, 4, fds, MSG_PEEK) ? fds[0] : -1);
    close(receive_fds("and take", s[1], 64, 4, fds, 0) ? fds[0] : -1);

    many[0] = p[0];
    many[1] = 999;
    say("a bad one", "%s", said(send_fds(s[0], "x", 1, many, 2)));
    for (int i = 0; i < 300; i++)
        many[i] = p[0];
    say("too many", "%s", said(send_fds(s[0], "x", 1, many, 300)));

    /* A descriptor that is on its way keeps the pipe open. */
    send_fds(s[0], "w", 1, &p[1], 1);
    close(p[1]);
    nonblock(p[0], true);
    say("on its way", "%s", said(read(p[0], &byte, 1)));
    close_pair(s);
    say("given up", "%s", said(read(p[0], &byte, 1)));
    close(p[0]);
}

static void rights_of_sockets(void)
{
    int s[2], t[2], fds[16];
    char byte = 0;

    must(!socketpair(AF_UNIX, SOCK_STREAM, 0, s) && !socketpair(AF_UNIX, SOCK_STREAM, 0, t),
         "pairs");
    say("send", "%s", said(send_fds(s[0], "s", 1, &t[1], 1)));
    close(t[1]);
    write(t[0], "!", 1);
    receive_fds("receive", s[1], 64, 4, fds, 0);
    say("it works", "%s %c", said(read(fds[0], &byte, 1)), byte);
    close(fds[0]);
    say("closed", "%s", said(read(t[0], &byte, 1)));
    close_pair(s);
    close(t[0]);
}

/* ---- poll ---- */

static void polls(void)
{
    struct pollfd p[48];
    struct later later;
    struct timespec ts = { 0, 20 * MS };
    int64_t start;
    int e = eventfd(0, 0), e2 = eventfd(0, 0);

    start = now();
    say("20 ms", "%s, %s", said(poll(NULL, 0, 20)), took(start, 20));
    start = now();
    say("ppoll 20 ms", "%s, %s", said(ppoll(NULL, 0, &ts, NULL)), took(start, 20));
    p[0] = (struct pollfd){ .fd = e, .events = POLLIN, .revents = 77 };
    p[1] = (struct pollfd){ .fd = -5, .events = POLLIN, .revents = 77 };
    p[2] = (struct pollfd){ .fd = 999, .events = POLLIN };
    say("three", "%s: %s, %s, %s", said(poll(p, 3, 0)), events(p[0].revents), events(p[1].revents),
        events(p[2].revents));
    start = now();
    say("with a file", "%s, %s", said(poll(p, 2, 20)), took(start, 20));
    write_later(&later, e, &(uint64_t){ 1 }, 8);
    say("woken", "%s %s", said(poll(p, 2, 10000)), events(p[0].revents));
    pthread_join(later.thread, NULL);
    say("still", "%s %s", said(poll(p, 1, -1)), events(p[0].revents));
    for (int i = 0; i < 48; i++)
        p[i] = (struct pollfd){ .fd = i == 40 ? e : e2, .events = POLLIN };
    say("of many", "%s: %s, %s", said(poll(p, 48, 1000)), events(p[40].revents),
        events(p[39].revents));
    p[0].fd = open("/dev/null", O_RDWR);
    p[0].events = POLLIN | POLLOUT;
    say("/dev/null", "%s %s", said(poll(p, 1, 1000)), events(p[0].revents));
    close(p[0].fd);
    say("bad address", "%s", said(poll((void *)8, 1, 0)));
    ts.tv_nsec = 2000000000;
    say("bad time", "%s", said(ppoll(NULL, 0, &ts, NULL)));
    close(e);
    close(e2);
}

/* ---- epoll ---- */

static int list_change(int list, int what, int fd, uint32_t wanted, uint64_t data)
{
    struct epoll_event event = { .events = wanted, .data.u64 = data };

    return epoll_ctl(list, what, fd, &event);
}

static void epolls(void)
{
    struct epoll_event e[4];
    int list = epoll_create1(EPOLL_CLOEXEC), a = eventfd(0, 0), b = eventfd(0, 0), copy;
    int64_t start = now();

    memset(e, 0, sizeof(e));
    say("created", "%s, %s, %s", opened(list), said(epoll_create1(O_NONBLOCK)), said(syscall(SYS_epoll_create, 0)));
    say("closed in exec", "%s", said(fcntl(list, F_GETFD)));
    say("empty", "%s, %s", said(epoll_wait(list, e, 4, 20)), took(start, 20));
    say("added", "%s, %s, again %s", said(list_change(list, EPOLL_CTL_ADD, a, EPOLLIN, 1)),
        said(list_change(list, EPOLL_CTL_ADD, b, EPOLLIN, 2)), said(list_change(list, EPOLL_CTL_ADD, a, EPOLLIN, 3)));
    say("nothing yet", "%s", said(epoll_wait(list, e, 4, 0)));
    eventfd_write(b, 1);
    say("one", "%s %s %d", said(epoll_wait(list, e, 4, -1)), events((short)e[0].events), (int)e[0].data.u64);
    say("still", "%s %d", said(epoll_wait(list, e, 4, 0)), (int)e[0].data.u64);
    say("changed", "%s", said(list_change(list, EPOLL_CTL_MOD, a, EPOLLIN | EPOLLOUT, 4)));
    say("two", "%s", said(epoll_wait(list, e, 4, 0)));
    epoll_wait(list, &e[0], 1, 0);
    epoll_wait(list, &e[1], 1, 0);
    say("in turns", "%d", (int)(e[0].data.u64 + e[1].data.u64));
    say("taken out", "%s, again %s", said(epoll_ctl(list, EPOLL_CTL_DEL, a, NULL)),
        said(epoll_ctl(list, EPOLL_CTL_DEL, a, NULL)));
    say("not in it", "%s", said(list_change(list, EPOLL_CTL_MOD, a, EPOLLIN, 1)));
    copy = dup(b);
    close(b);
    say("a copy is open", "%s", said(epoll_wait(list, e, 4, 0)));
    say("by the old number", "%s", said(epoll_ctl(list, EPOLL_CTL_DEL, b, NULL)));
    close(copy);
    say("closed for good", "%s", said(epoll_wait(list, e, 4, 0)));
    close(a);
    close(list);
}

static void epoll_refusals(void)
{
    struct epoll_event e;
    int list = epoll_create1(0), a = eventfd(1, 0), root = open("/", O_RDONLY), null = open("/dev/null", O_RDWR);
    char byte;

    say("no such", "%s, %s", said(list_change(999, EPOLL_CTL_ADD, a, EPOLLIN, 1)),
        said(list_change(list, EPOLL_CTL_ADD, 999, EPOLLIN, 1)));
    say("no list", "%s, %s", said(list_change(a, EPOLL_CTL_ADD, a, EPOLLIN, 1)), said(epoll_wait(a, &e, 1, 0)));
    say("itself", "%s", said(list_change(list, EPOLL_CTL_ADD, list, EPOLLIN, 1)));
    say("a folder, a device", "%s, %s", said(list_change(list, EPOLL_CTL_ADD, root, EPOLLIN, 1)),
        said(list_change(list, EPOLL_CTL_ADD, null, EPOLLIN, 1)));
    say("what?", "%s", said(list_change(list, 77, a, EPOLLIN, 1)));
    say("bad event", "%s, %s", said(epoll_ctl(list, EPOLL_CTL_ADD, a, (void *)8)),
        said(epoll_ctl(list, EPOLL_CTL_MOD, 999, (void *)8)));
    say("sizes", "%s, %s, %s", said(epoll_wait(list, &e, 0, 0)),
        said(syscall(SYS_epoll_pwait, list, &e, -1, 0, NULL, 8)), said(epoll_wait(list, &e, 0x7fffffff, 0)));
    list_change(list, EPOLL_CTL_ADD, a, EPOLLIN, 1);
    say("bad place", "%s", said(epoll_wait(list, (void *)8, 1, 0)));
    say("read", "%s", said(read(list, &byte, 1)));
    say("bad mask", "%s", said(syscall(SYS_epoll_pwait, list, &e, 1, 0, &e, 4)));
    close(list);
    close(a);
    close(root);
    close(null);
}

static void epoll_waits(void)
{
    struct epoll_event e[2];
    struct later later;
    struct pollfd p;
    int list = epoll_create1(0), s[2];
    char byte;

    must(!socketpair(AF_UNIX, SOCK_STREAM, 0, s), "socketpair");
    list_change(list, EPOLL_CTL_ADD, s[0], EPOLLIN | EPOLLRDHUP, 5);
    write_later(&later, s[1], "x", 1);
    say("woken", "%s %s", said(epoll_wait(list, e, 2, 10000)), events((short)e[0].events));
    pthread_join(later.thread, NULL);
    p = (struct pollfd){ .fd = list, .events = POLLIN | POLLOUT };
    say("in poll()", "%s %s", said(poll(&p, 1, 0)), events(p.revents));
    must(read(s[0], &byte, 1) == 1, "read");
    say("in poll(), empty", "%s", said(poll(&p, 1, 0)));
    write_later(&later, s[1], "x", 1);
    say("poll() woken", "%s %s", said(poll(&p, 1, 10000)), events(p.revents));
    pthread_join(later.thread, NULL);
    must(read(s[0], &byte, 1) == 1, "read");
    close(s[1]);
    say("hung up", "%s %s", said(epoll_wait(list, e, 2, 10000)), events((short)e[0].events));
    list_change(list, EPOLL_CTL_MOD, s[0], 0, 5);
    say("nothing wanted", "%s %s", said(epoll_wait(list, e, 2, 0)), events((short)e[0].events));
    close(s[0]);
    handle(SIGUSR1, note_signal, 0);
    signal_later(&later, SIGUSR1);
    say("interrupted", "%s", said(epoll_wait(list, e, 2, 10000)));
    pthread_join(later.thread, NULL);
    close(list);
}

static void *poll_main(void *arg)
{
    int *fd = arg;
    struct pollfd p = { .fd = *fd, .events = POLLIN };

    return (void *)(long)poll(&p, 1, 10000);
}

/* Several threads poll a file each, and each is woken for its own. */
static void poll_threads(void)
{
    int fds[4];
    pthread_t threads[4];
    void *result;

    for (int i = 0; i < 4; i++) {
        fds[i] = eventfd(0, 0);
        pthread_create(&threads[i], NULL, poll_main, &fds[i]);
    }
    sleep_ms(30);
    for (int i = 3; i >= 0; i--) {
        eventfd_write(fds[i], 1);
        pthread_join(threads[i], &result);
        say("a sleeper", "%ld", (long)result);
        close(fds[i]);
    }
}

static void *echo_main(void *arg)
{
    int *s = arg;
    char byte;

    while (read(*s, &byte, 1) == 1)
        write(*s, &byte, 1);
    return NULL;
}

/* A lost wake-up would hang this. */
static void echo(void)
{
    int s[2], done = 0;
    pthread_t thread;
    char byte = 'x';

    must(!socketpair(AF_UNIX, SOCK_STREAM, 0, s), "socketpair");
    pthread_create(&thread, NULL, echo_main, &s[1]);
    for (int i = 0; i < 2000; i++) {
        struct pollfd p = { .fd = s[0], .events = POLLIN };

        write(s[0], &byte, 1);
        if (poll(&p, 1, 10000) != 1 || read(s[0], &byte, 1) != 1)
            break;
        done++;
    }
    say("turns", "%d", done);
    close(s[0]);
    pthread_join(thread, NULL);
    close(s[1]);
}

/* ---- eventfd ---- */

static void eventfds(void)
{
    int e = eventfd(3, EFD_NONBLOCK);
    uint64_t n = 0;
    struct later later;

    say("start", "%s", ready(e));
    say("read", "%s %llu", said(read(e, &n, 8)), (unsigned long long)n);
    say("empty", "%s, %s", said(read(e, &n, 8)), ready(e));
    n = 5;
    say("write", "%s, %s", said(write(e, &n, 8)), said(write(e, &n, 8)));
    say("sum", "%s %llu", said(read(e, &n, 8)), (unsigned long long)n);
    say("short", "%s, %s", said(read(e, &n, 4)), said(write(e, &n, 4)));
    n = UINT64_MAX;
    say("most", "%s", said(write(e, &n, 8)));
    n = UINT64_MAX - 1;
    say("less", "%s, %s", said(write(e, &n, 8)), ready(e));
    n = 1;
    say("full", "%s", said(write(e, &n, 8)));
    close(e);
    e = eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK);
    for (int i = 0; i < 3; i++)
        say("semaphore", "%s %llu", said(read(e, &n, 8)), (unsigned long long)n);
    close(e);
    e = eventfd(0, EFD_CLOEXEC);
    say("cloexec", "%d", fcntl(e, F_GETFD));
    n = 7;
    write_later(&later, e, &n, 8);
    say("blocking", "%s", said(read(e, &n, 8)));
    pthread_join(later.thread, NULL);
    close(e);
    say("flags", "%s", said(eventfd(0, 12345)));
}

/* ---- files ---- */

static void opens(void)
{
    char name[300];
    int fd, mask = umask(027);

    say("umask", "%o", umask(027));
    say("missing", "%s", said(open("missing", O_RDONLY)));
    say("create", "%s", opened(fd = open("file", O_RDWR | O_CREAT | O_EXCL, 0666)));
    close(fd);
    say("exclusive", "%s", said(open("file", O_RDWR | O_CREAT | O_EXCL, 0666)));
    say("folder for writing", "%s", said(open(".", O_RDWR)));
    say("O_CREAT of a folder", "%s", said(open(".", O_RDONLY | O_CREAT, 0600)));
    say("O_DIRECTORY", "%s, %s", opened(fd = open(".", O_RDONLY | O_DIRECTORY)),
        said(open("file", O_RDONLY | O_DIRECTORY)));
    say("read a folder", "%s", said(read(fd, name, 10)));
    say("openat", "%s", opened(openat(fd, "file", O_RDONLY)));
    close(fd);
    say("through a file", "%s", said(open("file/x", O_RDONLY)));
    say("slash behind", "%s, %s", said(open("file/", O_RDONLY)),
        said(open("new/", O_CREAT | O_RDWR, 0600)));
    say("no name", "%s", said(open("", O_RDONLY)));
    memset(name, 'n', 256);
    name[256] = 0;
    say("long name", "%s", said(open(name, O_RDONLY)));
    say("bad address", "%s", said(open((char *)8, O_RDONLY)));
    fd = open("file", O_RDONLY);
    say("write to a reader", "%s", said(write(fd, "x", 1)));
    say("truncate a reader", "%s", said(ftruncate(fd, 0)));
    close(fd);
    fd = open("file", O_WRONLY);
    say("read from a writer", "%s", said(read(fd, name, 1)));
    say("flags", "%o", fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK));
    close(fd);
    say("bad descriptors", "%s, %s, %s", said(close(999)), said(close(-1)),
        said(read(999, name, 1)));
    umask(mask);
    unlink("file");
}

static void contents(void)
{
    int fd = new_file("file", "0123456789");
    char bytes[64] = "";
    struct iovec v[2] = { { bytes, 3 }, { bytes + 10, 4 } };
    struct stat st;

    say("lseek", "%s, %s, %s", said(lseek(fd, 2, SEEK_SET)), said(lseek(fd, 3, SEEK_CUR)),
        said(lseek(fd, -1, SEEK_END)));
    say("bad lseek", "%s, %s", said(lseek(fd, -1, SEEK_SET)), said(lseek(fd, 0, 77)));
    say("read at the end", "%s, %s", said(read(fd, bytes, 10)), said(read(fd, bytes, 10)));
    say("pread", "%s %.4s", said(pread(fd, bytes, 4, 3)), bytes);
    say("pwrite", "%s", said(pwrite(fd, "AB", 2, 4)));
    say("preadv", "%s %.3s-%.4s", said(preadv(fd, v, 2, 2)), bytes, bytes + 10);
    say("pwritev", "%s", said(pwritev(fd, v, 2, 9)));
    say("bad position", "%s", said(pread(fd, bytes, 4, -1)));
    say("position stays", "%s", said(lseek(fd, 0, SEEK_CUR)));
    fstat(fd, &st);
    say("fstat", "size %ld mode %o links %d regular %d", (long)st.st_size, st.st_mode & 07777,
        (int)st.st_nlink, S_ISREG(st.st_mode));
    say("behind the end", "%s", said(pwrite(fd, "Z", 1, 20)));
    memset(bytes, 'x', sizeof(bytes));
    say("zeros between", "%s %d %d %c", said(pread(fd, bytes, 64, 16)), bytes[0], bytes[3],
        bytes[4]);
    ftruncate(fd, 5);
    ftruncate(fd, 8);
    memset(bytes, 'x', sizeof(bytes));
    say("truncate and back", "%s %.5s %d", said(pread(fd, bytes, 64, 0)), bytes, bytes[7]);
    say("negative size", "%s", said(ftruncate(fd, -1)));
    close(fd);
    fd = open("file", O_WRONLY | O_APPEND);
    say("append", "%s, %s", said(write(fd, "++", 2)), said(lseek(fd, 0, SEEK_CUR)));
    say("still append", "%s, %s", said(lseek(fd, 0, SEEK_SET)), said(write(fd, "--", 2)));
    fstat(fd, &st);
    say("size", "%ld", (long)st.st_size);
    say("fsync", "%s, %s", said(fsync(fd)), said(fdatasync(fd)));
    close(fd);
    fd = open("file", O_RDWR | O_TRUNC);
    fstat(fd, &st);
    say("O_TRUNC", "%ld", (long)st.st_size);
    say("a bad buffer", "%s", said(write(fd, (void *)8, 8)));
    close(fd);
    unlink("file");
}

static void holes(void)
{
    int fd = new_file("file", "");
    struct stat st;

    pwrite(fd, "data", 4, 1 << 20);
    ftruncate(fd, 2 << 20);
    say("data", "%s, %s", said(lseek(fd, 0, SEEK_DATA)), said(lseek(fd, (1 << 20) + 2, SEEK_DATA)));
    say("hole", "%s, %s", said(lseek(fd, 0, SEEK_HOLE)), said(lseek(fd, 1 << 20, SEEK_HOLE)));
    say("no more", "%s, %s", said(lseek(fd, (1 << 20) + 4096, SEEK_DATA)),
        said(lseek(fd, 2 << 20, SEEK_HOLE)));
    fstat(fd, &st);
    say("size", "%ld, sparse %d", (long)st.st_size, st.st_blocks < 64);
    say("fallocate", "%s", said(fallocate(fd, 0, 0, 3 << 20)));
    fstat(fd, &st);
    say("size", "%ld, sparse %d", (long)st.st_size, st.st_blocks < 64);
    say("bad ones", "%s, %s", said(fallocate(fd, 0, 0, 0)), said(fallocate(fd, 0, -1, 5)));
    close(fd);
    unlink("file");
}

static void descriptors(void)
{
    int fd = new_file("file", "0123456789"), d, flags;
    char bytes[16];
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

    d = dup(fd);
    lseek(fd, 4, SEEK_SET);
    say("dup shares", "%s", said(lseek(d, 0, SEEK_CUR)));
    close(d);
    d = fcntl(fd, F_DUPFD_CLOEXEC, 100);
    say("F_DUPFD_CLOEXEC", "%d, %d", d, fcntl(d, F_GETFD));
    fcntl(d, F_SETFD, 0);
    say("F_SETFD", "%d", fcntl(d, F_GETFD));
    say("dup2", "%s, %s, %s", said(dup2(fd, 101)), said(dup2(fd, fd) == fd), said(dup2(fd, -1)));
    say("dup3", "%s, %d, %s", said(dup3(fd, 102, O_CLOEXEC)), fcntl(102, F_GETFD),
        said(dup3(fd, fd, 0)));
    say("dup of none", "%s, %s", said(dup(999)), said(dup2(999, 5)));
    say("close_range", "%s", said(syscall(SYS_close_range, 100, 101, 0)));
    say("closed", "%s, open %d", said(fcntl(100, F_GETFD)), fcntl(102, F_GETFD));
    fcntl(102, F_SETFD, 0);
    say("cloexec of a range", "%s, %d",
        said(syscall(SYS_close_range, 100, ~0U, CLOSE_RANGE_CLOEXEC)),
        fcntl(102, F_GETFD));
    say("bad range", "%s", said(syscall(SYS_close_range, 5, 4, 0)));
    flags = fcntl(fd, F_GETFL);
    say("O_NONBLOCK", "%s, %d", said(fcntl(fd, F_SETFL, flags | O_NONBLOCK)),
        !!(fcntl(102, F_GETFL) & O_NONBLOCK));
    flags = 0;
    say("FIONBIO", "%s, %d", said(ioctl(fd, FIONBIO, &flags)), !!(fcntl(fd, F_GETFL) & O_NONBLOCK));
    say("FIONREAD", "%s %d", said(ioctl(fd, FIONREAD, &flags)), flags);
    say("no ioctl", "%s", said(ioctl(fd, TIOCGWINSZ, bytes)));
    say("bad fcntl", "%s", said(fcntl(fd, 12345)));
    say("lock", "%s", said(fcntl(fd, F_OFD_SETLK, &lock)));
    say("get lock", "%s, type %d", said(fcntl(fd, F_OFD_GETLK, &lock)), lock.l_type == F_UNLCK);
    lock.l_type = 77;
    say("bad lock", "%s", said(fcntl(fd, F_SETLK, &lock)));
    close(102);
    close(fd);
    unlink("file");
}

static void names(void)
{
    struct stat st;
    char path[64] = "";
    int fd;

    say("mkdir", "%s, %s, %s", said(mkdir("folder", 0755)), said(mkdir("folder", 0755)),
        said(mkdir("a/b", 0755)));
    stat("folder", &st);
    say("stat", "folder %d mode %o", S_ISDIR(st.st_mode), st.st_mode & 07777);
    close(new_file("folder/file", "x"));
    say("rmdir of a full one", "%s", said(rmdir("folder")));
    say("rmdir of a file", "%s", said(rmdir("folder/file")));
    say("unlink of a folder", "%s", said(unlink("folder")));
    say("rmdir strange", "%s, %s, %s", said(rmdir("folder/.")), said(rmdir("/")),
        said(rmdir("missing")));
    say("chdir", "%s, %s, %s", said(chdir("folder")), said(chdir("file")), said(chdir("missing")));
    say("getcwd", "%s", getcwd(path, sizeof(path)));
    say("small getcwd", "%s", getcwd(path, 3) ? "?" : strerror(errno));
    say("up", "%s, %s", said(access("../folder/./file", F_OK)), said(chdir("..")));
    say("symlink", "%s, %s", said(symlink("folder/file", "link")),
        said(symlink("folder/file", "link")));
    memset(path, 'x', 16);
    say("readlink", "%s %.16s", said(readlink("link", path, 64)), path);
    say("a part of it", "%s %.8s", said(readlink("link", path, 3)), path);
    say("readlink of a file", "%s", said(readlink("folder/file", path, 64)));
    lstat("link", &st);
    say("lstat", "link %d size %ld", S_ISLNK(st.st_mode), (long)st.st_size);
    stat("link", &st);
    say("stat", "file %d size %ld", S_ISREG(st.st_mode), (long)st.st_size);
    say("O_NOFOLLOW", "%s, %s", said(open("link", O_RDONLY | O_NOFOLLOW)),
        opened(fd = open("link", O_RDONLY)));
    close(fd);
    symlink("loop2", "loop");
    symlink("loop", "loop2");
    say("loop", "%s", said(open("loop", O_RDONLY)));
    symlink("made", "dangling");
    say("create through a link", "%s, %s", opened(fd = open("dangling", O_CREAT | O_RDWR, 0600)),
        said(access("made", F_OK)));
    close(fd);
    say("exclusive through a link", "%s", said(open("dangling", O_CREAT | O_EXCL | O_RDWR, 0600)));
    say("unlink links", "%s %s %s %s %s", said(unlink("loop")), said(unlink("loop2")),
        said(unlink("dangling")),
        said(unlink("made")), said(unlink("link")));
    say("unlinkat", "%s, %s", said(unlinkat(AT_FDCWD, "folder", 0)),
        said(unlinkat(AT_FDCWD, "folder/file", 0)));
    say("AT_REMOVEDIR", "%s", said(unlinkat(AT_FDCWD, "folder", AT_REMOVEDIR)));
}

static void renames(void)
{
    struct stat st;
    int fd = new_file("a", "AAA");

    close(new_file("b", "B"));
    mkdir("d", 0755);
    mkdir("d/e", 0755);
    say("over a file", "%s, %s", said(rename("a", "b")), said(access("a", F_OK)));
    stat("b", &st);
    say("its size", "%ld", (long)st.st_size);
    say("missing", "%s", said(rename("a", "c")));
    say("file over folder", "%s", said(rename("b", "d")));
    say("folder over file", "%s", said(rename("d", "b")));
    say("into itself", "%s", said(rename("d", "d/e/f")));
    say("over a full folder", "%s", said(rename("d/e", "d")));
    say("to itself", "%s", said(rename("b", "b")));
    say("into a folder", "%s, %s", said(rename("b", "d/e/b")), said(access("d/e/b", F_OK)));
    say("a folder", "%s, %s", said(rename("d/e", "f")), said(access("f/b", F_OK)));
    unlink("f/b");
    fstat(fd, &st);
    say("unlinked", "links %d size %ld", (int)st.st_nlink, (long)st.st_size);
    say("still there", "%s", said(write(fd, "more", 4)));
    close(fd);
    say("clean", "%s, %s", said(rmdir("f")), said(rmdir("d")));
}

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void folders(void)
{
    char found[80][16], name[16];
    int n = 0;
    struct dirent *entry;
    DIR *dir;

    mkdir("folder", 0755);
    for (int i = 0; i < 60; i++) {
        sprintf(name, "folder/%d", i);
        close(new_file(name, ""));
    }
    mkdir("folder/sub", 0755);
    dir = opendir("folder");
    while ((entry = readdir(dir)) && n < 80) {
        const char *type = entry->d_type == DT_DIR ? "/" : entry->d_type == DT_REG ? "" : "?";

        snprintf(found[n++], 16, "%.10s%s", entry->d_name, type);
    }
    qsort(found, (size_t)n, sizeof(found[0]), by_name);
    say("entries", "%d: %s %s %s … %s", n, found[0], found[1], found[2], found[n - 1]);
    rewinddir(dir);
    for (n = 0; (entry = readdir(dir));) {
        sprintf(name, "folder/%.3s", entry->d_name);
        if (entry->d_type == DT_REG && !unlink(name))
            n++;
    }
    closedir(dir);
    say("removed on the way", "%d", n);
    rmdir("folder/sub");
    say("empty", "%s", said(rmdir("folder")));
    n = open("/dev/null", O_RDONLY);
    say("getdents of a file", "%s", said(syscall(SYS_getdents64, n, found, sizeof(found))));
    close(n);
}

/* What another user may do, in a process of its own. */
static void as_user(void)
{
    int fds[2];

    must(!setgroups(0, NULL) && !setresgid(100, 100, 100) && !setresuid(100, 100, 100),
         "setresuid");
    say("read", "%s, %s, %s", said(open("mine", O_RDONLY)), opened(open("ours", O_RDONLY)),
        opened(open("his",
        O_RDWR)));
    say("write", "%s", said(open("ours", O_WRONLY)));
    say("access", "%s, %s, %s", said(access("ours", R_OK)), said(access("ours", W_OK)),
        said(access("ours", X_OK)));
    say("create", "%s, %s", said(open("new", O_CREAT | O_WRONLY, 0600)), opened(open("open/new",
        O_CREAT | O_WRONLY, 0600)));
    say("remove", "%s, %s", said(unlink("ours")), said(unlink("open/new")));
    say("look into", "%s, %s", said(open("closed/file", O_RDONLY)), said(chdir("closed")));
    say("chmod", "%s, %s", said(chmod("ours", 0777)), said(chmod("his", 0640)));
    say("chown", "%s, %s, %s", said(chown("his", 0, 0)), said(chown("his", 100, 100)),
        said(chown("ours", 100, 100)));
    say("sticky", "%s, %s", said(unlink("sticky/file")), said(rename("sticky/file", "open/file")));
    say("mkdir", "%s", said(mkdir("folder", 0755)));
    say("pipe", "%s", said(pipe(fds)));
    say("be root", "%s", said(setresuid(0, 0, 0)));
    exit(0);
}

static void permissions(void)
{
    static const char *const made[] = { "mine", "ours", "his", "closed/file", "sticky/file" };
    struct stat st;
    int status;
    pid_t pid;

    close(new_file("mine", "x"));
    close(new_file("ours", "x"));
    close(new_file("his", "x"));
    chmod("mine", 0600);
    chmod("ours", 0644);
    say("chown", "%s, %s", said(chown("his", 100, 100)), said(chmod("his", 0600)));
    stat("his", &st);
    say("stat", "%d %d %o", st.st_uid, st.st_gid, st.st_mode & 07777);
    mkdir("open", 0700);
    chmod("open", 0777);
    mkdir("sticky", 0777);
    chmod("sticky", 01777);
    close(new_file("sticky/file", ""));
    mkdir("closed", 0700);
    close(new_file("closed/file", ""));
    say("root may", "%s, %s", said(access("his", R_OK | W_OK)), said(access("his", X_OK)));
    pid = fork();
    if (!pid)
        as_user();
    waitpid(pid, &status, 0);
    say("as a user", "%d", WEXITSTATUS(status));
    for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++)
        unlink(made[i]);
    say("clean", "%s, %s, %s", said(rmdir("open")), said(rmdir("closed")), said(rmdir("sticky")));
}

static void devices(void)
{
    char bytes[32];
    int fd = open("/dev/null", O_RDWR);
    struct stat st;

    say("null", "%s, %s", said(write(fd, "abc", 3)), said(read(fd, bytes, 3)));
    fstat(fd, &st);
    say("fstat", "device %d %x", S_ISCHR(st.st_mode), (unsigned int)st.st_rdev);
    say("lseek", "%s", said(lseek(fd, 0, SEEK_SET)));
    close(fd);
    fd = open("/dev/zero", O_RDONLY);
    memset(bytes, 'x', sizeof(bytes));
    say("zero", "%s %d", said(read(fd, bytes, 32)), bytes[31]);
    close(fd);
    fd = open("/dev/full", O_WRONLY);
    say("full", "%s", said(write(fd, "x", 1)));
    close(fd);
    fd = open("/dev/urandom", O_RDONLY);
    say("urandom", "%s", said(read(fd, bytes, 32)));
    close(fd);
    say("getrandom", "%s, %s", said(syscall(SYS_getrandom, bytes, 32, 0)),
        said(syscall(SYS_getrandom, bytes, 32, 99)));
    fd = open("/proc/meminfo", O_RDONLY);
    memset(bytes, 0, sizeof(bytes));
    say("meminfo", "%s %.9s", said(read(fd, bytes, 9)), bytes);
    close(fd);
    say("/proc/cmdline", "%s", said(access("/proc/cmdline", R_OK)));
}

static void facts(void)
{
    struct utsname name;
    struct sysinfo info;
    struct statfs fs;

    say("uname", "%s %s %s", said(uname(&name)), name.sysname, name.machine);
    say("sysinfo", "%s, memory %d", said(sysinfo(&info)),
        info.totalram >= info.freeram && info.freeram > 0);
    say("statfs", "%s, names of %ld", said(statfs(".", &fs)), (long)fs.f_namelen);
    say("page size", "%ld", sysconf(_SC_PAGESIZE));
    say("not there", "%s", said(syscall(9999)));
}

/* ---- memory ---- */

static sigjmp_buf after_fault;
static volatile int fault_signal;
static void note_fault(int number)
{
    fault_signal = number;
    siglongjmp(after_fault, 1);
}

/* Reads or writes memory. Returns "fine", or the signal's name. */
static const char *touch(volatile char *at, bool write)
{
    handle(SIGSEGV, note_fault, 0);
    handle(SIGBUS, note_fault, 0);
    fault_signal = 0;
    if (!sigsetjmp(after_fault, 1)) {
        char c = *at;

        if (write)
            *at = c;
    }
    handle(SIGSEGV, SIG_DFL, 0);
    handle(SIGBUS, SIG_DFL, 0);
    return fault_signal == SIGSEGV ? "SIGSEGV" : fault_signal == SIGBUS ? "SIGBUS" : "fine";
}

static void mappings(void)
{
    char *p = mmap(NULL, 4 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *q;

    must(p != MAP_FAILED, "mmap");
    say("zero", "%d %d", p[0], p[16383]);
    memset(p, 'x', 4 * 4096);
    say("read only", "%s: %s, %s", said(mprotect(p, 4096, PROT_READ)), touch(p, false),
        touch(p, true));
    say("none", "%s: %s", said(mprotect(p + 4096, 4096, PROT_NONE)), touch(p + 4096, false));
    say("again", "%s: %s %c", said(mprotect(p, 2 * 4096, PROT_READ | PROT_WRITE)),
        touch(p + 4096, true), p[4096]);
    say("a part unmapped", "%s: %s, %s", said(munmap(p + 4096, 4096)), touch(p + 4096, false),
        touch(p + 8192, true));
    q = mmap(p + 4096, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
             0);
    say("fixed", "%d, %d", q == p + 4096, p[4096]);
    q = mmap(p, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    say("fixed over", "%d, %d", q == p, p[0]);
    say("MADV_DONTNEED", "%s, %d", said(madvise(p + 8192, 4096, MADV_DONTNEED)), p[8192]);
    say("munmap", "%s, %s", said(munmap(p, 4 * 4096)), touch(p, false));
    say("bad ones", "%s, %s", said(munmap((char *)1, 4096)),
        mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1,
             0) == MAP_FAILED ? strerror(errno) : "?");
    p = mmap(NULL, 1UL << 30, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
             -1, 0);
    say("a gigabyte of address space", "%d, %s", p != MAP_FAILED, touch(p + (1 << 29), true));
    munmap(p, 1UL << 30);
    p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    p[5] = 'm';
    q = mremap(p, 4096, 8 * 4096, MREMAP_MAYMOVE);
    say("mremap", "%d %c %d", q != MAP_FAILED, q[5], q[8 * 4096 - 1]);
    munmap(q, 8 * 4096);
    say("null", "%s", touch(NULL, false));
}

static void file_mappings(void)
{
    int fd = new_file("file", "0123456789"), fd2;
    char *shared, *private, bytes[16] = "";

    ftruncate(fd, 6000);
    shared = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    private = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    must(shared != MAP_FAILED && private != MAP_FAILED, "mmap");
    say("content", "%.10s %.10s", shared, private);
    shared[1] = 'S';
    private[2] = 'P';
    pread(fd, bytes, 10, 0);
    say("written", "%s, %.10s, %.10s", bytes, shared, private);
    pwrite(fd, "W", 1, 3);
    say("by write", "%.10s", shared);
    say("the second page", "%s, zero %d", touch(shared + 4096, true), shared[5999]);
    say("behind the end", "%s", touch(shared + 2 * 4096, false));
    ftruncate(fd, 3 * 4096);
    say("grown", "%s", touch(shared + 2 * 4096, true));
    fd2 = open("file", O_RDONLY);
    say("shared, of a reader", "%s",
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd2,
             0) == MAP_FAILED ? strerror(errno) : "?");
    say("odd offset", "%s",
        mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd2, 5) == MAP_FAILED ? strerror(errno) : "?");
    close(fd2);
    close(fd);
    unlink("file");
    say("lives on", "%.4s", shared);
    munmap(shared, 3 * 4096);
    munmap(private, 4096);
}

static void memfds(void)
{
    int fd = memfd_create("name", MFD_CLOEXEC | MFD_ALLOW_SEALING), fd2;
    char *p;
    struct stat st;

    say("create", "%s", opened(fd));
    say("ftruncate", "%s", said(ftruncate(fd, 8192)));
    p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    must(p != MAP_FAILED, "mmap");
    strcpy(p + 5000, "hello");
    say("read", "%s", said(pread(fd, p, 5, 5000)));
    say("seen", "%.5s", p);
    fstat(fd, &st);
    say("fstat", "regular %d links %d size %ld", S_ISREG(st.st_mode), (int)st.st_nlink,
        (long)st.st_size);
    say("seals", "%s, %s", said(fcntl(fd, F_GET_SEALS)),
        said(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK)));
    say("grow", "%s, %s", said(ftruncate(fd, 9000)), said(pwrite(fd, "x", 1, 8192)));
    say("shrink", "%s", said(ftruncate(fd, 100)));
    say("inside", "%s", said(pwrite(fd, "x", 1, 0)));
    say("seal the seals", "%s, %s", said(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL)),
        said(fcntl(fd, F_ADD_SEALS,
        F_SEAL_GROW)));
    munmap(p, 8192);
    close(fd);
    fd2 = memfd_create("x", 0);
    say("without", "%s, %s", said(fcntl(fd2, F_GET_SEALS)),
        said(fcntl(fd2, F_ADD_SEALS, F_SEAL_GROW)));
    close(fd2);
    say("flags", "%s", said(syscall(SYS_memfd_create, "x", 0x4000)));
}

/* ---- threads ---- */

static __thread int local;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static int turn, sum;

static void *add_main(void *arg)
{
    local = (int)(long)arg;
    for (int i = 0; i < 1000; i++) {
        pthread_mutex_lock(&mutex);
        sum += local;
        pthread_mutex_unlock(&mutex);
    }
    return (void *)(long)(local + 1);
}

static void *turn_main(void *arg)
{
    pthread_mutex_lock(&mutex);
    for (int i = 0; i < 1000; i++) {
        while (turn != 1)
            pthread_cond_wait(&cond, &mutex);
        turn = 0;
        pthread_cond_signal(&cond);
    }
    pthread_mutex_unlock(&mutex);
    return arg;
}

/* Loops until another thread sets "stop": on one CPU that needs preemption. */
static volatile bool stop;
static void *spin_main(void *arg)
{
    while (!stop)
        ;
    return arg;
}

static void *exit_main(void *arg)
{
    sleep_ms(20);
    pthread_exit(arg);
}

static void threads(void)
{
    pthread_t list[20];
    void *result;
    long all = 0;
    struct timespec until;
    int64_t start;
    sem_t semaphore;

    for (long i = 0; i < 20; i++)
        must(!pthread_create(&list[i], NULL, add_main, (void *)i), "a thread");
    for (int i = 0; i < 20; i++) {
        pthread_join(list[i], &result);
        all += (long)result;
    }
    say("twenty", "sum %d, results %ld, own %d", sum, all, local);
    pthread_create(&list[0], NULL, turn_main, NULL);
    pthread_mutex_lock(&mutex);
    for (int i = 0; i < 1000; i++) {
        turn = 1;
        pthread_cond_signal(&cond);
        while (turn != 0)
            pthread_cond_wait(&cond, &mutex);
    }
    pthread_mutex_unlock(&mutex);
    pthread_join(list[0], NULL);
    say("turns", "%d", turn);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += 20 * MS;
    if (until.tv_nsec >= 1000000000)
        until.tv_sec++, until.tv_nsec -= 1000000000;
    start = now();
    pthread_mutex_lock(&mutex);
    say("timed wait", "%s, %s", strerror(pthread_cond_timedwait(&cond, &mutex, &until)),
        took(start, 19));
    pthread_mutex_unlock(&mutex);
    pthread_create(&list[0], NULL, spin_main, NULL);
    sleep_ms(20);
    stop = true;
    pthread_join(list[0], NULL);
    say("a spinning one", "ended");
    pthread_create(&list[0], NULL, exit_main, (void *)77L);
    pthread_join(list[0], &result);
    say("pthread_exit", "%ld", (long)result);
    sem_init(&semaphore, 0, 1);
    say("semaphore", "%d, %s", sem_trywait(&semaphore), said(sem_trywait(&semaphore)));
    say("the first thread", "%d", getpid() == syscall(SYS_gettid));
}

static void futexes(void)
{
    uint32_t word = 5;
    struct timespec ts = { 0, 20 * MS };
    int64_t start = now();

    say("other value", "%s", said(syscall(SYS_futex, &word, 0, 6, NULL, NULL, 0)));
    say("timeout", "%s, %s", said(syscall(SYS_futex, &word, 0, 5, &ts, NULL, 0)), took(start, 20));
    say("wake nobody", "%s", said(syscall(SYS_futex, &word, 1, 1, NULL, NULL, 0)));
    say("bad address", "%s", said(syscall(SYS_futex, (void *)8, 0, 5, &ts, NULL, 0)));
    say("odd address", "%s", said(syscall(SYS_futex, (char *)&word + 1, 0, 5, &ts, NULL, 0)));
}

/* ---- signals ---- */

static void signals(void)
{
    sigset_t set, old, pending;
    int64_t start;
    struct timespec ts = { 0, 20 * MS };

    handle(SIGUSR1, note_signal, 0);
    say("raise", "%s, got %d", said(raise(SIGUSR1)), got_signal);
    got_signal = 0;
    say("kill", "%s, got %d", said(kill(getpid(), SIGUSR1)), got_signal);
    say("kill nothing", "%s, %s", said(kill(getpid(), 0)), said(kill(getpid(), 99)));
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, &old);
    got_signal = got_count = 0;
    raise(SIGUSR1);
    raise(SIGUSR1);
    sigpending(&pending);
    say("blocked", "got %d, pending %d", got_signal, sigismember(&pending, SIGUSR1));
    sigprocmask(SIG_SETMASK, &old, NULL);
    say("unblocked", "got %d, %d times", got_signal, got_count);
    sigprocmask(SIG_BLOCK, &set, &old);
    raise(SIGUSR1);
    say("sigtimedwait", "%s", said(sigtimedwait(&set, NULL, &ts)));
    start = now();
    say("nothing", "%s, %s", said(sigtimedwait(&set, NULL, &ts)), took(start, 20));
    got_signal = 0;
    raise(SIGUSR1);
    sigdelset(&old, SIGUSR1);
    say("sigsuspend", "%s, got %d", said(sigsuspend(&old)), got_signal);
    sigprocmask(SIG_SETMASK, NULL, &pending);
    say("mask after it", "%d", sigismember(&pending, SIGUSR1));
    sigprocmask(SIG_SETMASK, &old, NULL);
    handle(SIGUSR1, SIG_IGN, 0);
    say("ignored", "%s", said(raise(SIGUSR1)));
    say("SIGKILL", "%s", signal(SIGKILL, note_signal) == SIG_ERR ? strerror(errno) : "?");
    handle(SIGUSR1, SIG_DFL, 0);
}

static void signal_info(int number, siginfo_t *info, void *context)
{
    sigset_t mask;

    sigprocmask(SIG_SETMASK, NULL, &mask);
    say("in the handler", "%d, code %d, from us %d, blocked %d, other blocked %d",
        info->si_signo == number,
        info->si_code, info->si_pid == getpid(), sigismember(&mask, number), sigismember(&mask,
                                              SIGUSR2));
    say("context", "%d", context != NULL);
}

static void signal_details(void)
{
    struct sigaction action = { .sa_sigaction = signal_info, .sa_flags = SA_SIGINFO }, old;

    sigaddset(&action.sa_mask, SIGUSR2);
    sigaction(SIGUSR1, &action, NULL);
    kill(getpid(), SIGUSR1);
    sigaction(SIGUSR1, NULL, &old);
    say("the action", "%d, mask %d", old.sa_sigaction == signal_info,
        sigismember(&old.sa_mask, SIGUSR2));
    handle(SIGUSR1, note_signal, SA_RESETHAND);
    raise(SIGUSR1);
    sigaction(SIGUSR1, NULL, &old);
    say("SA_RESETHAND", "got %d, default %d", got_signal, old.sa_handler == SIG_DFL);
}

static char *volatile stack_seen;
static void note_stack(int number)
{
    got_signal = number;
    stack_seen = __builtin_frame_address(0);
}

static sigjmp_buf out_of_handler;
static void jump_out(int number)
{
    got_signal = number;
    siglongjmp(out_of_handler, 5);
}

static void signal_stacks(void)
{
    static char stack[32768];
    stack_t new = { .ss_sp = stack, .ss_size = sizeof(stack) }, old;
    double before = 1.5;
    int jumped;

    say("sigaltstack", "%s", said(sigaltstack(&new, &old)));
    say("before", "disabled %d", old.ss_flags == SS_DISABLE);
    handle(SIGUSR1, note_stack, SA_ONSTACK);
    raise(SIGUSR1);
    say("on it", "%d, got %d", stack_seen >= stack && stack_seen < stack + sizeof(stack),
        got_signal);
    handle(SIGUSR1, note_stack, 0);
    raise(SIGUSR1);
    say("not on it", "%d", stack_seen >= stack && stack_seen < stack + sizeof(stack));
    handle(SIGUSR1, jump_out, SA_ONSTACK);
    jumped = sigsetjmp(out_of_handler, 1);
    if (!jumped)
        raise(SIGUSR1);
    say("jumped out", "%d, got %d, number %.2f", jumped, got_signal, before * 2);
    new.ss_size = 16;
    say("small", "%s", said(sigaltstack(&new, NULL)));
    new.ss_flags = SS_DISABLE;
    say("disable", "%s", said(sigaltstack(&new, NULL)));
    handle(SIGUSR1, SIG_DFL, 0);
}

static void interrupted(void)
{
    int p[2];
    char byte;
    struct later later, writer;
    struct timespec ts = { 5, 0 }, left;
    sigset_t none, set;
    struct pollfd f;

    must(!pipe(p), "pipe");
    handle(SIGUSR1, note_signal, 0);
    signal_later(&later, SIGUSR1);
    say("read", "%s, got %d", said(read(p[0], &byte, 1)), got_signal);
    pthread_join(later.thread, NULL);
    signal_later(&later, SIGUSR1);
    f = (struct pollfd){ .fd = p[0], .events = POLLIN };
    say("poll", "%s", said(poll(&f, 1, 10000)));
    pthread_join(later.thread, NULL);
    signal_later(&later, SIGUSR1);
    say("nanosleep", "%s", said(nanosleep(&ts, &left)));
    say("time left", "%d", left.tv_sec >= 1 && left.tv_sec < 5);
    pthread_join(later.thread, NULL);

    handle(SIGUSR1, note_signal, SA_RESTART);
    write_later(&writer, p[1], "r", 1);
    signal_later(&later, SIGUSR1);
    say("restarted read", "%s", said(read(p[0], &byte, 1)));
    pthread_join(later.thread, NULL);
    pthread_join(writer.thread, NULL);
    say("got", "%d", got_signal);

    /* A signal that only ppoll() unblocks is delivered there, and is blocked again after it. */
    sigemptyset(&none);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    got_signal = got_count = 0;
    raise(SIGUSR1);
    say("ppoll", "%s, got %d", said(ppoll(&f, 1, &ts, &none)), got_signal);
    got_signal = 0;
    raise(SIGUSR1);
    say("blocked again", "%d", got_signal);
    write(p[1], "x", 1);
    say("ready comes first", "%s, got %d", said(ppoll(&f, 1, &ts, &set)), got_signal);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    say("at last", "%d", got_signal);
    handle(SIGUSR1, SIG_DFL, 0);
    close_pair(p);
}

static void signalfds(void)
{
    sigset_t set;
    struct signalfd_siginfo info;
    int fd;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    sigprocmask(SIG_BLOCK, &set, NULL);
    fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    say("empty", "%s, %s", said(read(fd, &info, sizeof(info))), ready(fd));
    kill(getpid(), SIGUSR2);
    say("ready", "%s", ready(fd));
    memset(&info, 0, sizeof(info));
    say("read", "%s, signal %d, from us %d", said(read(fd, &info, sizeof(info))), info.ssi_signo,
        info.ssi_pid == (uint32_t)getpid());
    say("short", "%s", said(read(fd, &info, 5)));
    close(fd);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

/* ---- time ---- */

static void times(void)
{
    struct timespec a, b, ts = { 0, 20 * MS };
    int64_t start = now();

    say("nanosleep", "%s, %s", said(nanosleep(&ts, NULL)), took(start, 20));
    clock_gettime(CLOCK_MONOTONIC, &a);
    ts = a;
    ts.tv_nsec += 20 * MS;
    if (ts.tv_nsec >= 1000000000)
        ts.tv_sec++, ts.tv_nsec -= 1000000000;
    start = now();
    say("absolute", "%d, %s", clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL),
        took(start, 19));
    say("past", "%d", clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &a, NULL));
    for (int i = 0; i < 10000; i++) {
        clock_gettime(CLOCK_MONOTONIC, &b);
        if (b.tv_sec < a.tv_sec || (b.tv_sec == a.tv_sec && b.tv_nsec < a.tv_nsec))
            say("goes back", "%d", i);
        a = b;
    }
    clock_gettime(CLOCK_REALTIME, &a);
    say("the year", "%d", a.tv_sec > 1600000000);
    say("resolution", "%s", said(clock_getres(CLOCK_MONOTONIC, &a)));
    say("no clock", "%s", said(syscall(SYS_clock_gettime, 77, &a)));
    ts.tv_nsec = -1;
    say("bad time", "%s", said(nanosleep(&ts, NULL)));
}

/* ---- processes ---- */

#define CHILDREN 9

/* Recurses until the stack is used up. The sum keeps the compiler from making a loop of it. */
static int __attribute__((noinline)) without_end(volatile int depth)
{
    volatile char frame[256];

    frame[depth % sizeof(frame)] = 1;
    return without_end(depth + 1) + frame[0];
}

static void *in_thread(void *overflow)
{
    if (overflow)
        exit(without_end(0));
    *(volatile int *)16 = 1;
    return NULL;
}

static void run_thread(bool overflow)
{
    pthread_t thread;

    must(!pthread_create(&thread, NULL, in_thread, overflow ? &thread : NULL), "thread");
    pthread_join(thread, NULL);
}

static void in_child(int number)
{
    switch (number) {
    case 0:
        exit(7);
    case 1:
        raise(SIGTERM);
        break;
    case 2:
        *(volatile int *)8 = 1;
        break;
    case 3:
        abort();
    case 4:
        syscall(SYS_exit_group, 300);
        break;
    case 5:
        __asm__ volatile("ud2");
        break;
    case 6:
        run_thread(false);
        break;
    case 7:
        exit(without_end(0));
    case 8:
        run_thread(true);
        break;
    }
    exit(99);
}

static void processes(void)
{
    static volatile int memory = 5;
    int status, p[2];
    pid_t pid;
    char byte;

    say("no child", "%s", said(waitpid(-1, &status, 0)));
    for (int i = 0; i < CHILDREN; i++) {
        fflush(stdout);
        pid = fork();
        if (!pid)
            in_child(i);
        status = 0;
        say("child", "%d, exited %d code %d, signalled %d by %d", waitpid(pid, &status, 0) == pid,
            WIFEXITED(status), WIFEXITED(status) ? WEXITSTATUS(status) : -1, WIFSIGNALED(status),
            WIFSIGNALED(status) ? WTERMSIG(status) : -1);
    }
    must(!pipe(p), "pipe");
    pid = fork();
    if (!pid) {
        memory = 6;
        close(p[0]);
        write(p[1], getppid() > 0 && memory == 6 ? "y" : "n", 1);
        sleep_ms(50);
        exit(0);
    }
    close(p[1]);
    say("from the child", "%s %c", said(read(p[0], &byte, 1)), byte);
    say("own memory", "%d", memory);
    say("not yet", "%s", said(waitpid(pid, &status, WNOHANG)));
    say("end of the pipe", "%s", said(read(p[0], &byte, 1)));
    say("reaped", "%d", waitpid(-1, &status, 0) == pid);
    close(p[0]);
    handle(SIGCHLD, note_signal, 0);
    pid = fork();
    if (!pid)
        _exit(0);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    say("SIGCHLD", "%d", got_signal == SIGCHLD);
    handle(SIGCHLD, SIG_DFL, 0);
    pid = fork();
    if (!pid)
        for (;;)
            pause();
    say("kill", "%s", said(kill(pid, SIGKILL)));
    waitpid(pid, &status, 0);
    say("killed", "%d", WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    pid = fork();
    if (!pid)
        for (;;)
            ;
    sleep_ms(20);
    kill(pid, SIGTERM);
    waitpid(pid, &status, 0);
    say("one that spins", "%d", WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    say("nobody", "%s", said(kill(pid, SIGTERM)));
}

/* Runs after exec: prints which descriptors, arguments, environment and signals are left. */
static int after_exec(int argc, char **argv)
{
    sigset_t mask;
    struct sigaction action;

    group = "exec";
    say("arguments", "%d %s %s", argc, argv[2], argc > 3 ? argv[3] : "-");
    say("environment", "%s, %s", getenv("WORD") ? getenv("WORD") : "-",
        getenv("PATH") ? "more" : "nothing else");
    say("descriptors", "%d, %s", fcntl(100, F_GETFD), said(fcntl(101, F_GETFD)));
    sigprocmask(SIG_SETMASK, NULL, &mask);
    say("mask", "%d, %d", sigismember(&mask, SIGUSR1), sigismember(&mask, SIGUSR2));
    sigaction(SIGUSR1, NULL, &action);
    say("caught one", "default %d", action.sa_handler == SIG_DFL);
    sigaction(SIGUSR2, NULL, &action);
    say("ignored one", "ignored %d", action.sa_handler == SIG_IGN);
    say("umask", "%o", umask(0));
    return 42;
}

static void execs(void)
{
    char *const argv[] = { (char *)self, "--after-exec", "one", "two words", NULL };
    char *const envp[] = { "WORD=value", NULL };
    int status, p[2];
    pid_t pid;
    sigset_t set;

    must(!pipe(p), "pipe");
    fflush(stdout);
    pid = fork();
    if (!pid) {
        dup2(p[0], 100);
        dup3(p[0], 101, O_CLOEXEC);
        handle(SIGUSR1, note_signal, 0);
        handle(SIGUSR2, SIG_IGN, 0);
        sigemptyset(&set);
        sigaddset(&set, SIGUSR1);
        sigprocmask(SIG_SETMASK, &set, NULL);
        umask(031);
        execve(self, argv, envp);
        exit(127);
    }
    waitpid(pid, &status, 0);
    say("status", "%d", WEXITSTATUS(status));
    close_pair(p);
    close(new_file("text", "no program\n"));
    say("missing", "%s", said(execve("missing", argv, envp)));
    say("not executable", "%s", said(execve("text", argv, envp)));
    chmod("text", 0755);
    say("no program", "%s", said(execve("text", argv, envp)));
    say("a folder", "%s", said(execve("/tmp", argv, envp)));
    unlink("text");
}

/*
 * The numbers between Linux's older system calls and its newer ones are no calls. The kernel logs one line about them.
 */
static void missing_calls(void)
{
    say("once", "%s", said(syscall(400)));
    say("twice", "%s", said(syscall(400)));
}

/* ---- all groups ---- */

static const struct { const char *name; void (*run)(void); } groups[] = {
    { "pipe", pipes }, { "pipe-ends", pipe_ends }, { "pipe-full", pipe_full },
    { "pipe-waits", pipe_waits }, { "socketpair", socket_pairs },
    { "socket-kinds", socket_kinds }, { "socket-ends", socket_ends },
    { "socket-waits", socket_waits }, { "datagram", datagrams }, { "listen", listeners },
    { "listen-waits", listener_waits }, { "rights", rights },
    { "rights-sockets", rights_of_sockets }, { "poll", polls }, { "poll-threads", poll_threads },
    { "epoll", epolls }, { "epoll-refusals", epoll_refusals }, { "epoll-waits", epoll_waits },
    { "echo", echo }, { "eventfd", eventfds }, { "open", opens }, { "content", contents },
    { "holes", holes }, { "descriptors", descriptors }, { "names", names }, { "rename", renames },
    { "folder", folders }, { "permissions", permissions }, { "devices", devices },
    { "facts", facts }, { "mmap", mappings }, { "mmap-file", file_mappings }, { "memfd", memfds },
    { "threads", threads }, { "futex", futexes }, { "signal", signals },
    { "signal-details", signal_details }, { "signal-stack", signal_stacks },
    { "interrupted", interrupted }, { "signalfd", signalfds }, { "time", times },
    { "process", processes }, { "exec", execs }, { "missing", missing_calls },
};

static bool wanted(const char *name, int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strstr(name, argv[i]))
            return true;
    return argc < 2;
}

/* Takes memory until there is none. Not on Linux, which would choose a process to kill. */
static void take_memory(void)
{
    const size_t size = 1 << 20;
    char *memory;

    while ((memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) != MAP_FAILED)
        memset(memory, 1, size);
}

/*
 * As the first process of the micro kernel: runs this program in a second process, then one that takes all memory, and
 * powers off.
 */
static int be_init(char **argv)
{
    static char *const nothing[] = { NULL };
    int console = open("/dev/hvc0", O_RDWR), status = 0, taken = 0;
    pid_t pid;

    for (int fd = 0; fd < 3; fd++)
        dup2(console, fd);
    if (console > 2)
        close(console);
    pid = fork();
    if (pid == 0) {
        execve(argv[0], argv, nothing);
        _exit(127);
    }
    waitpid(pid, &status, 0);
    pid = fork();
    if (pid == 0) {
        take_memory();
        _exit(0);
    }
    waitpid(pid, &taken, 0);
    printf("ended %x, without memory %x\n", status, taken);
    fflush(stdout);
    usleep(200000); /* until the console has the line */
    return reboot(RB_HALT_SYSTEM);
}

int main(int argc, char **argv)
{
    if (getpid() == 1)
        return be_init(argv);
    if (argc > 2 && !strcmp(argv[1], "--after-exec"))
        return after_exec(argc, argv);
    self = realpath(argv[0], NULL); /* the tests change the current folder */
    if (!self)
        self = argv[0];
    group = "start";
    umask(022);
    handle(SIGPIPE, SIG_IGN, 0);
    mkdir("/tmp", 01777);
    must(!mkdir(FOLDER, 0755) || errno == EEXIST, FOLDER);
    must(!chdir(FOLDER), FOLDER);
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
        group = groups[i].name;
        if (wanted(group, argc, argv))
            groups[i].run();
    }
    group = "end";
    chdir("/");
    say("clean", "%s", said(rmdir(FOLDER)));
    return 0;
}
