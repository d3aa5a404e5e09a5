// sources: launcher/xl-stubdom/remains.c tests/unit/fake-xs.c
// cflags: -DXEN_RUN_DIR="\"/tmp/xl-remains-test\""
/*
 * What libxl has left of domains that do not exist any more is removed; nothing is removed of a domain that exists, or
 * if Xen does not answer.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "fake-xs.h"
#include "remains.h"
#include "xen-control.h"

#include <sys/stat.h>
#include <xenstore.h>

static int silent; /* Xen does not answer about this domain */

/* Domains 0, 3 and 4 exist. */
int xc_domain_getinfo_single(xc_interface *xc, uint32_t domid, xc_domaininfo_t *info)
{
    errno = silent && domid == (uint32_t)silent ? EBUSY : ESRCH;
    return domid == 0 || domid == 3 || domid == 4 ? 0 : -1;
}

int xc_domain_getinfolist(xc_interface *xc, uint32_t first, unsigned int max, xc_domaininfo_t *info)
{
    uint32_t known[] = { 0, 3, 4 };

    if (silent && first == (uint32_t)silent) {
        errno = EBUSY;
        return -1;
    }
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (known[i] >= first) {
            info->domain = known[i];
            return 1;
        }
    return 0;
}

static const char *const nodes[] = {
    "/local/domain/0/backend/vbd/7/768/state", "/local/domain/0/backend/console/7/0/state",
    "/local/domain/0/backend/vif/8/0/state", "/local/domain/0/device-model/7/state", "/libxl/7/type",
    "/local/domain/7/device/vbd/768/state",
};
static const char *const kept[] = {
    "/local/domain/0/backend/vbd/3/768/state", "/local/domain/0/backend/console/4/0/state", "/libxl/3/type",
    "/local/domain/0/device-model/4/state", "/local/domain/3/name", "/local/domain/0/name", "/vm/7/name",
    "/local/domain/0/backend/vbd/x7/768/state", "/libxl/99999/type", "/tool/7/x",
};

static void test_what_is_gone(void **state)
{
    struct xs_handle *xs;

    fake_xs_reset(0);
    for (size_t i = 0; i < ARRAY_LEN(nodes); i++)
        fake_xs_set(nodes[i], "1");
    for (size_t i = 0; i < ARRAY_LEN(kept); i++)
        fake_xs_set(kept[i], "1");
    xs = fake_xs_open();
    remains_remove(NULL, NULL);
    silent = 7;
    remains_remove(xs, (void *)&silent);
    assert_non_null(fake_xs_get(nodes[0]));
    assert_null(fake_xs_get(nodes[2]));
    silent = 0;
    remains_remove(xs, (void *)&silent);
    for (size_t i = 0; i < ARRAY_LEN(nodes); i++)
        if (fake_xs_get(nodes[i]))
            fail_msg("%s is left", nodes[i]);
    for (size_t i = 0; i < ARRAY_LEN(kept); i++)
        if (!fake_xs_get(kept[i]))
            fail_msg("%s was removed", kept[i]);
    xs_close(xs);
}

static const char *path_of(const char *name)
{
    static char path[200];

    snprintf(path, sizeof(path), XEN_RUN_DIR "/%s", name);
    return path;
}

static void test_sockets(void **state)
{
    static const char *const gone[] = { "qmp-libxl-7", "qmp-libxl-17" };
    static const char *const stay[] = { "qmp-libxl-3", "qmp-libxl-8x", "qmp-libxl-", "qmp-libxenstat-7", "17" };
    struct xs_handle *xs;

    fake_xs_reset(0);
    xs = fake_xs_open();
    remains_remove(xs, (void *)&silent); /* no such folder */
    assert_int_equal(mkdir(XEN_RUN_DIR, 0700), 0);
    for (size_t i = 0; i < ARRAY_LEN(gone); i++)
        fclose(fopen(path_of(gone[i]), "w"));
    for (size_t i = 0; i < ARRAY_LEN(stay); i++)
        fclose(fopen(path_of(stay[i]), "w"));
    remains_remove(xs, (void *)&silent);
    for (size_t i = 0; i < ARRAY_LEN(gone); i++)
        assert_int_equal(access(path_of(gone[i]), F_OK), -1);
    for (size_t i = 0; i < ARRAY_LEN(stay); i++)
        assert_int_equal(unlink(path_of(stay[i])), 0);
    assert_int_equal(rmdir(XEN_RUN_DIR), 0);
    xs_close(xs);
}

static void test_an_empty_store(void **state)
{
    struct xs_handle *xs;

    fake_xs_reset(0);
    xs = fake_xs_open();
    remains_remove(xs, (void *)&silent);
    xs_close(xs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_gone),
        cmocka_unit_test(test_sockets),
        cmocka_unit_test(test_an_empty_store),
    };

    return cmocka_run_group_tests_name("xl-remains", tests, NULL, NULL);
}
