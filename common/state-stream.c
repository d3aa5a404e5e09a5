/*
 * Frames of a saved state (state-stream.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "state-stream.h"

#include "util.h"

#include <errno.h>
#include <string.h>

void state_header(uint8_t header[STATE_HEADER], uint32_t len)
{
    memcpy(header, STATE_MAGIC, 4);
    for (int i = 0; i < 4; i++)
        header[4 + i] = len >> 8 * i;
}

static int begin_frame(struct state_parser *parser)
{
    uint32_t len = 0;

    parser->have = 0;
    for (int i = 0; i < 4; i++)
        len |= (uint32_t)parser->header[4 + i] << 8 * i;
    if (memcmp(parser->header, STATE_MAGIC, 4) || len > STATE_FRAME_MAX)
        return -EPROTO;
    parser->left = len;
    return len ? STATE_NOTHING : STATE_END;
}

int state_parser_take(struct state_parser *parser, const void *buf, size_t len, size_t *used)
{
    if (parser->left) {
        *used = MIN(len, (size_t)parser->left);
        parser->left -= *used;
        return STATE_DATA;
    }
    *used = MIN(len, (size_t)STATE_HEADER - parser->have);
    memcpy(parser->header + parser->have, buf, *used);
    parser->have += *used;
    return parser->have == STATE_HEADER ? begin_frame(parser) : STATE_NOTHING;
}
