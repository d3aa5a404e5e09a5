/*
 * What the worker asks root's grant broker for, over a SOCK_SEQPACKET socket pair: one packet each way, in native
 * layout, since both come from one fork. The worker waits for each answer.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef DM_GRANT_WIRE_H
#define DM_GRANT_WIRE_H

#include <stdint.h>

#define GRANT_MAX_PAGES 16 /* of one ring: vchan-client.h's largest */

enum grant_what {
    GRANT_MAP,    /* COUNT pages, 1 to GRANT_MAX_PAGES */
    GRANT_FORGET, /* what is at INDEX */
    GRANT_NOTIFY, /* when what is at INDEX, an octet's, goes: the octet becomes 0, and PORT is notified */
};

struct grant_request {
    uint32_t what;
    uint32_t count;
    uint32_t refs[GRANT_MAX_PAGES]; /* COUNT of them: grants of the stub domain's, that it chose */
    uint32_t port;                  /* of ours, that leads to the stub domain */
    uint64_t index;                 /* in the open file that both have */
};

struct grant_answer {
    int64_t rc;     /* 0 or -errno */
    uint64_t index; /* for mmap() */
};

#endif
