/*
 * A domain's pages, the stub domain's or its guest's, mapped. Root puts them into an open file of gntdev's
 * (root/grant-broker.h); what is left to the worker, which may map nothing by itself, is here.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef DM_GRANTS_H
#define DM_GRANTS_H

#include <stddef.h>
#include <stdint.h>

struct grants {
    int gntdev, broker_fd; /* not ours to close */
};

/*
 * COUNT pages that REFS stand for, one after another, at *PAGES: 0 or -errno. PROT as for mmap(). Waits for the
 * broker; when that is gone, so are we.
 */
int grants_map(const struct grants *grants, const uint32_t *refs, uint32_t count, int prot, void **pages);

/* When PAGE is unmapped, however we end, the octet at OFFSET becomes 0 and our PORT is notified. 0 or -errno. */
int grants_notify(const struct grants *grants, const void *page, size_t offset, uint32_t port);

void grants_unmap(const struct grants *grants, void *pages, uint32_t count);

#endif
