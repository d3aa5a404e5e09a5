// sources: launcher/vif/bridge.c
// wrap: ioctl
/*
 * What is done to a vif and its bridge, and in which order. The test plays the kernel.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "bridge.h"

#include <errno.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdarg.h>

static char calls[512];
static unsigned long failing;
static short flags;

int __wrap_ioctl(int fd, unsigned long what, ...)
{
    static const struct {
        unsigned long what;
        const char *name;
    } names[] = {
        { SIOCGIFINDEX, "index" }, { SIOCSIFNAME, "rename" }, { SIOCGIFMTU, "mtu" }, { SIOCGIFFLAGS, "" },
        { SIOCSIFFLAGS, "flags" }, { SIOCSIFHWADDR, "mac" }, { SIOCSIFMTU, "set-mtu" }, { SIOCBRADDIF, "add" },
        { SIOCBRDELIF, "remove" },
    };
    struct ifreq *request;
    va_list args;
    size_t i = 0;

    va_start(args, what);
    request = va_arg(args, struct ifreq *);
    va_end(args);
    while (names[i].what != what)
        assert_true(++i < ARRAY_LEN(names));
    if (*names[i].name)
        sprintf(calls + strlen(calls), "%s %s", names[i].name, request->ifr_name);
    if (what == SIOCSIFNAME)
        sprintf(calls + strlen(calls), " %s", request->ifr_newname);
    if (what == SIOCSIFFLAGS)
        sprintf(calls + strlen(calls), " %x", flags = request->ifr_flags);
    if (what == SIOCSIFMTU)
        sprintf(calls + strlen(calls), " %d", request->ifr_mtu);
    if (what == SIOCBRADDIF || what == SIOCBRDELIF)
        sprintf(calls + strlen(calls), " %d", request->ifr_ifindex);
    if (what == SIOCSIFHWADDR)
        assert_memory_equal(request->ifr_hwaddr.sa_data, "\xfe\xff\xff\xff\xff\xff", 6);
    if (*names[i].name)
        strcat(calls, ";");
    if (what == failing) {
        errno = EBUSY;
        return -1;
    }
    if (what == SIOCGIFINDEX)
        request->ifr_ifindex = 7;
    if (what == SIOCGIFMTU)
        request->ifr_mtu = 1500;
    if (what == SIOCGIFFLAGS)
        request->ifr_flags = flags;
    return 0;
}

static int setup(void **state)
{
    calls[0] = '\0';
    failing = 0;
    flags = IFF_BROADCAST | IFF_MULTICAST;
    return 0;
}

/* The port must not determine the bridge's MAC. The vif is set up last. */
static void join(void **state)
{
    assert_int_equal(bridge_join("br0", "vif7.0", 9000), 0);
    assert_string_equal(calls, "flags vif7.0 1002;mac vif7.0;set-mtu vif7.0 9000;index vif7.0;add br0 7;"
                               "flags vif7.0 1003;");
    setup(state);
    flags |= IFF_UP;
    assert_int_equal(bridge_join("br0", "vif7.0", 0), 0);
    assert_string_equal(calls, "flags vif7.0 1002;mac vif7.0;index vif7.0;add br0 7;flags vif7.0 1003;");
}

static void join_fails(void **state)
{
    static const struct {
        unsigned long what;
        int rc;
    } cases[] = {
        { SIOCGIFFLAGS, -EBUSY }, { SIOCSIFFLAGS, -EBUSY }, { SIOCSIFHWADDR, 0 }, { SIOCSIFMTU, 0 },
        { SIOCGIFINDEX, -ENODEV }, { SIOCBRADDIF, -EBUSY },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        setup(state);
        failing = cases[i].what;
        assert_int_equal(bridge_join("br0", "vif7.0", 1500), cases[i].rc);
        /* A vif that could not be made a port of the bridge is not set up. */
        assert_true(cases[i].rc == 0 || !(flags & IFF_UP));
    }
}

static void leave(void **state)
{
    bridge_leave("br0", "vif7.0");
    assert_string_equal(calls, "flags vif7.0 1002;index vif7.0;remove br0 7;");
    setup(state);
    failing = SIOCGIFINDEX;
    bridge_leave("br0", "vif7.0");
    assert_null(strstr(calls, "remove"));
}

static void names(void **state)
{
    assert_int_equal(bridge_rename("vif7.0", "lan"), 0);
    assert_string_equal(calls, "rename vif7.0 lan;");
    assert_int_equal(bridge_mtu("br0"), 1500);
    assert_int_equal(bridge_index("br0"), 7);
    setup(state);
    assert_int_equal(bridge_rename("vif7.0", "0123456789abcdef"), -EINVAL);
    assert_int_equal(bridge_rename("0123456789abcdef", "lan"), -EINVAL);
    assert_int_equal(bridge_mtu(""), -EINVAL);
    assert_int_equal(bridge_index("0123456789abcdef"), 0);
    assert_string_equal(calls, "");
    assert_false(bridge_is_one("../../etc"));
    assert_false(bridge_is_one(""));
    assert_false(bridge_is_one("lo"));
    assert_false(bridge_is_one("0123456789abcdef0123456789abcdef"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(join, setup),
        cmocka_unit_test_setup(join_fails, setup),
        cmocka_unit_test_setup(leave, setup),
        cmocka_unit_test_setup(names, setup),
    };

    return cmocka_run_group_tests_name("vif-bridge", tests, NULL, NULL);
}
