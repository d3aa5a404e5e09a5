/*
 * Signals that tell a process to end, and who may tell it: HUP, INT and TERM also come to everybody in a session that
 * ends, or whom an administrator's killall names.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef DM_SIGNALS_H
#define DM_SIGNALS_H

#include <stdbool.h>
#include <sys/types.h>

/* Blocks HUP, INT, TERM and CHLD; a signalfd of this process's own that has them, or -errno. */
int signals_open(void);

/* Takes what is there; whether anybody has told us to end. Does not wait. */
bool signals_told(int signal_fd);

/* The same, but for HUP: libxl sends us a second one, in place of its proxy. */
bool signals_told_by_hand(int signal_fd);

/*
 * The supervisor tells a child to end, and the child asks whether it did: a stray signal is none of the supervisor's.
 * Who sent a signal does not show in a namespace of processes, so what came with it says so. 0 or -errno.
 */
int signals_send_end(pid_t pid);
bool signals_told_to_end(int signal_fd);

#endif
