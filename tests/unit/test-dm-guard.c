// sources: launcher/dom0-daemon/root/guard.c launcher/dom0-daemon/both/signals.c
// wrap: xc_interface_open xc_interface_close xc_domain_getinfo_single xc_domain_shutdown
// wrap: poll clock_gettime
// libs: xenctrl
/*
 * When the daemon shuts the guest down after the stub domain's end, and when not. Tables say how the two domains change
 * over time; poll() advances the clock.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "guard.h"
#include "log.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <time.h>

enum { STUB = 7, GUEST = 6 };

/* A domain's flags, and values for other states. */
#define ABSENT (1u << 30)
#define OTHER (1u << 29) /* another domain has this number now */
#define SILENT (1u << 28) /* Xen does not answer */
#define NO_END_MS 1000000
#define SHUT(reason) (XEN_DOMINF_shutdown | (reason) << XEN_DOMINF_shutdownshift)

static struct {
    unsigned int stub, guest;
    unsigned int stub_at_ms, stub_then, guest_at_ms, guest_then; /* at that time its flags become these */
    unsigned int ms;
    int handles, crashed;
    uint64_t cpu_ns; /* how long the guest has run */
} world;
static char said[LOG_LINE_MAX];

xc_interface *__wrap_xc_interface_open(xentoollog_logger *logger, xentoollog_logger *dom, unsigned f)
{
    world.handles++;
    return (xc_interface *)&world;
}

int __wrap_xc_interface_close(xc_interface *xc)
{
    world.handles--;
    return 0;
}

int __wrap_xc_domain_getinfo_single(xc_interface *xc, uint32_t domid, xc_domaininfo_t *info)
{
    unsigned int flags = domid == STUB ? world.stub : world.guest;

    assert_true(domid == STUB || domid == GUEST);
    if (flags & (ABSENT | SILENT)) {
        errno = flags & ABSENT ? ESRCH : EPERM;
        return -1;
    }
    *info = (xc_domaininfo_t){ .domain = domid, .flags = flags & ~OTHER, .cpu_time = world.cpu_ns };
    memset(info->handle, flags & OTHER ? 99 : domid, sizeof(info->handle));
    return 0;
}

int __wrap_xc_domain_shutdown(xc_interface *xc, uint32_t domid, int reason)
{
    assert_int_equal(domid, GUEST);
    assert_int_equal(reason, SHUTDOWN_crash);
    world.crashed++;
    world.guest = SHUT(SHUTDOWN_crash);
    return 0;
}

int __wrap_poll(struct pollfd *fds, nfds_t count, int ms)
{
    assert_true(ms > 0);
    world.ms += ms;
    if (world.stub_at_ms && world.ms >= world.stub_at_ms)
        world.stub = world.stub_then;
    if (world.guest_at_ms && world.ms >= world.guest_at_ms)
        world.guest = world.guest_then;
    if (world.ms >= NO_END_MS)
        world.guest = ABSENT;
    return 0;
}

int __wrap_clock_gettime(clockid_t id, struct timespec *now)
{
    *now = (struct timespec){ .tv_sec = 1 + world.ms / 1000,
                              .tv_nsec = world.ms % 1000 * 1000000L };
    return 0;
}

static void keep_line(void *data, enum log_level level, const char *line)
{
    snprintf(said, sizeof(said), "%s", line);
}

static struct guard guard;

static int start(void **state)
{
    memset(&world, 0, sizeof(world));
    said[0] = '\0';
    log_set_sink(keep_line, NULL);
    guard_init(&guard, STUB, GUEST);
    assert_int_equal(guard.guest, GUEST);
    return 0;
}

static int finish(void **state)
{
    assert_int_equal(world.handles, 0);
    return 0;
}

static void test_look(void **state)
{
    static const struct {
        unsigned int stub, guest;
        int crashed;
        const char *words;
        bool ended, again;
    } rows[] = {
        { 0, 0, 0, "", false, false },
        { XEN_DOMINF_paused, 0, 0, "", false, false },
        { SHUT(SHUTDOWN_crash), 0, 1, "the stub domain has crashed; guest 6", true, false },
        { SHUT(SHUTDOWN_poweroff), 0, 1, "powered off; guest 6", true, false },
        { SHUT(SHUTDOWN_suspend), 0, 1, "suspended", true, false },
        { SHUT(77), 0, 1, "has ended; guest 6", true, false },
        { SHUT(SHUTDOWN_crash), XEN_DOMINF_paused, 1, "crashed", true, false },
        /* The guest has shut down by itself, or the stub domain has shut it down. */
        { SHUT(SHUTDOWN_poweroff), SHUT(SHUTDOWN_poweroff), 0, "", true, false },
        { SHUT(SHUTDOWN_crash), SHUT(SHUTDOWN_crash), 0, "", true, false },
        { SHUT(SHUTDOWN_crash), ABSENT, 0, "", true, false },
        { SHUT(SHUTDOWN_crash), XEN_DOMINF_dying, 0, "", true, false },
        { SHUT(SHUTDOWN_crash), OTHER, 0, "", true, false },
        { SHUT(SHUTDOWN_crash), SILENT, 0, "", true, true },
        /* libxl is destroying it. see_off() tests that. */
        { SHUT(SHUTDOWN_crash) | XEN_DOMINF_dying, 0, 0, "", false, false },
        { ABSENT, 0, 0, "", false, false },
        { SHUT(SHUTDOWN_crash) | OTHER, 0, 0, "", false, false },
        { SILENT, 0, 0, "", false, true },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct guard_sight sight;

        world.stub = rows[i].stub;
        world.guest = rows[i].guest;
        world.crashed = 0;
        said[0] = '\0';
        sight = guard_look(&guard);
        assert_int_equal(sight.stub_ended, rows[i].ended);
        assert_int_equal(sight.look_again, rows[i].again);
        assert_int_equal(sight.silently, world.crashed && strstr(said, "has crashed"));
        if (world.crashed != rows[i].crashed || !strstr(said, rows[i].words))
            fail_msg("row %zu: crashed %d: %s", i, world.crashed, said);
        assert_true(rows[i].words[0] || !said[0]);
    }
}

/* The guest is being saved. That may fail, and then it goes on. */
static void test_look_at_suspended(void **state)
{
    struct guard_sight sight;

    world.stub = SHUT(SHUTDOWN_crash);
    world.guest = SHUT(SHUTDOWN_suspend);
    assert_true(guard_look(&guard).silently);
    assert_non_null(strstr(said, "has crashed; guest 6 is suspended"));
    said[0] = '\0';
    sight = guard_look(&guard);
    assert_true(sight.look_again && !sight.silently);
    assert_string_equal(said, "");
    assert_int_equal(world.crashed, 0);
    world.guest = 0;
    assert_false(guard_look(&guard).look_again);
    assert_int_equal(world.crashed, 1);
    world.stub = 0;
    world.guest = SHUT(SHUTDOWN_suspend);
    assert_false(guard_look(&guard).look_again);
}

/* Runs guard_see_off() with domains that change to these flags after so many milliseconds. */
static bool see_off(unsigned int stub_ms, unsigned int stub, unsigned int guest_ms,
                    unsigned int guest)
{
    int stop = eventfd(0, EFD_NONBLOCK);
    bool gone;

    world.ms = world.crashed = 0;
    world.stub = world.guest = 0;
    world.stub_at_ms = stub_ms;
    world.stub_then = stub;
    world.guest_at_ms = guest_ms;
    world.guest_then = guest;
    gone = guard_see_off(&guard, stop);
    close(stop);
    return gone;
}

static void test_both_go(void **state)
{
    assert_true(see_off(300, ABSENT, 800, ABSENT));
    assert_true(see_off(300, XEN_DOMINF_dying, 800, XEN_DOMINF_dying));
    assert_true(see_off(300, ABSENT, 400, SHUT(SHUTDOWN_reboot)));
    assert_true(see_off(20000, ABSENT, 29000, ABSENT));
    assert_int_equal(world.crashed, 0);
}

static void test_guest_is_left_behind(void **state)
{
    assert_true(see_off(300, ABSENT, 0, 0));
    assert_int_equal(world.crashed, 1);
    assert_in_range(world.ms, 10000, 11000);
    assert_non_null(strstr(said, "was destroyed and its guest was not"));
}

static void test_paused_guest_is_waited_for(void **state)
{
    static const unsigned int waits[] = { XEN_DOMINF_paused, SHUT(SHUTDOWN_suspend) };

    for (size_t i = 0; i < ARRAY_LEN(waits); i++) {
        assert_true(see_off(300, ABSENT, 400, waits[i]));
        assert_int_equal(world.crashed, 0);
        assert_in_range(world.ms, NO_END_MS, NO_END_MS + 2000);
    }
}

static void test_stub_stays(void **state)
{
    assert_false(see_off(0, 0, 0, 0));
    assert_int_equal(world.crashed, 0);
    assert_non_null(strstr(said, "nobody serves it any more"));
    assert_in_range(world.ms, 30000, 31000);
}

static void test_a_signal_ends_the_waiting(void **state)
{
    sigset_t set;
    int stop;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    stop = signalfd(-1, &set, SFD_NONBLOCK);
    world.stub = ABSENT;
    raise(SIGTERM);
    assert_true(guard_see_off(&guard, stop));
    assert_int_equal(world.crashed, 0);
    assert_in_range(world.ms, 0, 1000);
    close(stop);
}

/*
 * libxl sends a second SIGHUP to the process that it takes for its QMP proxy. The guest must be shut down nevertheless.
 */
static void test_a_second_hangup_is_libxls(void **state)
{
    sigset_t set;
    int stop;

    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    stop = signalfd(-1, &set, SFD_NONBLOCK);
    world.stub = ABSENT;
    raise(SIGHUP);
    assert_true(guard_see_off(&guard, stop));
    assert_int_equal(world.crashed, 1);
    assert_in_range(world.ms, 10000, 11000);
    close(stop);
}

static void test_nobody_serves(void **state)
{
    guard_crash(&guard, "because", -1);
    assert_int_equal(world.crashed, 1);
    assert_string_equal(said, "because; guest 6 was shut down, reason crash");
    guard_crash(&guard, "because", -1);
    assert_int_equal(world.crashed, 1);
}

/* After a save that fails the guest goes on, and is shut down; after one that succeeds it has ended. */
static void test_nobody_serves_the_suspended(void **state)
{
    static const struct { unsigned int then; int crashed; } rows[] = { { 0, 1 }, { ABSENT, 0 } };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        world.ms = world.crashed = 0;
        world.guest = SHUT(SHUTDOWN_suspend);
        world.guest_at_ms = 20000;
        world.guest_then = rows[i].then;
        guard_crash(&guard, "because", -1);
        assert_int_equal(world.crashed, rows[i].crashed);
        assert_in_range(world.ms, 20000, 22000);
        assert_non_null(strstr(said, rows[i].crashed ? "was shut down" : "is suspended"));
    }
}

static void test_who_may_save(void **state)
{
    static const struct { unsigned int guest; int rc; bool last; } rows[] = {
        { 0, -EPERM, false }, { XEN_DOMINF_paused, -EPERM, false }, { ABSENT, -EPERM, false },
        { SHUT(SHUTDOWN_poweroff), -EPERM, false }, { SHUT(SHUTDOWN_crash), -EPERM, false },
        { SHUT(SHUTDOWN_suspend) | OTHER, -EPERM, false }, { SILENT, -EIO, false },
        { SHUT(SHUTDOWN_suspend) | XEN_DOMINF_dying, -EPERM, false },
        { SHUT(SHUTDOWN_soft_reset) | OTHER, -EPERM, false },
        { SHUT(SHUTDOWN_suspend), 0, false }, { SHUT(SHUTDOWN_soft_reset), 0, true },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        bool last = false;

        world.guest = rows[i].guest;
        world.cpu_ns += 1000;
        if (guard_allow_save(&guard, &last) != rows[i].rc || last != rows[i].last)
            fail_msg("row %zu", i);
    }
}

/* The stub domain gets one file for each time that its guest is suspended, however often it asks. */
static void test_one_save_for_each_suspension(void **state)
{
    bool last;

    world.guest = SHUT(SHUTDOWN_suspend);
    for (int time = 0; time < 3; time++) {
        assert_int_equal(guard_allow_save(&guard, &last), 0);
        for (int i = 0; i < 3; i++)
            assert_int_equal(guard_allow_save(&guard, &last), -EALREADY);
        if (time == 0)
            world.cpu_ns += 1; /* it ran */
        else
            guard_look(&guard); /* Xen has reported the end of a domain, while this guest was paused all the time */
    }
}

static void test_what_the_stub_domain_is(void **state)
{
    static const struct {
        unsigned int stub;
        bool exists, runs;
    } rows[] = {
        { 0, true, true }, { XEN_DOMINF_paused, true, false }, { SHUT(SHUTDOWN_crash), true, false },
        { SILENT, true, false }, { ABSENT, false, false }, { OTHER, false, false },
        { XEN_DOMINF_dying, false, false },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        world.stub = rows[i].stub;
        assert_int_equal(guard_stub_exists(&guard), rows[i].exists);
        assert_int_equal(guard_stub_runs(&guard), rows[i].runs);
    }
}

static void test_unknown_guest(void **state)
{
    guard_init(&guard, STUB, -1);
    world.stub = SHUT(SHUTDOWN_crash);
    guard_look(&guard);
    assert_int_equal(guard_allow_save(&guard, &(bool){ false }), -EPERM);
    guard_crash(&guard, "because", -1);
    assert_false(guard_see_off(&guard, -1));
    world.guest = ABSENT;
    guard_init(&guard, STUB, GUEST);
    assert_int_equal(guard.guest, -1);
    assert_int_equal(world.crashed, 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, start, finish)
    const struct CMUnitTest tests[] = {
        TEST(test_look),
        TEST(test_look_at_suspended),
        TEST(test_both_go),
        TEST(test_guest_is_left_behind),
        TEST(test_paused_guest_is_waited_for),
        TEST(test_stub_stays),
        TEST(test_a_signal_ends_the_waiting),
        TEST(test_a_second_hangup_is_libxls),
        TEST(test_nobody_serves),
        TEST(test_nobody_serves_the_suspended),
        TEST(test_who_may_save),
        TEST(test_one_save_for_each_suspension),
        TEST(test_what_the_stub_domain_is),
        TEST(test_unknown_guest),
    };

    return cmocka_run_group_tests_name("dm-guard", tests, NULL, NULL);
}
