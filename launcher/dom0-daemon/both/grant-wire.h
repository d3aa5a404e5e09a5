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

struct grant_request {
    uint32_t count;                 /* pages to map, 1 to GRANT_MAX_PAGES; 0: INDEX is to be forgotten */
    uint32_t refs[GRANT_MAX_PAGES]; /* COUNT of them: grants of the stub domain's, that it chose */
    uint64_t index;
};

struct grant_answer {
    int64_t rc;     /* 0 or -errno */
    uint64_t index; /* for mmap(), of the open file that both have */
};

#endif
