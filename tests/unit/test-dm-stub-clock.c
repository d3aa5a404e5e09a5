// sources: launcher/dom0-daemon/root/stub-clock.c
// wrap: xc_interface_open xc_interface_close xc_domain_set_tsc_info
// libs: xenctrl
/*
 * The stub domain reads the CPU's time stamp counter directly, or the log says that it does not.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "log.h"
#include "stub-clock.h"

#include <xenctrl.h>

static struct {
    bool closed_up, refuses;
    int handles;
    uint32_t domid, mode;
} world;
static char said[LOG_LINE_MAX];

xc_interface *__wrap_xc_interface_open(xentoollog_logger *logger, xentoollog_logger *dom, unsigned f)
{
    errno = EACCES;
    world.handles += !world.closed_up;
    return world.closed_up ? NULL : (xc_interface *)&world;
}

int __wrap_xc_interface_close(xc_interface *xc)
{
    world.handles--;
    return 0;
}

int __wrap_xc_domain_set_tsc_info(xc_interface *xc, uint32_t domid, uint32_t mode, uint64_t elapsed,
                                  uint32_t khz, uint32_t incarnation)
{
    world.domid = domid;
    world.mode = mode;
    errno = EPERM;
    return world.refuses ? -1 : 0;
}

static void hear(void *data, enum log_level level, const char *line)
{
    snprintf(said, sizeof(said), "%s", line);
}

static int forget(void **state)
{
    memset(&world, 0, sizeof(world));
    said[0] = 0;
    log_set_sink(hear, NULL);
    return 0;
}

static void test_is_native(void **state)
{
    stub_clock_set(7);
    assert_int_equal(world.domid, 7);
    assert_int_equal(world.mode, 2); /* tsc_mode="native" of xl.cfg(5) */
    assert_int_equal(world.handles, 0);
    assert_string_equal(said, "");
}

static void test_refusal_is_said(void **state)
{
    world.refuses = true;
    stub_clock_set(7);
    assert_int_equal(world.handles, 0);
    assert_non_null(strstr(said, "stays emulated: Operation not permitted"));
}

static void test_no_hypervisor_is_said(void **state)
{
    world.closed_up = true;
    stub_clock_set(7);
    assert_int_equal(world.handles, 0);
    assert_non_null(strstr(said, "stays emulated: Permission denied"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_is_native, forget),
        cmocka_unit_test_setup(test_refusal_is_said, forget),
        cmocka_unit_test_setup(test_no_hypervisor_is_said, forget),
    };

    return cmocka_run_group_tests_name("dm-stub-clock", tests, NULL, NULL);
}
