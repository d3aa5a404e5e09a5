// cflags: -Ilauncher/stubdom-rump -Ilauncher/xen-layer
// sources: launcher/stubdom-rump/errno.c
/*
 * The rump flavour's PV consoles as sockets: every byte arrives once and in order, whichever side is slow. Whichever
 * side goes, both threads end and nothing stays open. The threads are real ones; as in the rump kernel only one runs at
 * a time, until it sleeps.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>

/* ---- one thread at a time: calls that sleep let others run ---- */

static pthread_mutex_t cpu = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t woken = PTHREAD_COND_INITIALIZER;

#define LETTING_OTHERS_RUN(type, call) \
    ({ \
        pthread_mutex_unlock(&cpu); \
        type result_ = call; \
        int error_ = errno; \
        pthread_mutex_lock(&cpu); \
        errno = error_; \
        result_; \
    })

static ssize_t sleepy_read(int fd, void *to, size_t size) { return LETTING_OTHERS_RUN(ssize_t, read(fd, to, size)); }
static int sleepy_accept(int fd) { return LETTING_OTHERS_RUN(int, accept(fd, NULL, NULL)); }

#define read(fd, to, size) sleepy_read(fd, to, size)
#define accept(fd, address, size) sleepy_accept(fd)
#include "launcher/stubdom-rump/rump-console.c"
#undef accept
#undef read

void pv_queue_wake(struct pv_queue *queue) { pthread_cond_broadcast(&woken); }

bool pv_queue_wait(struct pv_queue *queue, uint64_t until)
{
    pthread_cond_wait(&woken, &cpu);
    return false;
}

static unsigned int threads; /* threads that have not ended */
static int refuse_thread;    /* the n-th thread from now on cannot be created; 0: all can */

struct call { void *(*run)(void *arg); void *arg; };

static void *run_thread(void *arg)
{
    struct call call = *(struct call *)arg;

    free(arg);
    pthread_mutex_lock(&cpu);
    call.run(call.arg);
    threads--;
    pthread_cond_broadcast(&woken);
    pthread_mutex_unlock(&cpu);
    return NULL;
}

int rump_thread_start(void *(*run)(void *arg), void *arg)
{
    struct call *call;
    pthread_t thread;

    if (refuse_thread && !--refuse_thread)
        return ENOMEM;
    call = malloc(sizeof(*call));
    *call = (struct call){ run, arg };
    threads++;
    assert_int_equal(pthread_create(&thread, NULL, run_thread, call), 0);
    assert_int_equal(pthread_detach(thread), 0);
    return 0;
}

bool rump_write_all(int fd, const char *bytes, size_t size)
{
    while (size) {
        ssize_t n = LETTING_OTHERS_RUN(ssize_t, send(fd, bytes, size, MSG_NOSIGNAL));

        if (n <= 0)
            return false;
        bytes += n;
        size -= n;
    }
    return true;
}

/* ---- the console: unread bytes in both directions ---- */

#define ROOM 700
static struct {
    unsigned int opens, n;
    int open_error;
    bool gone;
    void (*changed)(void *arg);
    void *arg;
    char in[ROOM], out[ROOM];
    size_t in_size, out_size;
} xen;

int pv_console_open(unsigned int n, void (*changed)(void *arg), void *arg, struct pv_console **console)
{
    if (xen.open_error)
        return xen.open_error;
    xen.opens++;
    xen.n = n;
    xen.changed = changed;
    xen.arg = arg;
    *console = (struct pv_console *)&xen;
    return 0;
}

void pv_console_close(struct pv_console *console)
{
    assert_int_equal(xen.opens, 1);
    xen.opens--;
}

static size_t move(char *to, char *from, size_t *left, size_t size)
{
    size_t n = *left < size ? *left : size;

    memcpy(to, from, n);
    memmove(from, from + n, *left - n);
    *left -= n;
    return n;
}

long pv_console_read(struct pv_console *console, void *to, size_t size)
{
    assert_int_equal(xen.opens, 1);
    return xen.gone && !xen.in_size ? -PV_EIO : (long)move(to, xen.in, &xen.in_size, size);
}

long pv_console_write(struct pv_console *console, const void *from, size_t size)
{
    size_t n = ROOM - xen.out_size < size ? ROOM - xen.out_size : size;

    assert_int_equal(xen.opens, 1);
    if (xen.gone)
        return -PV_EIO;
    memcpy(xen.out + xen.out_size, from, n);
    xen.out_size += n;
    return n;
}

/* ---- dom0's side, which runs while no thread of the domain does ---- */

static size_t dom0_writes(const char *bytes, size_t size)
{
    size_t n;

    pthread_mutex_lock(&cpu);
    n = ROOM - xen.in_size < size ? ROOM - xen.in_size : size;
    memcpy(xen.in + xen.in_size, bytes, n);
    xen.in_size += n;
    xen.changed(xen.arg);
    pthread_mutex_unlock(&cpu);
    return n;
}

static size_t dom0_reads(char *bytes, size_t size)
{
    size_t n;

    pthread_mutex_lock(&cpu);
    n = move(bytes, xen.out, &xen.out_size, size);
    xen.changed(xen.arg);
    pthread_mutex_unlock(&cpu);
    return n;
}

static void dom0_goes(void)
{
    pthread_mutex_lock(&cpu);
    xen.gone = true;
    xen.changed(xen.arg);
    pthread_mutex_unlock(&cpu);
}

static void all_ended(void)
{
    pthread_mutex_lock(&cpu);
    while (threads)
        pthread_cond_wait(&woken, &cpu);
    pthread_mutex_unlock(&cpu);
    assert_int_equal(xen.opens, 0);
}

/* ---- the launcher's and QEMU's side ---- */

static char path[64];
static int listen_error, listens;

int rump_socket_listen(const char *name)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    snprintf(path, sizeof(path), "%s", name);
    listens = fd;
    if (listen_error) {
        close(fd);
        return listen_error;
    }
    unlink(path);
    strcpy(address.sun_path, path);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 1), 0);
    return fd;
}

static int connect_to(const char *name)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    strcpy(address.sun_path, name);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

/* How many descriptors are open. */
static int fds(void)
{
    int n = 0;

    for (int fd = 0; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

static int fds_before;

static int open_console(int *fd)
{
    int rc;

    pthread_mutex_lock(&cpu);
    rc = rump_console_open(NULL, 3, fd);
    pthread_mutex_unlock(&cpu);
    return rc;
}

static int open_chardev(char *chardev, size_t size)
{
    int rc;

    pthread_mutex_lock(&cpu);
    rc = rump_console_chardev(NULL, 4, chardev, size);
    pthread_mutex_unlock(&cpu);
    return rc;
}

static void set_blocking(int fd) { assert_int_equal(fcntl(fd, F_SETFL, 0), 0); }

static int set_up(void **state)
{
    memset(&xen, 0, sizeof(xen));
    refuse_thread = listen_error = 0;
    fds_before = fds();
    return 0;
}

static int tear_down(void **state)
{
    all_ended();
    unlink(path);
    assert_int_equal(fds(), fds_before);
    return 0;
}

static void fill(char *bytes, size_t size, unsigned int seed)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (char)(i * 31 + i / 251 + seed);
}

#define MUCH 50000

/* More bytes than any buffer can hold, in both directions at the same time. */
static void test_bytes(void **state)
{
    static char sent[2][MUCH], got[2][MUCH];
    size_t to = 0, from = 0, put = 0, taken = 0;
    int fd;

    fill(sent[0], MUCH, 1);
    fill(sent[1], MUCH, 2);
    assert_int_equal(open_console(&fd), 0);
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    assert_int_equal(xen.n, 3);
    while (from < MUCH || taken < MUCH) {
        ssize_t n = to < MUCH ? write(fd, sent[0] + to, MUCH - to) : 0;

        to += n > 0 ? n : 0;
        from += dom0_reads(got[0] + from, MUCH - from);
        put += put < MUCH ? dom0_writes(sent[1] + put, MUCH - put) : 0;
        n = read(fd, got[1] + taken, MUCH - taken);
        taken += n > 0 ? n : 0;
    }
    assert_memory_equal(sent[0], got[0], MUCH);
    assert_memory_equal(sent[1], got[1], MUCH);
    close(fd);
}

/* Bytes that were in the ring when the backend went still arrive. Then comes the end. */
static void test_backend_goes(void **state)
{
    char byte[8];
    int fd;

    assert_int_equal(open_console(&fd), 0);
    set_blocking(fd);
    dom0_writes("last", 4);
    dom0_goes();
    assert_int_equal(recv(fd, byte, 4, MSG_WAITALL), 4);
    assert_memory_equal(byte, "last", 4);
    assert_int_equal(read(fd, byte, 1), 0);
    all_ended();
    close(fd);
}

/* The backend goes while a writer waits for room. */
static void test_backend_goes_full(void **state)
{
    static char much[MUCH];
    int fd;

    assert_int_equal(open_console(&fd), 0);
    assert_true(write(fd, much, MUCH) > ROOM);
    while (dom0_reads(much, 0), xen.out_size < ROOM)
        usleep(100);
    dom0_goes();
    all_ended();
    close(fd);
}

static void test_qemu_goes(void **state)
{
    int fd;

    assert_int_equal(open_console(&fd), 0);
    assert_int_equal(write(fd, "bye", 3), 3);
    close(fd);
    all_ended();
    assert_int_equal(xen.out_size, 3);
    assert_memory_equal(xen.out, "bye", 3);
}

/* QEMU goes while its socket is full. */
static void test_qemu_goes_full(void **state)
{
    static char much[ROOM];
    int fd;

    assert_int_equal(open_console(&fd), 0);
    for (int i = 0; i < 2000; i++)
        dom0_writes(much, sizeof(much));
    assert_true(xen.in_size > 0);
    close(fd);
    all_ended();
}

static void test_chardev(void **state)
{
    char chardev[64], byte[4];
    int qemu;

    assert_int_equal(open_chardev(chardev, sizeof(chardev)), 0);
    assert_string_equal(chardev, "unix:/tmp/console4");
    assert_int_equal(xen.n, 4);
    dom0_writes("early", 5);
    qemu = connect_to(chardev + 5);
    assert_int_equal(recv(qemu, byte, 4, MSG_WAITALL), 4);
    assert_memory_equal(byte, "earl", 4);
    assert_int_equal(write(qemu, "x", 1), 1);
    while (!dom0_reads(byte, 1))
        usleep(100);
    assert_int_equal(byte[0], 'x');
    close(qemu);
}

static void test_failures(void **state)
{
    char chardev[64];
    int fd = -1;

    xen.open_error = -PV_EAGAIN;
    assert_int_equal(open_console(&fd), -BSD_EAGAIN);
    assert_int_equal(open_chardev(chardev, sizeof(chardev)), -BSD_EAGAIN);
    assert_int_equal(access(path, F_OK), -1);
    xen.open_error = 0;
    refuse_thread = 1;
    assert_int_equal(open_console(&fd), -ENOMEM);
    assert_int_equal(xen.opens, 0);
    assert_int_equal(open_chardev(chardev, 8), -ENAMETOOLONG);
    listen_error = -EADDRINUSE;
    assert_int_equal(open_chardev(chardev, sizeof(chardev)), -EADDRINUSE);
    assert_int_equal(fd, -1);
}

/* The second thread cannot be created: the console is closed. */
static void test_no_second_thread(void **state)
{
    char byte;
    int fd;

    refuse_thread = 2;
    assert_int_equal(open_console(&fd), 0);
    set_blocking(fd);
    assert_int_equal(read(fd, &byte, 1), 0);
    close(fd);
}

static void test_nobody_can_connect(void **state)
{
    char chardev[64];

    assert_int_equal(open_chardev(chardev, sizeof(chardev)), 0);
    shutdown(listens, SHUT_RDWR);
    all_ended();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_backend_goes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_backend_goes_full, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_qemu_goes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_qemu_goes_full, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_chardev, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_failures, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_second_thread, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nobody_can_connect, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("rump-console", tests, NULL, NULL);
}
