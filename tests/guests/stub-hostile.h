/*
 * A stub domain that has been taken over: what it does to its own parts, and to dom0.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef STUB_HOSTILE_H
#define STUB_HOSTILE_H

/*
 * Obeys dom0's orders, which the lab writes to the stub domain's data/order as "NUMBER VERB
 * [ARGUMENT]"; when one is done, data/did is its NUMBER. Returns only when it cannot go on.
 * The verbs are in the table of stub-hostile.c.
 */
int stub_hostile(void);

/*
 * As process 1 of an image that has nothing else: does "VERB[,ARGUMENT]:VERB..." and returns,
 * which is a kernel panic; "+VERB" goes on beside the next. LIST is changed.
 */
int stub_alone(char *list);

#endif
