/*
 * host-memory: asks libxl what memory this host has. See host-memory.h.
 *
 * Source: freemem() and auto_autoballoon() in xl of Xen 4.17 and 4.20.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "host-memory.h"

#include <errno.h>
#include <libxl.h>
#include <regex.h>
#include <stdio.h>

#define DOM0_LEAST 128 /* libxl leaves so much to dom0, MiB */

/* By xl's own pattern, auto_autoballoon()'s. */
static bool dom0_is_fixed(libxl_ctx *ctx)
{
#define SIZE "-?[0-9]+[bBkKmMgGtT]?"
    static const char pattern[] =
        "(^| )dom0_mem=((|min:|max:)(" SIZE "|(" SIZE "\\+)?[0-9]{1,2}%),?)+($| )";
#undef SIZE
    const libxl_version_info *info = libxl_get_version_info(ctx);
    regex_t regex;
    int rc;

    if (!info || !info->commandline || regcomp(&regex, pattern, REG_NOSUB | REG_EXTENDED))
        return false;
    rc = regexec(&regex, info->commandline, 0, NULL, 0);
    regfree(&regex);
    return !rc;
}

static int read_supply(libxl_ctx *ctx, bool takes_from_dom0, struct memory_supply *supply)
{
    libxl_physinfo info;
    libxl_dominfo *domains;
    int count, rc;

    libxl_physinfo_init(&info);
    rc = libxl_get_physinfo(ctx, &info);
    if (!rc)
        supply->free = (info.free_pages + info.scrub_pages) >> 8;
    libxl_physinfo_dispose(&info);
    domains = rc ? NULL : libxl_list_domain(ctx, &count);
    if (!domains)
        return -EIO;
    for (int i = 0; i < count; i++) {
        long mib = domains[i].current_memkb >> 10;

        if (domains[i].dying)
            supply->free += mib;
        else if (!domains[i].domid && takes_from_dom0 && mib > DOM0_LEAST)
            supply->dom0 = mib - DOM0_LEAST;
    }
    libxl_dominfo_list_free(domains, count);
    return 0;
}

int host_memory_read(enum autoballoon autoballoon, struct memory_supply *supply)
{
    xentoollog_logger *logger = (xentoollog_logger *)xtl_createlogger_stdiostream(stderr, XTL_CRITICAL, 0);
    libxl_ctx *ctx = NULL;
    int rc = -EIO;

    *supply = (struct memory_supply){0};
    if (logger && !libxl_ctx_alloc(&ctx, LIBXL_VERSION, 0, logger))
        rc = read_supply(ctx, autoballoon == AUTOBALLOON_ON ||
                                  (autoballoon == AUTOBALLOON_AUTO && !dom0_is_fixed(ctx)), supply);
    libxl_ctx_free(ctx);
    if (logger)
        xtl_logger_destroy(logger);
    return rc;
}

int host_memory_check(const struct memory_needs *needs, const struct memory_supply *supply, const char *source,
                      struct fault *fault)
{
    /* For Xen's tables of the guest's memory: 1 MiB for each vCPU and 4 KiB for each MiB, by libxl's default. */
    long tables = needs->shadow >= 0 ? needs->shadow : needs->vcpus + needs->maxmem / 256;
    long all = needs->guest + needs->stub + tables;
    char dom0[80] = "";

    if (all <= supply->free + supply->dom0)
        return 0;
    if (supply->dom0)
        snprintf(dom0, sizeof(dom0), ", and %ld that dom0 can give", supply->dom0);
    return fault_set(fault, -ENOSPC,
                     "%s: not enough memory: the guest takes %ld MiB, its stub domain %ld, Xen for them %ld, and this "
                     "host has %ld free%s", source, needs->guest, needs->stub, tables, supply->free, dom0);
}
