// sources: launcher/stubdom-rump/handle.c launcher/stubdom-rump/xen-evtchn.c launcher/stubdom-rump/poll-calls.c
// cflags: -Ilauncher/stubdom-rump -Ilauncher/xen-layer
/*
 * The rump flavour's poll(), with event channels and another kind of handle. A function of the test plays the rump
 * kernel's sleep.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "launcher/stubdom-rump/handle.h"
#include "launcher/stubdom-rump/xen/backend.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

int __wrap__sys___pollts50(struct pollfd *fds, nfds_t count, const struct timespec *ts, const sigset_t *mask);
int __real__sys___pollts50(struct pollfd *fds, nfds_t count, const struct timespec *ts, const sigset_t *mask);
int __wrap__sys_poll(struct pollfd *fds, nfds_t count, int ms);
ssize_t __real_read(int fd, void *to, size_t size);
ssize_t __wrap_read(int fd, void *to, size_t size);
ssize_t __real_writev(int fd, const struct iovec *iov, int count);
ssize_t __wrap_writev(int fd, const struct iovec *iov, int count);
int __real_close(int fd);
int __wrap_close(int fd);

/* ---- the layer and the rump kernel ---- */

static struct host_thread self;
static struct { pv_event_fn *fn; void *arg; bool masked; } ports[8];
static uint32_t last_port;
static int wakes, polls, notified;
static uint64_t now, asked; /* asked: the timeout that the kernel got */
static int (*kernel)(struct pollfd *fds, nfds_t count);

uint64_t pv_clock(void) { return now; }
int host_errno(long result) { return (int)-result; }
struct host_thread *host_thread_self(void) { return &self; }
void pv_wake(struct pv_thread *thread) { assert_ptr_equal(thread, self.thread); wakes++; }
void pv_event_mask(uint32_t port) { ports[port].masked = true; }
void pv_event_unmask(uint32_t port) { ports[port].masked = false; }
void pv_event_notify(uint32_t port) { notified++; }
void pv_event_close(uint32_t port) { ports[port].fn = NULL; }

int pv_event_alloc(uint16_t remote, pv_event_fn *fn, void *arg, uint32_t *port)
{
    *port = ++last_port;
    ports[*port].fn = fn;
    ports[*port].arg = arg;
    return 0;
}

int pv_event_connect(uint16_t remote, uint32_t remote_port, pv_event_fn *fn, void *arg, uint32_t *port)
{
    return pv_event_alloc(remote, fn, arg, port);
}

int pv_event_virq(unsigned int virq, pv_event_fn *fn, void *arg, uint32_t *port)
{
    return -PV_EINVAL;
}

static void event(uint32_t port)
{
    assert_false(ports[port].masked);
    ports[port].fn(ports[port].arg, port);
}

int __real__sys___pollts50(struct pollfd *fds, nfds_t count, const struct timespec *ts, const sigset_t *mask)
{
    polls++;
    asked = (uint64_t)ts->tv_sec * PV_SECOND + (uint64_t)ts->tv_nsec;
    for (nfds_t i = 0; i < count; i++)
        fds[i].revents = 0;
    return kernel ? kernel(fds, count) : 0;
}

static int fd, other;

ssize_t __real_read(int from, void *to, size_t size)
{
    assert_int_equal(from, other);
    assert_int_equal(size, 3);
    memcpy(to, "abc", 3);
    return 3;
}

static int real_writes, real_closes;

ssize_t __real_writev(int to, const struct iovec *iov, int count)
{
    real_writes++;
    return 5;
}

int __real_close(int closed)
{
    real_closes++;
    return close(closed);
}

static int setup(void **state)
{
    real_writes = real_closes = 0;
    now = 1000 * PV_SECOND;
    self = (struct host_thread){ .thread = (struct pv_thread *)ports };
    memset(ports, 0, sizeof(ports));
    last_port = 0;
    wakes = polls = notified = 0;
    asked = 0;
    kernel = NULL;
    other = dup(0);
    return host_xen_evtchn_open(&fd) || other < 0;
}

static int teardown(void **state)
{
    close(other);
    return host_xen_evtchn_close(fd) != 0 || self.deadline;
}

static void a_poll_ends_in_time(void **state)
{
    struct pollfd fds[] = { { .fd = other, .events = POLLIN }, { .fd = fd, .events = POLLIN } };
    struct timespec ts = { .tv_sec = 2, .tv_nsec = 5 };

    assert_int_equal(__wrap__sys___pollts50(fds, 2, &ts, NULL), 0);
    assert_int_equal(asked, 2 * PV_SECOND + 5);
    assert_int_equal(__wrap__sys_poll(fds, 2, 0), 0);
    assert_int_equal(asked, 0);
    assert_int_equal(__wrap__sys_poll(fds, 1, 3), 0);
    assert_int_equal(asked, 3 * PV_MS);
    assert_int_equal(polls, 3);
}

static int check_deadline(struct pollfd *fds, nfds_t count)
{
    assert_int_equal(self.deadline, asked ? now + asked : 0);
    return 0;
}

static void the_kernel_sleeps_until_the_deadline(void **state)
{
    struct pollfd poll = { .fd = other, .events = POLLIN };

    kernel = check_deadline;
    assert_int_equal(__wrap__sys_poll(&poll, 1, 7), 0);
    assert_int_equal(__wrap__sys_poll(&poll, 1, 0), 0);
    assert_int_equal(polls, 2);
}

static int third_time(struct pollfd *fds, nfds_t count)
{
    fds[0].revents = POLLIN;
    return polls == 3;
}

static void one_without_end_has_none(void **state)
{
    struct pollfd poll = { .fd = other, .events = POLLIN };

    kernel = third_time;
    assert_int_equal(__wrap__sys_poll(&poll, 1, -1), 1);
    polls = 0;
    assert_int_equal(__wrap__sys___pollts50(&poll, 1, NULL, NULL), 1);
}

static int fail_poll(struct pollfd *fds, nfds_t count)
{
    return -1;
}

static void an_error_is_the_kernels(void **state)
{
    struct pollfd poll = { .fd = other, .events = POLLIN };

    kernel = fail_poll;
    assert_int_equal(__wrap__sys_poll(&poll, 1, -1), -1);
    assert_int_equal(self.deadline, 0);
}

static int event_while_asleep(struct pollfd *fds, nfds_t count)
{
    event(1);
    assert_int_equal(self.deadline, HOST_AT_ONCE);
    return 0;
}

static void an_event_ends_the_sleep(void **state)
{
    struct pollfd fds[] = { { .fd = other, .events = POLLIN }, { .fd = fd, .events = POLLIN | POLLOUT } };

    assert_int_equal(host_xen_evtchn_alloc(fd, 1), 1);
    kernel = event_while_asleep;
    assert_int_equal(__wrap__sys_poll(fds, 2, -1), 1);
    assert_int_equal(fds[0].revents, 0);
    assert_int_equal(fds[1].revents, POLLIN);
    assert_int_equal(wakes, 1);
    assert_true(ports[1].masked);
}

static int other_is_ready(struct pollfd *fds, nfds_t count)
{
    assert_int_equal(asked, 0);
    fds[0].revents = POLLIN;
    return 1;
}

static void one_that_came_before_needs_no_sleep(void **state)
{
    struct pollfd fds[] = { { .fd = other, .events = POLLIN }, { .fd = fd, .events = POLLIN } };

    assert_int_equal(host_xen_evtchn_alloc(fd, 1), 1);
    event(1);
    kernel = other_is_ready;
    assert_int_equal(__wrap__sys_poll(fds, 2, -1), 2);
    assert_int_equal(fds[0].revents, POLLIN);
    assert_int_equal(fds[1].revents, POLLIN);
    assert_int_equal(wakes, 0);
}

static int other_event(struct pollfd *fds, nfds_t count)
{
    event(1);
    event(2);
    assert_int_equal(self.deadline, now + 5 * PV_MS);
    return 0;
}

static void who_does_not_ask_is_not_woken(void **state)
{
    struct pollfd fds[] = { { .fd = other, .events = POLLIN }, { .fd = fd, .events = POLLOUT } };
    int second;

    assert_int_equal(host_xen_evtchn_open(&second), 0);
    assert_int_equal(host_xen_evtchn_alloc(second, 1), 1);
    assert_int_equal(host_xen_evtchn_alloc(fd, 1), 2);
    kernel = other_event;
    assert_int_equal(__wrap__sys_poll(fds, 2, 5), 0);
    assert_int_equal(wakes, 0);
    assert_int_equal(host_xen_evtchn_close(second), 0);
    assert_null(ports[1].fn);
}

/* Reads a port, as the library does. */
static int read_port(void)
{
    uint32_t port;

    return __wrap_read(fd, &port, sizeof(port)) == sizeof(port) ? (int)port : -errno;
}

static void ports_come_in_the_order_of_their_events(void **state)
{
    struct pollfd poll = { .fd = fd, .events = POLLIN };

    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    for (int i = 1; i <= 3; i++)
        assert_int_equal(host_xen_evtchn_alloc(fd, 1), i);
    assert_int_equal(read_port(), -EAGAIN);
    event(2);
    event(3);
    event(1);
    assert_int_equal(read_port(), 2);
    assert_int_equal(host_xen_evtchn_unmask(fd, 2), 0);
    event(2);
    assert_int_equal(host_xen_evtchn_unbind(fd, 3), 0);
    assert_int_equal(read_port(), 1);
    assert_int_equal(__wrap__sys_poll(&poll, 1, 0), 1);
    assert_int_equal(read_port(), 2);
    assert_int_equal(read_port(), -EAGAIN);
    assert_int_equal(__wrap__sys_poll(&poll, 1, 0), 0);
}

static void a_read_waits_where_it_may(void **state)
{
    char byte;

    assert_int_equal(host_xen_evtchn_alloc(fd, 1), 1);
    kernel = event_while_asleep;
    assert_int_equal(read_port(), 1);
    assert_int_equal(polls, 1);
    assert_int_equal(__wrap_read(fd, &byte, 1), -1);
    assert_int_equal(errno, EINVAL);
}

static void other_descriptors_are_the_kernels(void **state)
{
    char bytes[8] = "";

    assert_int_equal(__wrap_read(other, bytes, 3), 3);
    assert_string_equal(bytes, "abc");
    assert_int_equal(__wrap_writev(other, NULL, 0), 5);
    assert_int_equal(__wrap_writev(fd, NULL, 0), 5);    /* the kernel gets the call, and refuses it */
    assert_int_equal(real_writes, 2);
    assert_int_equal(__wrap_close(dup(other)), 0);
    assert_int_equal(real_closes, 1);
}

/* ---- a handle that can be written to and closed ---- */

static struct { struct host_handle handle; short ready; int reads, writes, closed; } tap;

static short tap_ready(const struct host_handle *handle) { return tap.ready; }

static long tap_read(struct host_handle *handle, void *to, size_t size)
{
    tap.reads++;
    return -PV_EAGAIN;
}

static long tap_write(struct host_handle *handle, const struct iovec *iov, int count)
{
    tap.writes++;
    return tap.ready & POLLOUT ? (long)iov->iov_len : -PV_EAGAIN;
}

static void tap_closed(struct host_handle *handle) { tap.closed++; }

static int room_while_asleep(struct pollfd *fds, nfds_t count)
{
    tap.ready = POLLIN;
    host_handle_wake(&tap.handle);
    assert_int_equal(wakes, 0);     /* no thread waits for it */
    tap.ready = POLLOUT;
    host_handle_wake(&tap.handle);
    return 0;
}

static void a_handle_of_another_kind(void **state)
{
    static const struct host_handle_ops ops = {
        .ready = tap_ready, .read = tap_read, .write = tap_write, .closed = tap_closed,
    };
    struct iovec iov = { "abcd", 4 };
    struct pollfd fds[] = { { .fd = fd, .events = POLLIN }, { .events = POLLOUT } };

    memset(&tap, 0, sizeof(tap));
    assert_int_equal(host_handle_open(&tap.handle, &ops), 0);
    fds[1].fd = tap.handle.fd;
    assert_int_equal(__wrap_read(fds[1].fd, &iov, 1), -1);  /* does not wait */
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(__wrap_writev(fds[1].fd, &iov, 1), -1);
    assert_int_equal(errno, EAGAIN);
    kernel = room_while_asleep;
    assert_int_equal(__wrap__sys_poll(fds, 2, -1), 1);
    assert_int_equal(wakes, 1);
    assert_int_equal(fds[0].revents, 0);
    assert_int_equal(fds[1].revents, POLLOUT);
    assert_int_equal(__wrap_writev(fds[1].fd, &iov, 1), 4);
    assert_int_equal(tap.writes, 2);
    assert_int_equal(__wrap_close(fds[1].fd), 0);
    assert_int_equal(tap.closed, 1);
    assert_null(host_handle_find(fds[1].fd));
    assert_int_equal(fcntl(fds[1].fd, F_GETFD), -1);
}

static void a_restricted_handle_serves_one_domain(void **state)
{
    assert_int_equal(host_xen_evtchn_restrict(fd, 7), 0);
    assert_int_equal(host_xen_evtchn_restrict(fd, 8), -PV_EPERM);
    assert_int_equal(host_xen_evtchn_alloc(fd, 8), -PV_EPERM);
    assert_int_equal(host_xen_evtchn_virq(fd, 0), -PV_EPERM);
    assert_int_equal(host_xen_evtchn_connect(fd, 7, 1), 1);
    assert_int_equal(host_xen_evtchn_notify(fd, 2), -PV_EINVAL);
    assert_int_equal(host_xen_evtchn_notify(fd, 1), 0);
    assert_int_equal(notified, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_poll_ends_in_time, setup, teardown),
        cmocka_unit_test_setup_teardown(the_kernel_sleeps_until_the_deadline, setup, teardown),
        cmocka_unit_test_setup_teardown(one_without_end_has_none, setup, teardown),
        cmocka_unit_test_setup_teardown(an_error_is_the_kernels, setup, teardown),
        cmocka_unit_test_setup_teardown(an_event_ends_the_sleep, setup, teardown),
        cmocka_unit_test_setup_teardown(one_that_came_before_needs_no_sleep, setup, teardown),
        cmocka_unit_test_setup_teardown(who_does_not_ask_is_not_woken, setup, teardown),
        cmocka_unit_test_setup_teardown(ports_come_in_the_order_of_their_events, setup, teardown),
        cmocka_unit_test_setup_teardown(a_read_waits_where_it_may, setup, teardown),
        cmocka_unit_test_setup_teardown(other_descriptors_are_the_kernels, setup, teardown),
        cmocka_unit_test_setup_teardown(a_handle_of_another_kind, setup, teardown),
        cmocka_unit_test_setup_teardown(a_restricted_handle_serves_one_domain, setup, teardown),
    };

    return cmocka_run_group_tests_name("rump-poll", tests, NULL, NULL);
}
