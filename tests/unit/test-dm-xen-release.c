// sources: launcher/dom0-daemon/root/xen-release.c
// wrap: xc_interface_open xc_interface_close xc_domain_getinfo_single xc_version
// libs: xenctrl
/*
 * A libxenctrl of another release of Xen is found at the start, in one line.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "log.h"
#include "xen-release.h"

#include <xenctrl.h>

static struct {
    bool closed_up;
    int refuses; /* libxenctrl fails with this errno */
    int handles, lines;
} world;
static char said[LOG_LINE_MAX];

xc_interface *__wrap_xc_interface_open(xentoollog_logger *logger, xentoollog_logger *dom, unsigned f)
{
    errno = ENOENT;
    world.handles += !world.closed_up;
    return world.closed_up ? NULL : (xc_interface *)&world;
}

int __wrap_xc_interface_close(xc_interface *xc)
{
    world.handles--;
    return 0;
}

int __wrap_xc_domain_getinfo_single(xc_interface *xc, uint32_t domid, xc_domaininfo_t *info)
{
    assert_int_equal(domid, 0);
    errno = world.refuses;
    return world.refuses ? -1 : 0;
}

int __wrap_xc_version(xc_interface *xc, int command, void *argument)
{
    assert_int_equal(command, XENVER_version);
    errno = 0;
    return 4 << 16 | 17;
}

static void hear(void *data, enum log_level level, const char *line)
{
    assert_int_equal(level, LOG_ERROR);
    world.lines++;
    snprintf(said, sizeof(said), "%s", line);
}

static int forget(void **state)
{
    memset(&world, 0, sizeof(world));
    said[0] = 0;
    log_set_sink(hear, NULL);
    return 0;
}

static void test_same_release(void **state)
{
    assert_int_equal(xen_release_check(), 0);
    assert_int_equal(world.handles + world.lines, 0);
}

static void test_another_release(void **state)
{
    world.refuses = EACCES;
    assert_int_equal(xen_release_check(), -EACCES);
    assert_int_equal(world.handles, 0);
    assert_int_equal(world.lines, 1);
    assert_non_null(strstr(said, "not for the Xen that runs, 4.17:"));
}

static void test_other_trouble(void **state)
{
    world.refuses = EPERM;
    assert_int_equal(xen_release_check(), -EPERM);
    assert_non_null(strstr(said, "cannot ask the hypervisor: Operation not permitted"));
    world.closed_up = true;
    assert_int_equal(xen_release_check(), -ENOENT);
    assert_int_equal(world.handles, 0);
    assert_non_null(strstr(said, "cannot ask the hypervisor: No such file or directory"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_same_release, forget),
        cmocka_unit_test_setup(test_another_release, forget),
        cmocka_unit_test_setup(test_other_trouble, forget),
    };

    return cmocka_run_group_tests_name("dm-xen-release", tests, NULL, NULL);
}
