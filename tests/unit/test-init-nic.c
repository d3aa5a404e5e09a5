// sources: launcher/stubdom-init/linux-nic.c launcher/stubdom-init/linux-tap.c
// wrap: ioctl open
/*
 * Joining vifs to taps: which interface belongs to which NIC, and the order of what is done to it. The test plays the
 * kernel.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "linux.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>

static struct linux_platform platform;
static char backend[64], calls[1024];
static unsigned long failing_request;
static int open_error, failing_connection;

/* eth0 and eth1 came up in the order opposite to their NICs'; eth2 repeats eth1's address. */
static const unsigned char addresses[][6] = {
    { 0x00, 0x16, 0x3e, 0x00, 0x00, 0x0b }, { 0x00, 0x16, 0x3e, 0x00, 0x00, 0x0a },
    { 0x00, 0x16, 0x3e, 0x00, 0x00, 0x0a },
};

static void note(const char *what, const char *name)
{
    sprintf(calls + strlen(calls), "%s:%s ", what, name);
}

int __real_open(const char *path, int flags, ...);

int __wrap_open(const char *path, int flags, ...)
{
    if (strcmp(path, "/dev/net/tun"))
        return __real_open(path, flags);
    errno = open_error;
    return open_error ? -1 : __real_open("/dev/null", flags);
}

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
    struct ifreq *ifr = arg;
    unsigned int n;

    if (request == failing_request) {
        errno = EPERM;
        return -1;
    }
    switch (request) {
    case SIOCGIFHWADDR:
        if (sscanf(ifr->ifr_name, "eth%u", &n) != 1 || n >= ARRAY_LEN(addresses)) {
            errno = ENODEV;
            return -1;
        }
        memcpy(ifr->ifr_hwaddr.sa_data, addresses[n], 6);
        return 0;
    case SIOCGIFINDEX:
        ifr->ifr_ifindex = !strncmp(ifr->ifr_name, "eth", 3) ? 10 + ifr->ifr_name[3] - '0' : 20;
        return 0;
    case TUNSETIFF:
        note("tap", ifr->ifr_name);
        assert_true(ifr->ifr_flags & IFF_TAP);
        assert_true(ifr->ifr_flags & IFF_VNET_HDR);
        return 0;
    case SIOCGIFFLAGS:
        ifr->ifr_flags = 0;
        return 0;
    case SIOCSIFFLAGS:
        assert_true(ifr->ifr_flags & IFF_UP);
        note("up", ifr->ifr_name);
        return 0;
    }
    fail_msg("unexpected request %lx", request);
    return -1;
}

int linux_tc_connect(int from, const struct frame_filter *filter, int to)
{
    sprintf(calls + strlen(calls), "%d>%s>%d ", from, filter->count == 1 ? "all" : "checked", to);
    return from == failing_connection ? -EPERM : 0;
}

int linux_pass_fd(struct linux_platform *p, int fd)
{
    p->passed_fds[p->passed_count++] = fd;
    return 0;
}

static int setup(void **state)
{
    memset(&platform, 0, sizeof(platform));
    calls[0] = '\0';
    failing_request = 0;
    open_error = failing_connection = 0;
    platform.base.firewall = true;
    return 0;
}

static int teardown(void **state)
{
    while (platform.passed_count)
        close(platform.passed_fds[--platform.passed_count]);
    return 0;
}

static int attach(unsigned int devid, const char *mac)
{
    struct frame_filter_rules rules;

    assert_int_equal(frame_filter_rules_init(&rules, mac, NULL), 0);
    return linux_nic_attach(&platform.base, devid, &rules, backend, sizeof(backend));
}

/* Interfaces are set up only after the firewall is installed. */
static void by_address(void **state)
{
    char expected[32];

    assert_int_equal(attach(0, "00:16:3E:00:00:0a"), 0);
    assert_string_equal(calls, "tap:tap0 20>checked>11 11>all>20 up:tap0 up:eth1 ");
    snprintf(expected, sizeof(expected), "tap,fd=%d", platform.passed_fds[0]);
    assert_string_equal(backend, expected);
    calls[0] = '\0';
    assert_int_equal(attach(1, "00:16:3e:00:00:0b"), 0);
    assert_string_equal(calls, "tap:tap1 20>checked>10 10>all>20 up:tap1 up:eth0 ");
}

static void firewall_off(void **state)
{
    platform.base.firewall = false;
    assert_int_equal(attach(0, "00:16:3e:00:00:0a"), 0);
    assert_string_equal(calls, "tap:tap0 20>all>11 11>all>20 up:tap0 up:eth1 ");
}

static void same_address_twice(void **state)
{
    assert_int_equal(attach(0, "00:16:3e:00:00:0a"), 0);
    assert_int_equal(attach(1, "00:16:3e:00:00:0a"), 0);
    assert_non_null(strstr(calls, ">12 "));
    assert_int_equal(attach(2, "00:16:3e:00:00:0a"), -EAGAIN);
}

static void not_there_yet(void **state)
{
    assert_int_equal(attach(0, "00:16:3e:99:99:99"), -EAGAIN);
    assert_string_equal(calls, "");
}

static void failures(void **state)
{
    static const unsigned long requests[] = { TUNSETIFF, SIOCGIFINDEX, SIOCGIFFLAGS, SIOCSIFFLAGS };

    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        failing_request = requests[i];
        assert_int_equal(attach(0, "00:16:3e:00:00:0a"), -EPERM);
        assert_int_equal(platform.passed_count, 0);
    }
    failing_request = 0;
    for (failing_connection = 11; failing_connection <= 20; failing_connection += 9) {
        calls[0] = '\0';
        assert_int_equal(attach(0, "00:16:3e:00:00:0a"), -EPERM);
        assert_int_equal(platform.passed_count, 0);
        assert_null(strstr(calls, "up:"));
    }
    open_error = ENOENT;
    assert_int_equal(attach(0, "00:16:3e:00:00:0a"), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(by_address, setup, teardown),
        cmocka_unit_test_setup_teardown(firewall_off, setup, teardown),
        cmocka_unit_test_setup_teardown(same_address_twice, setup, teardown),
        cmocka_unit_test_setup_teardown(not_there_yet, setup, teardown),
        cmocka_unit_test_setup_teardown(failures, setup, teardown),
    };

    return cmocka_run_group_tests_name("init-nic", tests, NULL, NULL);
}
