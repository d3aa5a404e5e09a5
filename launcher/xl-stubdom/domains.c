/*
 * domains: asks libxl for a guest and its stub domain. See domains.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "domains.h"

#include <errno.h>
#include <libxl.h>
#include <libxl_utils.h>
#include <stdio.h>
#include <string.h>
#include <xenstore.h>

#include "xs-read.h"

#define DOMID_MAX 0x7fef /* below DOMID_FIRST_RESERVED */

/*
 * libxl_get_stubdom_id() reads the same node, but its 0 is both "there is none" and "I cannot tell".
 * *STUB 0: there is none, for sure.
 */
static int find_stub(uint32_t guest, uint32_t *stub)
{
    struct xs_handle *xs = xs_open(0);
    char path[64];
    int rc;

    if (!xs)
        return -errno;
    snprintf(path, sizeof(path), "/local/domain/%u/image/device-model-domid", guest);
    *stub = 0;
    rc = xenstore_read_uint(xs, path, DOMID_MAX, stub);
    xs_close(xs);
    return rc == -ENOENT ? 0 : rc;
}

bool domains_lacks(const char *name)
{
    xentoollog_logger *logger = (xentoollog_logger *)xtl_createlogger_stdiostream(
        stderr, XTL_CRITICAL, 0);
    libxl_ctx *ctx = NULL;
    uint32_t domain;
    bool lacks = false;
    int rc;

    if (logger && !libxl_ctx_alloc(&ctx, LIBXL_VERSION, 0, logger)) {
        rc = libxl_domain_qualifier_to_domid(ctx, name, &domain);
        lacks = rc == ERROR_INVAL || (!rc && libxl_domain_info(ctx, NULL, domain) == ERROR_DOMAIN_NOTFOUND);
    }
    libxl_ctx_free(ctx);
    if (logger)
        xtl_logger_destroy(logger);
    return lacks;
}

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
    else if ((rc = find_stub(*guest, stub)))
        rc = fault_set(fault, -EIO, "%s: xenstore does not say where its device model is: %s", name, strerror(-rc));
    else if (!*stub)
        rc = fault_set(fault, -ENODEV, "%s: its device model is not in a stub domain", name);
    libxl_ctx_free(ctx);
    if (logger)
        xtl_logger_destroy(logger);
    return rc;
}
