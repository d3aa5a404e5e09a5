/*
 * domains: asks libxl for a guest and its stub domain. See domains.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "domains.h"

#include <errno.h>
#include <libxl.h>
#include <libxl_utils.h>

int domains_find(const char *name, uint32_t *guest, uint32_t *stub, struct fault *fault)
{
    xentoollog_logger *logger = (xentoollog_logger *)xtl_createlogger_stdiostream(
        stderr, XTL_CRITICAL, 0);
    libxl_ctx *ctx = NULL;
    int rc = 0;

    if (!logger || libxl_ctx_alloc(&ctx, LIBXL_VERSION, 0, logger))
        rc = fault_set(fault, -EIO, "no Xen here, or not root");
    else if (libxl_domain_qualifier_to_domid(ctx, name, guest) || libxl_domain_info(ctx, NULL, *guest))
        rc = fault_set(fault, -ENOENT, "%s: there is no such domain", name);
    else if (!(*stub = libxl_get_stubdom_id(ctx, *guest)))
        rc = fault_set(fault, -ENOENT, "%s: its device model is not in a stub domain", name);
    libxl_ctx_free(ctx);
    if (logger)
        xtl_logger_destroy(logger);
    return rc;
}
