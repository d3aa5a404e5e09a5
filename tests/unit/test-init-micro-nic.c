// sources: launcher/stubdom-init/micro-nic.c launcher/stubdom-init/linux-tap.c
// cflags: -Ilauncher/stubdom-micro
// wrap: ioctl open
/*
 * Joining vifs to taps on the micro kernel: one ioctl, which has the device number and the firewall.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "linux.h"
#include "micro-abi.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>

static struct linux_platform platform;
static struct frame_filter_rules rules;
static struct frame_filter joined;
static char backend[64], tap_name[IFNAMSIZ];
static unsigned int joined_vif;
static unsigned long failing_request;
static int failing_errno, open_error, pass_error;

int __real_open(const char *path, int flags, ...);

int __wrap_open(const char *path, int flags, ...)
{
    if (strcmp(path, "/dev/net/tun"))
        return __real_open(path, flags);
    assert_true(flags & O_CLOEXEC && flags & O_NONBLOCK);
    errno = open_error;
    return open_error ? -1 : __real_open("/dev/null", flags);
}

static void note_join(const struct micro_tap_join *join)
{
    joined_vif = join->vif;
    joined.count = join->count;
    assert_in_range(join->count, 1, FRAME_FILTER_MAX_INSNS);
    memcpy(joined.insns, (const void *)(uintptr_t)join->program, join->count * sizeof(joined.insns[0]));
}

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
    const struct ifreq *ifr = arg;

    if (request == failing_request) {
        errno = failing_errno;
        return -1;
    }
    switch (request) {
    case TUNSETIFF:
        assert_int_equal(ifr->ifr_flags, IFF_TAP | IFF_NO_PI | IFF_VNET_HDR);
        strcpy(tap_name, ifr->ifr_name);
        return 0;
    case MICRO_TAP_JOIN:
        note_join(arg);
        return 0;
    }
    fail_msg("unexpected request %lx", request);
    return -1;
}

int linux_pass_fd(struct linux_platform *p, int fd)
{
    if (!pass_error)
        p->passed_fds[p->passed_count++] = fd;
    return pass_error;
}

static int setup(void **state)
{
    memset(&platform, 0, sizeof(platform));
    failing_request = 0;
    open_error = pass_error = 0;
    platform.base.firewall = true;
    assert_int_equal(frame_filter_rules_init(&rules, "00:16:3e:00:00:0a", "192.168.77.10"), 0);
    return 0;
}

static int teardown(void **state)
{
    while (platform.passed_count)
        close(platform.passed_fds[--platform.passed_count]);
    return 0;
}

static int attach(size_t size)
{
    return linux_nic_attach(&platform.base, 5, &rules, backend, size);
}

static void joins(void **state)
{
    struct frame_filter expected;
    char text[32];

    assert_int_equal(frame_filter_build(&rules, false, &expected), 0);
    assert_int_equal(attach(sizeof(backend)), 0);
    assert_string_equal(tap_name, "tap5");
    assert_int_equal(joined_vif, 5);
    assert_int_equal(joined.count, expected.count);
    assert_memory_equal(joined.insns, expected.insns, expected.count * sizeof(expected.insns[0]));
    snprintf(text, sizeof(text), "tap,fd=%d", platform.passed_fds[0]);
    assert_string_equal(backend, text);
}

static void firewall_off(void **state)
{
    platform.base.firewall = false;
    assert_int_equal(attach(sizeof(backend)), 0);
    assert_int_equal(joined.count, 1);
    assert_int_equal(joined.insns[0].k, FRAME_FILTER_PASS);
}

static int open_descriptors(void)
{
    int fd = __real_open("/dev/null", O_RDONLY);

    close(fd);
    return fd;
}

static void failures(void **state)
{
    static const struct { unsigned long request; int error; } list[] = {
        { TUNSETIFF, EPERM }, { MICRO_TAP_JOIN, EAGAIN }, { MICRO_TAP_JOIN, ENODEV }, { MICRO_TAP_JOIN, EINVAL },
    };
    int before = open_descriptors();

    for (size_t i = 0; i < ARRAY_LEN(list); i++) {
        failing_request = list[i].request;
        failing_errno = list[i].error;
        assert_int_equal(attach(sizeof(backend)), -list[i].error);
    }
    failing_request = 0;
    assert_int_not_equal(attach(4), 0);
    pass_error = -ENOSPC;
    assert_int_equal(attach(sizeof(backend)), -ENOSPC);
    open_error = ENOENT;
    assert_int_equal(attach(sizeof(backend)), -ENOENT);
    assert_int_equal(platform.passed_count, 0);
    assert_int_equal(open_descriptors(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(joins, setup, teardown),
        cmocka_unit_test_setup_teardown(firewall_off, setup, teardown),
        cmocka_unit_test_setup_teardown(failures, setup, teardown),
    };

    return cmocka_run_group_tests_name("init-micro-nic", tests, NULL, NULL);
}
