/*
 * How QEMU's saved state crosses a console. A console has no end of file, and does not tell whether the other side has
 * read what was written. So a state without its last bytes would be taken for a whole one.
 *
 * Saving, console 1:     stub domain → dom0: frames; dom0 → stub domain: one answer
 *                        for each end.
 * Restoring, console 2:  stub domain → dom0: STATE_REQUEST, when its terminal is raw;
 *                        dom0 → stub domain: frames.
 *
 * A frame:
 *   octets 0–3   STATE_MAGIC
 *   octets 4–7   length of the data, little endian, 0 … STATE_FRAME_MAX; 0: the end
 *   octets 8–…   the data
 * An answer is one octet, STATE_STORED, STATE_FAILED or STATE_LAST (stored, and the guest
 * goes on with another QEMU, not with this one: a soft reset); so is a request. The stub domain sends an end whenever
 * it must know that all data so far is stored. Data that follows belongs to the same state, unless it begins with
 * STATE_BEGINNING: QEMU begins each state with it.
 *
 * Neither side trusts the other.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef STATE_STREAM_H
#define STATE_STREAM_H

#include <stddef.h>
#include <stdint.h>

#define STATE_MAGIC "XSst"
#define STATE_BEGINNING "QEVM"
#define STATE_HEADER 8
#define STATE_FRAME_MAX 65536

#define STATE_STORED 'K'
#define STATE_FAILED 'F'
#define STATE_LAST 'L'
#define STATE_REQUEST 'R'

struct state_parser {
    uint8_t header[STATE_HEADER];
    unsigned int have;  /* octets of the header */
    uint32_t left;      /* octets of the data to come */
};

enum state_event {
    STATE_NOTHING, /* the octets taken were a header, or a part of one */
    STATE_DATA,    /* the octets taken were all data */
    STATE_END,
};

/* Writes the header of a frame with len octets of data. */
void state_header(uint8_t header[STATE_HEADER], uint32_t len);

/*
 * Takes *used octets of the len at buf, at least one if len is not 0, and returns what they were. -EPROTO: this is no
 * frame. A zeroed parser is a new one.
 */
int state_parser_take(struct state_parser *parser, const void *buf, size_t len, size_t *used);

#endif
