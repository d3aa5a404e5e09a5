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
 * For process 1 of an image with nothing else: does "VERB[,ARGUMENT]:VERB..." and returns. When process 1 then ends,
 * the kernel panics. "+VERB" runs while the next one is performed. LIST is changed.
 */
int stub_alone(char *list);

#endif
