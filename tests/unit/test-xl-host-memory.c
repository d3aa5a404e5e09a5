// sources: launcher/xl-stubdom/host-memory.c launcher/xl-stubdom/fault.c
// wrap: libxl_ctx_alloc libxl_ctx_free libxl_get_physinfo libxl_list_domain libxl_get_version_info
// wrap: libxl_dominfo_list_free
// libs: xenlight xentoollog
/*
 * What memory this host has for a new guest: what is free, what ends, what xl would take from dom0; and what cannot be.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include <libxl.h>

#include "host-memory.h"

#define MIB(n) ((uint64_t)(n) << 8)  /* in pages */
#define KIB(n) ((uint64_t)(n) << 10) /* of MiB, in KiB */

static int no_context, no_physinfo;
static char *commandline;
static libxl_dominfo domains[] = {
    {.domid = 0, .current_memkb = KIB(1000)},
    {.domid = 5, .current_memkb = KIB(300), .dying = true},
    {.domid = 6, .current_memkb = KIB(70)},
};
static int domain_count;

int __wrap_libxl_ctx_alloc(libxl_ctx **ctx, int version, unsigned flags, xentoollog_logger *logger)
{
    return no_context;
}

int __wrap_libxl_ctx_free(libxl_ctx *ctx) { return 0; }
void __wrap_libxl_dominfo_list_free(libxl_dominfo *list, int count) { assert_int_equal(count, domain_count); }

int __wrap_libxl_get_physinfo(libxl_ctx *ctx, libxl_physinfo *info)
{
    info->free_pages = MIB(200);
    info->scrub_pages = MIB(11);
    return no_physinfo;
}

libxl_dominfo *__wrap_libxl_list_domain(libxl_ctx *ctx, int *count)
{
    *count = domain_count;
    return domain_count ? domains : NULL;
}

const libxl_version_info *__wrap_libxl_get_version_info(libxl_ctx *ctx)
{
    static libxl_version_info info;

    info.commandline = commandline;
    return &info;
}

static void test_supply(void **state)
{
    static const struct {
        enum autoballoon autoballoon;
        const char *commandline;
        long dom0;
    } rows[] = {
        {AUTOBALLOON_AUTO, "", 872}, {AUTOBALLOON_AUTO, NULL, 872}, {AUTOBALLOON_AUTO, "console=vga dom0_mem=", 872},
        {AUTOBALLOON_AUTO, "dom0_mem=800M", 0}, {AUTOBALLOON_AUTO, "a dom0_mem=min:1G,max:2G,900M b", 0},
        {AUTOBALLOON_AUTO, "dom0_mem=1T", 0}, {AUTOBALLOON_AUTO, "dom0_mem=1G+10%,max:-1G", 0},
        {AUTOBALLOON_AUTO, "dom0_mem=5x%", 872},
        {AUTOBALLOON_AUTO, "xdom0_mem=800M", 872}, {AUTOBALLOON_AUTO, "dom0_mem=800Mx", 872},
        {AUTOBALLOON_ON, "dom0_mem=800M", 872}, {AUTOBALLOON_OFF, "", 0},
    };
    struct memory_supply supply;

    domain_count = ARRAY_LEN(domains);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        commandline = (char *)rows[i].commandline;
        assert_int_equal(host_memory_read(rows[i].autoballoon, &supply), 0);
        assert_int_equal(supply.free, 200 + 11 + 300);
        assert_int_equal(supply.dom0, rows[i].dom0);
    }
    domains[0].current_memkb = KIB(128);
    assert_int_equal(host_memory_read(AUTOBALLOON_ON, &supply), 0);
    assert_int_equal(supply.dom0, 0);
    domain_count = 0;
    assert_int_equal(host_memory_read(AUTOBALLOON_ON, &supply), -EIO);
    no_physinfo = ERROR_FAIL;
    assert_int_equal(host_memory_read(AUTOBALLOON_ON, &supply), -EIO);
    no_context = ERROR_FAIL;
    assert_int_equal(host_memory_read(AUTOBALLOON_ON, &supply), -EIO);
}

static void test_check(void **state)
{
#define TEXT "g.cfg: not enough memory: the guest takes "
    static const struct {
        struct memory_needs needs;
        long free, dom0;
        const char *fault;
    } rows[] = {
        {{.guest = 60, .maxmem = 60, .stub = 40, .shadow = -1}, 100, 0, ""},
        {{.guest = 61, .maxmem = 61, .stub = 40, .shadow = -1}, 100, 0,
         TEXT "61 MiB, its stub domain 40, Xen for them 0, and this host has 100 free"},
        {{.guest = 61, .maxmem = 61, .stub = 40, .shadow = -1}, 100, 1, ""},
        {{.guest = 62, .maxmem = 62, .stub = 40, .shadow = -1}, 100, 1,
         TEXT "62 MiB, its stub domain 40, Xen for them 0, and this host has 100 free, and 1 that dom0 can give"},
        /* Only what is there at first, and Xen's tables of what may come. */
        {{.guest = 50, .maxmem = 2559, .vcpus = 1, .stub = 40, .shadow = -1}, 100, 0, ""},
        {{.guest = 50, .maxmem = 2560, .vcpus = 1, .stub = 40, .shadow = -1}, 100, 0,
         TEXT "50 MiB, its stub domain 40, Xen for them 11, and this host has 100 free"},
        {{.guest = 50, .maxmem = 2560, .vcpus = 1, .stub = 40, .shadow = 10}, 100, 0, ""},
        {{.guest = 50, .maxmem = 50, .vcpus = 1, .stub = 40, .shadow = 11}, 100, 0,
         TEXT "50 MiB, its stub domain 40, Xen for them 11, and this host has 100 free"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct memory_supply supply = {rows[i].free, rows[i].dom0};
        struct fault fault = {""};

        assert_int_equal(host_memory_check(&rows[i].needs, &supply, "g.cfg", &fault), *rows[i].fault ? -ENOSPC : 0);
        assert_string_equal(fault.text, rows[i].fault);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_supply), cmocka_unit_test(test_check)};

    return cmocka_run_group_tests_name("xl-host-memory", tests, NULL, NULL);
}
