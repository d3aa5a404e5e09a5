// sources: launcher/dom0-daemon/confined/qmp-session.c
// libs: json-c
/*
 * A QMP client that sends anything, in pieces of any size, and reads its replies now and then. The input's first byte
 * is the size of the pieces. The second says how often the rest is repeated, so that the limits on lengths are reached.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "input.h"
#include "qmp-session.h"
#include "util.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct qmp_facts facts = { .vnc = true, .chardev_count = 1 };
    static struct qmp_session session;
    size_t piece, times, n;

    if (size < 3)
        return 0;
    piece = data[0] + 1;
    times = data[1] + 1;
    data += 2;
    size -= 2;
    MUST(qmp_session_init(&session, &facts) == 0);
    for (size_t at = 0; at < size * times; at += n) {
        n = MIN(piece, size - at % size);
        if (qmp_session_feed(&session, (const char *)data + at % size, n))
            break;
        MUST(session.out_len <= sizeof(session.out));
        MUST(session.request_len < QMP_MAX_REQUEST);
        MUST(!session.out_len || session.out[session.out_len - 1] == '\n');
        if (piece & 1)
            qmp_session_sent(&session, session.out_len / 2);
    }
    qmp_session_dispose(&session);
    return 0;
}
