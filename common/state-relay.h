/*
 * Carries QEMU's saved state between a pipe, QEMU's end of it, and a console, dom0's
 * (state-stream.h). QEMU cannot use the console itself: it would say "saved" while the
 * tail is still on its way, and would wait for ever for the rest of a state that was
 * cut short.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef STATE_RELAY_H
#define STATE_RELAY_H

#include "loop.h"
#include "state-stream.h"

#include <stdbool.h>

#define STATE_CHUNK 4096
#define STATE_ANSWER_MS 20000 /* dom0's, once it has everything */

enum state_save_phase {
    STATE_SAVE_IDLE,   /* dom0 has stored all that QEMU wrote */
    STATE_SAVE_MOVING, /* QEMU has written more */
    STATE_SAVE_ENDING, /* an end was sent, the answer is not there */
};

struct state_save {
    struct loop *loop;
    struct loop_fd qemu, console;
    struct loop_timer patience;
    enum state_save_phase phase;
    bool settling; /* somebody waits for "all stored" */
    bool last;     /* stored, and the guest goes on with another QEMU */
    uint8_t buffer[STATE_HEADER + STATE_CHUNK]; /* to the console */
    size_t start, end;
    void (*settled)(void *data, bool stored);
    void *data;
};

struct state_restore {
    struct loop *loop;
    struct loop_fd qemu, console;
    struct state_parser parser;
    uint8_t buffer[STATE_CHUNK]; /* from the console */
    size_t start, end, carried;
    void (*ended)(void *data, int rc);
    void *data;
};

/*
 * Takes over console_fd, which is raw and does not block. *qemu_fd: QEMU's end of the
 * pipe, the caller's to hand over. 0 or -errno; then console_fd is closed.
 */
int state_save_open(struct state_save *save, struct loop *loop, int console_fd, int *qemu_fd);
int state_restore_open(struct state_restore *restore, struct loop *loop, int console_fd,
                       int *qemu_fd);

/*
 * Has dom0 stored all that QEMU has written up to now? If not, settled(data, stored)
 * says so from the loop, once; stored is false when something is lost for good.
 */
bool state_save_settle(struct state_save *save);

/*
 * state_restore: ended(data, rc) is called from the loop, once: 0 when QEMU was given the
 * whole state or wants no more of it, -EPROTO when what came is none, -EPIPE when dom0
 * hung up.
 */

/* Idempotent; a zeroed one is closed. */
void state_save_close(struct state_save *save);
void state_restore_close(struct state_restore *restore);

#endif
